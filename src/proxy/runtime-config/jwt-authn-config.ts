import type { JwkKey } from "../../engine/jwt/index.ts";
import type { StringMatcher } from "../../engine/matcher/index.ts";
import type { RouteMatch } from "../../engine/router/index.ts";
import type { CoreRetryPolicy } from "./core-retry.ts";

/** `envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication`. */
export interface JwtAuthnConfig {
	readonly providers: readonly JwtProvider[];
	/** The first that matches a request decides; undefined requires nothing. */
	readonly rules: readonly { readonly match: RouteMatch; readonly requirement: JwtRequirement | undefined }[];
	/** Requirements that routes name. */
	readonly requirements: ReadonlyMap<string, JwtRequirement>;
	/** Requirements by the value of a filter state; undefined when there are none. */
	readonly filterState:
		| { readonly key: string; readonly requirements: ReadonlyMap<string, JwtRequirement> }
		| undefined;
	readonly bypassCorsPreflight: boolean;
	/** Failures have neither body nor `www-authenticate`. */
	readonly stripFailureResponse: boolean;
	/** Part of the statistics' names; empty when none. */
	readonly statPrefix: string;
}

export interface JwtProvider {
	readonly name: string;
	/** Empty: any issuer. */
	readonly issuer: string;
	/** Without scheme and final slash; empty: any. */
	readonly audiences: ReadonlySet<string>;
	readonly subjects: StringMatcher | undefined;
	/** Seconds; undefined: a token may last for ever, Infinity: it must end at some time. */
	readonly maxLifetimeSeconds: number | undefined;
	readonly keys: JwtKeySource;
	/** Whether the token goes on to the upstream. */
	readonly forwardsToken: boolean;
	readonly fromHeaders: readonly { readonly name: string; readonly prefix: string }[];
	readonly fromParameters: readonly string[];
	readonly fromCookies: readonly string[];
	/** Empty: the payload is not sent on. */
	readonly payloadHeader: string;
	readonly padsPayloadHeader: boolean;
	/** Keys of the dynamic metadata; empty: not published. */
	readonly payloadInMetadata: string;
	readonly headerInMetadata: string;
	readonly failureInMetadata: string;
	/** Claims of the payload in metadata that become lists. */
	readonly spaceDelimitedClaims: readonly string[];
	readonly clockSkewSeconds: number;
	/** Tokens kept as verified; 0: none. */
	readonly cacheSize: number;
	/** Longer ones are not kept. */
	readonly maxCachedTokenBytes: number;
	readonly claimHeaders: readonly { readonly header: string; readonly claimPath: readonly string[] }[];
	readonly clearsRouteCache: boolean;
}

export type JwtKeySource =
	| { readonly kind: "none" }
	| { readonly kind: "local"; readonly keys: readonly JwkKey[] }
	| {
			readonly kind: "remote";
			readonly cluster: string;
			readonly authority: string;
			/** With query. */
			readonly path: string;
			readonly timeoutMs: number;
			readonly cacheMs: number;
			/** Fetched ahead of requests; undefined: by the first request that needs the keys. */
			readonly ahead: { readonly blocksListener: boolean; readonly retryMs: number } | undefined;
			readonly retry: CoreRetryPolicy | undefined;
	  };

export type JwtRequirement =
	| { readonly kind: "nothing" }
	/** `audiences` undefined: the provider's. */
	| { readonly kind: "provider"; readonly provider: string; readonly audiences: ReadonlySet<string> | undefined }
	| { readonly kind: "any"; readonly requirements: readonly JwtRequirement[] }
	| { readonly kind: "all"; readonly requirements: readonly JwtRequirement[] }
	| { readonly kind: "allow-missing" }
	| { readonly kind: "allow-missing-or-failed" }
	/** As in Envoy: tokens are verified all the same, and a header says when one is not good. */
	| { readonly kind: "extract-only" };

/** `PerRouteConfig`. */
export type JwtRouteConfig = { readonly kind: "off" } | { readonly kind: "requirement"; readonly name: string };
