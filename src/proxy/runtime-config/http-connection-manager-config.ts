import type { LocalReplyConfig } from "../../engine/local-reply/index.ts";
import type { CidrRange } from "../../engine/matcher/index.ts";
import type { HeaderMutationStep, RouteTableConfig } from "../../engine/router/index.ts";
import type { AccessLogConfig } from "./access-log-config.ts";
import type { ConfigSourceConfig } from "./config-source-config.ts";
import type { HttpFilterConfig } from "./http-filter-config.ts";
import type { Http1Config, Http2Config } from "./http-protocol-config.ts";
import type { ScopedRoutesConfig } from "./route-scopes.ts";
import type { TracingConfig } from "./tracing.ts";

/** `HttpConnectionManager`, validated. Timeouts of 0 are off. */
export interface HttpConnectionManagerConfig {
	readonly statPrefix: string;
	readonly codec: "auto" | "http1" | "http2";
	readonly routes:
		| { readonly kind: "inline"; readonly table: RouteTableConfig }
		| { readonly kind: "rds"; readonly name: string; readonly source: ConfigSourceConfig }
		| ScopedRoutesConfig;
	/** The router is the last one. */
	readonly filters: readonly HttpFilterConfig[];

	/** `envoy` by default. */
	readonly serverName: string;
	readonly serverHeader: "overwrite" | "append-if-absent" | "pass-through";
	/** Undefined leaves the request's. */
	readonly schemeOverwrite: "http" | "https" | undefined;
	readonly schemeMatchUpstream: boolean;
	readonly addUserAgent: boolean;
	/** 60 KiB by default. */
	readonly maxRequestHeadersBytes: number;
	readonly common: CommonHttpConfig;
	readonly http1: Http1Config;
	readonly http2: Http2Config;

	/** 300 000 by default. */
	readonly streamIdleTimeoutMs: number;
	readonly requestTimeoutMs: number;
	readonly requestHeadersTimeoutMs: number;
	/** 5 000 by default. */
	readonly drainTimeoutMs: number;
	/** 1 000 by default. */
	readonly delayedCloseTimeoutMs: number;

	readonly accessLogs: readonly AccessLogConfig[];
	readonly accessLogOnNewRequest: boolean;
	/** 0 for never. */
	readonly accessLogFlushIntervalMs: number;

	readonly useRemoteAddress: boolean;
	readonly xffNumTrustedHops: number;
	readonly skipXffAppend: boolean;
	readonly appendXForwardedPort: boolean;
	readonly representIpv4AsIpv6: boolean;
	readonly internalAddresses: InternalAddressConfig;
	/** Empty for Envoy's own reading of x-forwarded-for. */
	readonly originalIpDetection: readonly OriginalIpDetection[];
	/** Empty for none. */
	readonly via: string;
	readonly generateRequestId: boolean;
	readonly preserveExternalRequestId: boolean;
	readonly alwaysSetRequestIdInResponse: boolean;
	/** Whether the trace reason is packed into the request id. */
	readonly packTraceReason: boolean;
	/** Whether the share of traced requests is drawn from their ids, alike at every hop. */
	readonly samplesByRequestId: boolean;
	readonly forwardClientCert: "sanitize" | "forward-only" | "append-forward" | "sanitize-set" | "always-forward-only";
	readonly clientCertDetails: {
		readonly subject: boolean;
		readonly cert: boolean;
		readonly chain: boolean;
		readonly dns: boolean;
		readonly uri: boolean;
	};
	readonly proxy100Continue: boolean;
	readonly upgrades: readonly UpgradeConfig[];
	readonly normalizePath: boolean;
	readonly mergeSlashes: boolean;
	readonly escapedSlashes: "keep" | "reject" | "unescape-and-redirect" | "unescape-and-forward";
	readonly stripPort: "keep" | "matching" | "any";
	readonly stripTrailingHostDot: boolean;
	readonly streamErrorOnInvalidMessage: boolean;
	readonly localReply: LocalReplyConfig | undefined;
	/** Run before anything is read from a head. */
	readonly earlyHeaderMutations: readonly HeaderMutationStep[];
	readonly appendLocalOverload: boolean;
	readonly tracing: TracingConfig | undefined;
}

/** `core.v3.HttpProtocolOptions`. */
export interface CommonHttpConfig {
	/** 3 600 000 by default; 0 turns it off. */
	readonly idleTimeoutMs: number;
	/** 0 for no bound, as the others here. */
	readonly maxConnectionDurationMs: number;
	/** 100 by default. */
	readonly maxHeadersCount: number;
	/** Undefined when unset. */
	readonly maxStreamDurationMs: number | undefined;
	readonly headersWithUnderscores: "allow" | "reject-request" | "drop-header";
	readonly maxRequestsPerConnection: number;
}

export interface InternalAddressConfig {
	readonly unixSockets: boolean;
	/** Undefined: the private ranges of RFC 1918 and RFC 4193. */
	readonly ranges: readonly CidrRange[] | undefined;
}

export type OriginalIpDetection =
	| {
			readonly kind: "custom-header";
			readonly header: string;
			readonly trusted: boolean;
			/** Status when the header is missing or no address; 0 goes on without. */
			readonly rejectStatus: number;
	  }
	| {
			readonly kind: "xff";
			readonly numTrustedHops: number;
			/** Whether the address of the peer is not put behind x-forwarded-for when this detection found one. */
			readonly skipXffAppend: boolean;
			/** The last address behind these proxies is the client's, if the peer is one of them; instead of counting hops. */
			readonly trustedRanges: readonly CidrRange[] | undefined;
	  };

export interface UpgradeConfig {
	/** Lower case: `websocket`, `connect`. */
	readonly type: string;
	readonly enabled: boolean;
	/** The chain of its own; undefined for the manager's. */
	readonly filters: readonly HttpFilterConfig[] | undefined;
}
