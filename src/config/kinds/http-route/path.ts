import type { PathMatch, PathRewrite, StringMatch } from "../../../model/index.ts";
import { defaulted, object, optional, required } from "../../schema/object.ts";
import { oneOf, quote, string } from "../../schema/scalars.ts";
import { type Reader, refine, type Schema } from "../../schema/schema.ts";
import { findPatternFault } from "./regular-expression.ts";

const forbidden = ["//", "/./", "/../", "%2f", "%2F", "#"];
const characters = /^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})+$/;

/** What is wrong with a path of an Exact or PathPrefix match (Gateway API v1, HTTPPathMatch), or undefined. */
export function findPathFault(path: string): string | undefined {
	if (!path.startsWith("/")) return "must start with '/'";
	for (const part of forbidden) if (path.includes(part)) return `must not contain '${part}'`;
	if (path.endsWith("/..") || path.endsWith("/.")) return "must not end with '/.' or '/..'";
	if (!characters.test(path)) return "has a character that must be percent-encoded";
	return undefined;
}

const pathFields = object({
	type: defaulted(
		oneOf(["Exact", "PathPrefix", "RegularExpression"]),
		"PathPrefix",
		"`PathPrefix` compares whole segments; `RegularExpression` (RE2) must match the whole path",
		"PathPrefix",
	),
	value: defaulted(string({ maxLength: 1024 }), "/", "Path to compare with, without the query", "/"),
});

/** `path` of a match. */
export const pathMatch: Schema<PathMatch> = refine(
	pathFields,
	({ type, value }, _node, reader): PathMatch | undefined => {
		if (type === "RegularExpression") return readPattern(value, reader.field("value"));
		const fault = findPathFault(value);
		if (fault !== undefined) return reader.field("value").refuse(`${quote(value)} ${fault}`);
		return { kind: type === "Exact" ? "exact" : "prefix", value };
	},
);

/** A regular expression as a match, or undefined after it was refused. */
export function readPattern(value: string, reader: Reader): (StringMatch & { kind: "regex" }) | undefined {
	const fault = findPatternFault(value);
	if (fault === undefined) return { kind: "regex", value };
	return reader.refuse(`${quote(value)} is no RE2 regular expression: ${fault}`);
}

const modifierFields = object({
	type: required(
		oneOf(["ReplaceFullPath", "ReplacePrefixMatch"]),
		"What is replaced: the whole path, or the prefix that matched",
	),
	replaceFullPath: optional(replacement(), "New path, with type ReplaceFullPath"),
	replacePrefixMatch: optional(replacement(), "New prefix, with type ReplacePrefixMatch"),
});

/** `path` of a redirect or rewrite. */
export const pathModifier: Schema<PathRewrite> = refine(
	modifierFields,
	(value, _node, reader): PathRewrite | undefined => {
		const { type, replaceFullPath: full, replacePrefixMatch: prefix } = value;
		const [wanted, other] = type === "ReplaceFullPath" ? [full, prefix] : [prefix, full];
		const [wantedName, otherName] =
			type === "ReplaceFullPath"
				? (["replaceFullPath", "replacePrefixMatch"] as const)
				: (["replacePrefixMatch", "replaceFullPath"] as const);
		if (wanted === undefined) reader.field(wantedName).refuse(`is required with type ${type}`);
		if (other !== undefined) reader.field(otherName).refuse(`must not be set with type ${type}`);
		if (wanted === undefined || other !== undefined) return undefined;
		if (type === "ReplacePrefixMatch") return { kind: "prefix", value: wanted };
		// No path is empty.
		return { kind: "full", value: wanted === "" ? "/" : wanted };
	},
);

function replacement(): Schema<string> {
	return refine(string({ minLength: 0, maxLength: 1024 }), (text, _node, reader) => {
		const [path = "", ...query] = text.split("?");
		const isGood = path.startsWith("/") && characters.test(path) && query.every((part) => /^[^\s#]*$/.test(part));
		if (text === "" || isGood) return text;
		return reader.refuse(`${quote(text)} must start with '/' and be percent-encoded`);
	});
}
