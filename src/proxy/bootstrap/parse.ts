import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { parseDocument } from "yaml";
import { type Bootstrap, BootstrapSchema } from "../../api/gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { describeError, type Problem, type Validated } from "../../core/index.ts";
import { readMessage } from "./json-message.ts";

/** How a text is written; JSON is YAML too, but its faults are told better by its own parser. */
export type TextFormat = "yaml" | "json";

/** Parses a bootstrap file. */
export function parseBootstrap(text: string, format: TextFormat = "yaml"): Validated<Bootstrap> {
	return parseMessage(BootstrapSchema, text, format);
}

/** Parses any message from YAML or JSON: all unknown fields and wrong types at once, each with its path. */
export function parseMessage<Desc extends DescMessage>(
	schema: Desc,
	text: string,
	format: TextFormat = "yaml",
): Validated<MessageShape<Desc>> {
	const json = parseText(text, format);
	if (!json.ok) return json;
	const problems: Problem[] = [];
	const message = readMessage(schema, json.value ?? {}, "", problems);
	return problems.length > 0 ? { ok: false, problems } : { ok: true, value: message as MessageShape<Desc> };
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
