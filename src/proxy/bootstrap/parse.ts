import { type DescMessage, fromBinary, type MessageShape, mergeFromBinary, toBinary } from "@bufbuild/protobuf";
import { parseDocument } from "yaml";
import { type Bootstrap, BootstrapSchema } from "../../api/gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { describeError, type Problem, type Validated } from "../../core/index.ts";
import { isUnknownField, readMessage } from "./json-message.ts";
import { parseTextProto } from "./text-proto.ts";
import { shapeOfMessage } from "./text-shape.ts";

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
	const problems: Problem[] = [];
	const message = readMessage(schema, json.value ?? {}, "", problems);
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
	const document = parseDocument(text, { merge: true, prettyErrors: true });
	if (document.errors.length > 0) {
		return {
			ok: false,
			problems: document.errors.map((error) => ({
				path: "",
				problem: `no YAML: ${error.message.split("\n", 1)[0]?.replace(/:$/, "")}`,
			})),
		};
	}
	return { ok: true, value: document.toJS() };
}
