import type { SubstitutionFormatString } from "../../api/gen/envoy/config/core/v3/substitution_format_string_pb.js";
import type { BodyFormat } from "../../engine/local-reply/index.ts";
import { readSubstitutionFormat } from "./access-log.ts";
import type { Scope } from "./scope.ts";

/** What the body of an answer is written by; undefined stays undefined. */
export function readBodyFormat(message: SubstitutionFormatString | undefined, scope: Scope): BodyFormat | undefined {
	if (message === undefined) return undefined;
	const isJson = message.format.case === "jsonFormat";
	return {
		formatter: readSubstitutionFormat(message, scope),
		contentType: message.contentType !== "" ? message.contentType : isJson ? "application/json" : "text/plain",
	};
}
