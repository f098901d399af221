import type { Formatter } from "../format/index.ts";
import type { CidrRange, HeaderMatcher, QueryParameterMatcher } from "../matcher/index.ts";

/** `envoy.config.route.v3.RateLimit`: makes at most one descriptor of a request. */
export interface RateLimitPolicy {
	readonly stage: number;
	/** A runtime key that turns the policy off; empty when there is none. */
	readonly disableKey: string;
	readonly actions: readonly RateLimitAction[];
	/** Where dynamic metadata says another limit. */
	readonly limit: MetadataPath | undefined;
	/** What the request counts; undefined counts one. */
	readonly hits:
		| { readonly kind: "number"; readonly value: number }
		| { readonly kind: "format"; readonly value: Formatter }
		| undefined;
	/** Whether the request counts when it is over. */
	readonly onStreamDone: boolean;
	/** Whether limits of this policy show in `x-ratelimit-*`; `unspecified` leaves it to the filter. */
	readonly headers: "unspecified" | "off" | "on";
}

/** A key of metadata. */
export interface MetadataPath {
	readonly namespace: string;
	readonly path: readonly string[];
}

/** One entry of a descriptor. Keys are never empty. */
export type RateLimitAction =
	| { readonly kind: "source-cluster" }
	| { readonly kind: "destination-cluster" }
	| { readonly kind: "remote-address" }
	| { readonly kind: "masked-remote-address"; readonly v4Length: number; readonly v6Length: number }
	| { readonly kind: "header"; readonly key: string; readonly name: string; readonly skipIfAbsent: boolean }
	| { readonly kind: "query"; readonly key: string; readonly name: string; readonly skipIfAbsent: boolean }
	| { readonly kind: "generic"; readonly key: string; readonly value: Formatter; readonly defaultValue: string }
	| {
			readonly kind: "address-match";
			readonly key: string;
			readonly value: Formatter;
			readonly defaultValue: string;
			readonly ranges: readonly CidrRange[];
			/** Whether addresses outside of the ranges match. */
			readonly isInverted: boolean;
	  }
	| {
			readonly kind: "header-match";
			readonly key: string;
			readonly value: Formatter;
			readonly defaultValue: string;
			readonly expectMatch: boolean;
			readonly headers: readonly HeaderMatcher[];
	  }
	| {
			readonly kind: "query-match";
			readonly key: string;
			readonly value: Formatter;
			readonly defaultValue: string;
			readonly expectMatch: boolean;
			readonly parameters: readonly QueryParameterMatcher[];
	  }
	| {
			readonly kind: "metadata";
			readonly key: string;
			readonly source: "dynamic" | "route";
			readonly path: MetadataPath;
			readonly defaultValue: string;
			readonly skipIfAbsent: boolean;
	  };
