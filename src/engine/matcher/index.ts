/** Matchers of texts, headers, query parameters, addresses and metadata, compiled once; RE2 patterns in JavaScript.
 *  Spec: envoy.type.matcher.v3. */
export { firstOfCidr, isInAnyCidr, isInCidr, parseAddress, parseCidr } from "./cidr.ts";
export {
	appendHeader,
	getQueryParameter,
	getRequestHeader,
	lookupMetadata,
	matchHeaders,
	matchHeaderValue,
	matchMetadata,
	matchQueryParameter,
	matchRequestHeader,
	matchRequestHeaders,
	matchString,
	matchValue,
} from "./match.ts";
export { MessageMatch, type MessagePredicate } from "./message-predicate.ts";
export type { JsonObject, JsonValue, Metadata } from "./metadata.ts";
export { translateRe2 } from "./re2.ts";
export {
	type CompiledRegex,
	compileFullMatch,
	compileSubstitution,
	type RegexSubstitution,
	substitute,
} from "./regex.ts";
export type {
	CidrRange,
	HeaderMatcher,
	MetadataCriteria,
	MetadataMatcher,
	QueryParameterMatcher,
	StringMatcher,
	ValueMatcher,
} from "./types.ts";
