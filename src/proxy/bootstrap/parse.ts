import { type DescMessage, fromBinary, type MessageShape, mergeFromBinary, toBinary } from "@bufbuild/protobuf";
import { type Bootstrap, BootstrapSchema } from "../../api/gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { describeError, type Problem, type Validated } from "../../core/index.ts";
import { isUnknownField, readMessage } from "./json-message.ts";
import { parseTextProto } from "./text-proto.ts";
import { shapeOfMessage } from "./text-shape.ts";
import { parseYaml } from "./yaml.ts";

/** How a text is written; JSON is YAML too, but its faults are told better by its own parser. */
export type TextFormat = "yaml" | "json" | "text-proto";

/** Parses a bootstrap file. `onUnknown` takes fields that nobody knows; without it they are problems. */
export function parseBootstrap(
	text: string,
	format: TextFormat = "yaml",
	onUnknown?: (field: Problem) => void,
): Validated<Bootstrap> {
	return parseMessage(BootstrapSchema, text, format, onUnknown);
}

/** Reads a bootstrap from protobuf's own bytes. */
export function parseBinaryBootstrap(bytes: Uint8Array): Validated<Bootstrap> {
	try {
		return { ok: true, value: fromBinary(BootstrapSchema, bytes) };
	} catch (error) {
		return { ok: false, problems: [{ path: "", problem: `no bytes of a bootstrap: ${describeError(error)}` }] };
	}
}

/** Puts what `over` sets into `base`, as protobuf merges: lists are joined. */
export function mergeBootstrap(base: Bootstrap, over: Bootstrap): void {
	mergeFromBinary(BootstrapSchema, base, toBinary(BootstrapSchema, over));
}

/** Parses any message from YAML or JSON: all unknown fields and wrong types at once, each with its path. */
export function parseMessage<Desc extends DescMessage>(
	schema: Desc,
	text: string,
	format: TextFormat = "yaml",
	onUnknown?: (field: Problem) => void,
): Validated<MessageShape<Desc>> {
	const json = format === "text-proto" ? parseTextFormat(schema, text) : parseText(text, format);
	if (!json.ok) return json;
	if (json.value === null || json.value === undefined)
		return { ok: false, problems: [{ path: "", problem: "is empty" }] };
	return readJsonMessage(schema, json.value, onUnknown);
}

/** Reads any message from a value of JSON, see {@link parseMessage}. */
export function readJsonMessage<Desc extends DescMessage>(
	schema: Desc,
	json: unknown,
	onUnknown?: (field: Problem) => void,
): Validated<MessageShape<Desc>> {
	const problems: Problem[] = [];
	const message = readMessage(schema, json, "", problems);
	const isPassedOver = (problem: Problem): boolean => onUnknown !== undefined && isUnknownField(problem);
	const faults = problems.filter((problem) => !isPassedOver(problem));
	for (const problem of problems) if (isPassedOver(problem)) onUnknown?.(problem);
	return faults.length > 0 ? { ok: false, problems: faults } : { ok: true, value: message as MessageShape<Desc> };
}

function parseTextFormat(schema: DescMessage, text: string): Validated<unknown> {
	try {
		return { ok: true, value: parseTextProto(text, shapeOfMessage(schema)) };
	} catch (error) {
		return { ok: false, problems: [{ path: "", problem: `no text of ${schema.typeName}: ${describeError(error)}` }] };
	}
}

function parseText(text: string, format: TextFormat): Validated<unknown> {
	if (format === "json") {
		try {
			return { ok: true, value: JSON.parse(text) };
		} catch (error) {
			return { ok: false, problems: [{ path: "", problem: `no JSON: ${describeError(error)}` }] };
		}
	}
	return parseYaml(text);
}
