import type {
	HeaderMatcher as HeaderMessage,
	QueryParameterMatcher as QueryMessage,
} from "../../api/gen/envoy/config/route/v3/route_components_pb.js";
import type { MetadataMatcher as MetadataMessage } from "../../api/gen/envoy/type/matcher/v3/metadata_pb.js";
import type { RegexMatchAndSubstitute, RegexMatcher } from "../../api/gen/envoy/type/matcher/v3/regex_pb.js";
import type { StringMatcher as StringMessage } from "../../api/gen/envoy/type/matcher/v3/string_pb.js";
import type { ValueMatcher as ValueMessage } from "../../api/gen/envoy/type/matcher/v3/value_pb.js";
import {
	compileFullMatch,
	compileSubstitution,
	type HeaderMatcher,
	type MetadataMatcher,
	type QueryParameterMatcher,
	type RegexSubstitution,
	type StringMatcher,
	type ValueMatcher,
} from "../../engine/matcher/index.ts";
import { type Scope, toWireText } from "./scope.ts";

const matchesNothing = /(?!)/;

/** A pattern that must match a whole text; a broken one is reported. */
export function readRegex(message: RegexMatcher, scope: Scope): RegExp {
	return compileRegex(message.regex, scope.at("regex"));
}

export function readRegexSubstitution(message: RegexMatchAndSubstitute, scope: Scope): RegexSubstitution {
	const compiled = compileSubstitution(message.pattern?.regex ?? "", toWireText(message.substitution));
	if (compiled.ok) return compiled.value;
	scope.report(compiled.problem);
	return { regex: matchesNothing, substitution: "" };
}

export function readStringMatcher(message: StringMessage | undefined, scope: Scope): StringMatcher {
	const pattern = message?.matchPattern;
	switch (pattern?.case) {
		case "safeRegex":
			if (message?.ignoreCase) scope.at("ignore_case").report("has no effect on safe_regex; use (?i) in the pattern");
			return { kind: "regex", regex: readRegex(pattern.value, scope.at("safe_regex")) };
		case "exact":
		case "prefix":
		case "suffix":
		case "contains":
			return makeStringMatcher(pattern.case, pattern.value, message?.ignoreCase ?? false);
		default:
			// A custom matcher was reported by the table of supported fields.
			return { kind: "exact", value: "", ignoreCase: false };
	}
}

export function readHeaderMatchers(messages: readonly HeaderMessage[], scope: Scope, field: string): HeaderMatcher[] {
	return messages.map((message, index) => readHeaderMatcher(message, scope.at(field, index)));
}

export function readHeaderMatcher(message: HeaderMessage, scope: Scope): HeaderMatcher {
	return {
		name: message.name.toLowerCase(),
		invert: message.invertMatch,
		treatMissingAsEmpty: message.treatMissingHeaderAsEmpty,
		value: readHeaderValue(message, scope),
	};
}

function readHeaderValue(message: HeaderMessage, scope: Scope): HeaderMatcher["value"] {
	const specifier = message.headerMatchSpecifier;
	switch (specifier.case) {
		case undefined:
			return { kind: "present", present: true };
		case "presentMatch":
			return { kind: "present", present: specifier.value };
		case "rangeMatch":
			return { kind: "range", start: specifier.value.start, end: specifier.value.end };
		case "stringMatch":
			return { kind: "string", matcher: readStringMatcher(specifier.value, scope.at("string_match")) };
		case "safeRegexMatch":
			return {
				kind: "string",
				matcher: { kind: "regex", regex: readRegex(specifier.value, scope.at("safe_regex_match")) },
			};
		case "exactMatch":
			return { kind: "string", matcher: makeStringMatcher("exact", specifier.value, false) };
		case "prefixMatch":
			return { kind: "string", matcher: makeStringMatcher("prefix", specifier.value, false) };
		case "suffixMatch":
			return { kind: "string", matcher: makeStringMatcher("suffix", specifier.value, false) };
		case "containsMatch":
			return { kind: "string", matcher: makeStringMatcher("contains", specifier.value, false) };
	}
}

export function readQueryMatchers(
	messages: readonly QueryMessage[],
	scope: Scope,
	field: string,
): QueryParameterMatcher[] {
	return messages.map((message, index) => {
		const specifier = message.queryParameterMatchSpecifier;
		const value: QueryParameterMatcher["value"] =
			specifier.case === "stringMatch"
				? { kind: "string", matcher: readStringMatcher(specifier.value, scope.at(field, index).at("string_match")) }
				: { kind: "present", present: specifier.case === "presentMatch" ? specifier.value : true };
		return { name: toWireText(message.name), value };
	});
}

export function readMetadataMatchers(
	messages: readonly MetadataMessage[],
	scope: Scope,
	field: string,
): MetadataMatcher[] {
	return messages.map((message, index) => readMetadataMatcher(message, scope.at(field, index)));
}

export function readMetadataMatcher(message: MetadataMessage, scope: Scope): MetadataMatcher {
	return {
		namespace: message.filter,
		path: message.path.map((segment) => (segment.segment.case === "key" ? segment.segment.value : "")),
		value: readValueMatcher(message.value, scope.at("value")),
		invert: message.invert,
	};
}

function readValueMatcher(message: ValueMessage | undefined, scope: Scope): ValueMatcher {
	const pattern = message?.matchPattern;
	switch (pattern?.case) {
		case "nullMatch":
			return { kind: "null" };
		case "presentMatch":
			return { kind: "present", present: pattern.value };
		case "boolMatch":
			return { kind: "bool", value: pattern.value };
		case "doubleMatch": {
			const inner = pattern.value.matchPattern;
			if (inner.case === "range") return { kind: "range", start: inner.value.start, end: inner.value.end };
			return { kind: "number", value: inner.case === "exact" ? inner.value : Number.NaN };
		}
		case "stringMatch":
			return { kind: "string", matcher: readStringMatcher(pattern.value, scope.at("string_match")) };
		case "listMatch": {
			const inner = pattern.value.matchPattern;
			const oneOf = inner.case === "oneOf" ? inner.value : undefined;
			return { kind: "list", oneOf: readValueMatcher(oneOf, scope.at("list_match").at("one_of")) };
		}
		case "orMatch":
			return {
				kind: "or",
				matchers: pattern.value.valueMatchers.map((one, index) =>
					readValueMatcher(one, scope.at("or_match").at("value_matchers", index)),
				),
			};
		default:
			return { kind: "present", present: true };
	}
}

/** An exact, prefix, suffix or contains matcher of a text of the configuration. */
export function makeStringMatcher(
	kind: "exact" | "prefix" | "suffix" | "contains",
	text: string,
	ignoreCase: boolean,
): StringMatcher {
	const value = toWireText(text);
	return { kind, value: ignoreCase ? value.toLowerCase() : value, ignoreCase };
}

function compileRegex(pattern: string, scope: Scope): RegExp {
	const compiled = compileFullMatch(pattern);
	if (compiled.ok) return compiled.regex;
	scope.report(`invalid regex '${pattern}': ${compiled.problem}`);
	return matchesNothing;
}
