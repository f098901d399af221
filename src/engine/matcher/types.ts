import type { JsonValue } from "./metadata.ts";

/** `envoy.type.matcher.v3.StringMatcher`, ready to run. Texts that ignore case are stored in lower case. */
export type StringMatcher =
	| { readonly kind: "exact"; readonly value: string; readonly ignoreCase: boolean }
	| { readonly kind: "prefix"; readonly value: string; readonly ignoreCase: boolean }
	| { readonly kind: "suffix"; readonly value: string; readonly ignoreCase: boolean }
	| { readonly kind: "contains"; readonly value: string; readonly ignoreCase: boolean }
	/** Anchored on both sides: the whole text must match. */
	| { readonly kind: "regex"; readonly regex: RegExp };

/** `envoy.config.route.v3.HeaderMatcher`. */
export interface HeaderMatcher {
	/** Lower case; pseudo headers with their colon. */
	readonly name: string;
	readonly invert: boolean;
	readonly treatMissingAsEmpty: boolean;
	readonly value:
		| { readonly kind: "present"; readonly present: boolean }
		| { readonly kind: "string"; readonly matcher: StringMatcher }
		/** Inclusive start, exclusive end. */
		| { readonly kind: "range"; readonly start: bigint; readonly end: bigint };
}

/** `envoy.config.route.v3.QueryParameterMatcher`. */
export interface QueryParameterMatcher {
	readonly name: string;
	readonly value:
		| { readonly kind: "present"; readonly present: boolean }
		| { readonly kind: "string"; readonly matcher: StringMatcher };
}

/** `envoy.type.matcher.v3.ValueMatcher`. */
export type ValueMatcher =
	| { readonly kind: "null" }
	| { readonly kind: "present"; readonly present: boolean }
	| { readonly kind: "bool"; readonly value: boolean }
	| { readonly kind: "number"; readonly value: number }
	/** Inclusive start, exclusive end. */
	| { readonly kind: "range"; readonly start: number; readonly end: number }
	| { readonly kind: "string"; readonly matcher: StringMatcher }
	/** Some element of a list matches. */
	| { readonly kind: "list"; readonly oneOf: ValueMatcher }
	| { readonly kind: "or"; readonly matchers: readonly ValueMatcher[] };

/** `envoy.type.matcher.v3.MetadataMatcher`: namespace, path of keys, and what the value must be. */
export interface MetadataMatcher {
	readonly namespace: string;
	readonly path: readonly string[];
	readonly value: ValueMatcher;
	readonly invert: boolean;
}

/** One prefix of IP addresses, as bytes with a length in bits. */
export interface CidrRange {
	/** 4 or 16 bytes. */
	readonly address: Uint8Array;
	readonly prefixLength: number;
}

/** A JSON value that every key of must be equal: subset selectors, `metadata_match`, transport socket matches. */
export type MetadataCriteria = Readonly<Record<string, JsonValue>>;
