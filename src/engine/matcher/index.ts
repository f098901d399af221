/** Matchers of texts, headers, query parameters, addresses and metadata, compiled once; RE2 patterns in JavaScript.
 *  Spec: envoy.type.matcher.v3. */
export type { JsonObject, JsonValue, Metadata } from "./metadata.ts";
export type {
	CidrRange,
	HeaderMatcher,
	MetadataCriteria,
	MetadataMatcher,
	QueryParameterMatcher,
	StringMatcher,
	ValueMatcher,
} from "./types.ts";
