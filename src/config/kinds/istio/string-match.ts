import type { StringMatch } from "../../../model/index.ts";
import { object, optional } from "../../schema/object.ts";
import { string } from "../../schema/scalars.ts";
import { type Reader, refine, type Schema } from "../../schema/schema.ts";
import { readPattern } from "../http-route/path.ts";

/** A StringMatch of Istio; one that says nothing asks only that the value is there. */
export type OptionalMatch = StringMatch | { readonly kind: "present" };

const fields = object({
	exact: optional(string({ minLength: 0 }), "The whole value"),
	prefix: optional(string({ minLength: 0 }), "How the value starts"),
	regex: optional(string({ maxLength: 1024 }), "RE2 expression that must match the whole value"),
});

/** A StringMatch whose absence of words means presence, as on headers and query parameters. */
export const optionalMatch: Schema<OptionalMatch> = refine(fields, (value, _node, reader) => {
	const set = Object.entries(value).filter(([, text]) => text !== undefined);
	if (set.length > 1)
		return reader.refuse(`must have one of exact, prefix and regex, not ${set.map(([name]) => name).join(" and ")}`);
	if (value.exact !== undefined) return { kind: "exact", value: value.exact };
	if (value.prefix !== undefined) return { kind: "prefix", value: value.prefix };
	if (value.regex !== undefined) return readRegex(value.regex, reader.field("regex"));
	return { kind: "present" };
});

/** A StringMatch that must say something, as on the path. */
export const stringMatch: Schema<StringMatch> = refine(optionalMatch, (value, _node, reader) =>
	value.kind === "present" ? reader.refuse("must have exact, prefix or regex") : value,
);

/** Istio reads the expression `*` as presence. */
function readRegex(regex: string, reader: Reader): OptionalMatch | undefined {
	return regex === "*" ? { kind: "present" } : readPattern(regex, reader);
}
