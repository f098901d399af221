import type { HeaderRules } from "../../engine/header-rules/index.ts";
import type { MetadataMatcher, StringMatcher } from "../../engine/matcher/index.ts";
import type { HeaderAddition } from "../../engine/router/index.ts";
import type { RuntimeFraction } from "../../engine/runtime/index.ts";
import type { GrpcServiceConfig } from "./config-source-config.ts";
import type { CoreRetryPolicy } from "./core-retry.ts";

/** `envoy.extensions.filters.http.ext_authz.v3.ExtAuthz`. */
export interface ExtAuthzConfig {
	readonly service: AuthorizationService;
	readonly allowsFailure: boolean;
	/** Tells the upstream that the authorization failed and was let through. */
	readonly addsFailureHeader: boolean;
	/** Undefined: bodies are not sent. */
	readonly body: AuthorizationBody | undefined;
	readonly clearsRouteCache: boolean;
	readonly statusOnError: number;
	readonly validatesMutations: boolean;
	/** Longer bodies of denials are cut; 0 for no bound. */
	readonly maxDeniedBodyBytes: number;
	/** Whether gRPC services get the headers as bytes, each by itself. */
	readonly sendsRawHeaders: boolean;
	readonly metadataNamespaces: readonly string[];
	readonly routeMetadataNamespaces: readonly string[];
	/** Undefined: always. */
	readonly enabled: RuntimeFraction | undefined;
	readonly enabledMetadata: MetadataMatcher | undefined;
	readonly denyAtDisable: { readonly defaultValue: boolean; readonly runtimeKey: string };
	readonly includesPeerCertificate: boolean;
	readonly includesServerName: boolean;
	/** Part of the statistics' names; empty when none. */
	readonly statPrefix: string;
	/** Undefined: all that the service may see. */
	readonly allowedHeaders: readonly StringMatcher[] | undefined;
	readonly disallowedHeaders: readonly StringMatcher[];
	/** Whether denials count as answers of the route's cluster. */
	readonly countsForCluster: boolean;
	/** Undefined: every change is allowed. */
	readonly headerRules: HeaderRules | undefined;
	readonly takesMetadata: boolean;
	/** Whether fields for an upstream's answer beyond what its cluster takes fail the request. */
	readonly limitsResponseHeaders: boolean;
	/** Whether denials and failures are only counted and noted. */
	readonly isShadow: boolean;
	/** The part of the node's metadata whose texts are labels of the destination; empty for none. */
	readonly labelsKey: string;
}

export interface AuthorizationBody {
	readonly maxBytes: number;
	/** Longer bodies are cut; otherwise they fail the request. */
	readonly allowsPartial: boolean;
	readonly packsAsBytes: boolean;
}

export type AuthorizationService =
	| { readonly kind: "grpc"; readonly service: GrpcServiceConfig }
	| ({ readonly kind: "http" } & HttpAuthorization);

export interface HttpAuthorization {
	readonly cluster: string;
	readonly authority: string;
	readonly timeoutMs: number;
	/** Before the request's path. */
	readonly pathPrefix: string;
	/** In place of the request's path; empty when not set. */
	readonly pathOverride: string;
	readonly retry: CoreRetryPolicy | undefined;
	/** Deprecated place of the filter's `allowed_headers`. */
	readonly allowedHeaders: readonly StringMatcher[] | undefined;
	readonly headersToAdd: readonly HeaderAddition[];
	readonly upstreamHeaders: readonly StringMatcher[];
	readonly upstreamHeadersToAppend: readonly StringMatcher[];
	/** Undefined: all but the host. */
	readonly clientHeaders: readonly StringMatcher[] | undefined;
	readonly clientHeadersOnSuccess: readonly StringMatcher[];
	readonly metadataHeaders: readonly StringMatcher[];
}

/** `ExtAuthzPerRoute`. */
export type ExtAuthzRouteConfig =
	| { readonly kind: "off" }
	| {
			readonly kind: "settings";
			readonly contextExtensions: Readonly<Record<string, string>>;
			readonly skipsBody: boolean;
			/** Undefined: the filter's. */
			readonly body: AuthorizationBody | undefined;
			readonly service: AuthorizationService | undefined;
	  };
