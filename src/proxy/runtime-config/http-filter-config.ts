import type { RbacConfig } from "../../engine/authorization/index.ts";
import type { Expression } from "../../engine/expression/index.ts";
import type { FaultConfig } from "../../engine/fault/index.ts";
import type { StringMatcher } from "../../engine/matcher/index.ts";
import type { RuntimeFraction } from "../../engine/runtime/index.ts";
import type { AccessLogConfig } from "./access-log-config.ts";
import type { AdmissionControlConfig } from "./admission-control.ts";
import type { ApiKeyAuthConfig, ApiKeyAuthRouteConfig } from "./api-key-auth.ts";
import type { BandwidthLimitConfig } from "./bandwidth-limit.ts";
import type { BasicAuthConfig, BasicAuthUsers } from "./basic-auth.ts";
import type { BufferConfig } from "./buffer.ts";
import type { CallOutFilterConfig, CallOutOverride } from "./call-out-filter-config.ts";
import type { CdnLoopConfig } from "./cdn-loop.ts";
import type { CompressorConfig, CompressorOverride, DecompressorConfig } from "./compression.ts";
import type { CredentialInjectorConfig } from "./credential-injector.ts";
import type { CsrfConfig } from "./csrf.ts";
import type { CustomResponseConfig } from "./custom-response.ts";
import type { DnsCacheConfig, DynamicForwardRoute } from "./dynamic-forward-proxy.ts";
import type { FilterDiscovery } from "./filter-discovery.ts";
import type { GrpcHttp1BridgeConfig, GrpcReverseBridgeConfig } from "./grpc-bridge.ts";
import type { GrpcStatsConfig } from "./grpc-stats.ts";
import type { HeaderMutationConfig, MutationsConfig } from "./header-mutation.ts";
import type { HeaderToMetadataConfig } from "./header-to-metadata.ts";
import type { HealthCheckFilterConfig } from "./health-check-filter.ts";
import type { IpTaggingConfig } from "./ip-tagging.ts";
import type { AlpnOverrides } from "./istio-alpn.ts";
import type { JsonToMetadataConfig } from "./json-to-metadata.ts";
import type { LocalRateLimitConfig } from "./local-rate-limit.ts";
import type { FilterMatcher, MatchedFilterConfig } from "./matched-filter.ts";
import type { OnDemandConfig } from "./on-demand.ts";
import type { PeerMetadataConfig } from "./peer-metadata.ts";
import type { FilterStateEntry } from "./set-filter-state.ts";
import type { SetMetadataConfig } from "./set-metadata.ts";
import type { StatefulSessionConfig } from "./stateful-session.ts";
import type { TapFilterConfig } from "./tap.ts";

/** One entry of a filter chain of the HTTP connection manager. */
export type HttpFilterConfig = { readonly name: string; readonly disabled: boolean } & (
	| { readonly kind: "router"; readonly config: RouterFilterConfig }
	| { readonly kind: "rbac"; readonly config: RbacConfig }
	| { readonly kind: "fault"; readonly config: FaultConfig }
	| { readonly kind: "cors" }
	/** Undefined: clusters are not asked for. */
	| { readonly kind: "on-demand"; readonly config: OnDemandConfig | undefined }
	| { readonly kind: "admission-control"; readonly config: AdmissionControlConfig }
	| { readonly kind: "api-key-auth"; readonly config: ApiKeyAuthConfig }
	| { readonly kind: "basic-auth"; readonly config: BasicAuthConfig }
	| { readonly kind: "cdn-loop"; readonly config: CdnLoopConfig }
	| { readonly kind: "credential-injector"; readonly config: CredentialInjectorConfig }
	| { readonly kind: "custom-response"; readonly config: CustomResponseConfig }
	| { readonly kind: "csrf"; readonly config: CsrfConfig }
	| { readonly kind: "grpc-http1-bridge"; readonly config: GrpcHttp1BridgeConfig }
	| { readonly kind: "grpc-reverse-bridge"; readonly config: GrpcReverseBridgeConfig }
	| { readonly kind: "grpc-stats"; readonly config: GrpcStatsConfig }
	| { readonly kind: "grpc-web" }
	| { readonly kind: "compressor"; readonly config: CompressorConfig }
	| { readonly kind: "decompressor"; readonly config: DecompressorConfig }
	| { readonly kind: "buffer"; readonly config: BufferConfig }
	| { readonly kind: "header-mutation"; readonly config: HeaderMutationConfig }
	| { readonly kind: "header-to-metadata"; readonly config: HeaderToMetadataConfig }
	| { readonly kind: "health-check"; readonly config: HealthCheckFilterConfig }
	| { readonly kind: "ip-tagging"; readonly config: IpTaggingConfig }
	| { readonly kind: "local-rate-limit"; readonly config: LocalRateLimitConfig }
	| { readonly kind: "json-to-metadata"; readonly config: JsonToMetadataConfig }
	| { readonly kind: "bandwidth-limit"; readonly config: BandwidthLimitConfig }
	| { readonly kind: "set-filter-state"; readonly entries: readonly FilterStateEntry[]; readonly clearsRoute: boolean }
	| { readonly kind: "set-metadata"; readonly config: SetMetadataConfig }
	| { readonly kind: "stateful-session"; readonly config: StatefulSessionConfig }
	| { readonly kind: "tap"; readonly config: TapFilterConfig }
	| { readonly kind: "dynamic-forward-proxy"; readonly cache: DnsCacheConfig; readonly savesAddress: boolean }
	| CallOutFilterConfig
	/** A filter with a matcher around it, or one that a matcher chooses. */
	| { readonly kind: "matched"; readonly config: MatchedFilterConfig }
	/** Comes over ECDS, under the filter's name. */
	| { readonly kind: "discovered"; readonly config: FilterDiscovery<HttpFilterConfig> }
	/** What Istio's proxies offer by ALPN. */
	| { readonly kind: "istio-alpn"; readonly config: AlpnOverrides }
	/** Who Istio's proxies say they are. */
	| { readonly kind: "peer-metadata"; readonly config: PeerMetadataConfig }
	/** Istio's request metrics. */
	| { readonly kind: "istio-stats"; readonly config: IstioStatsConfig }
);

/** What `typed_per_filter_config` says for one filter; the `kind` tells whose it is. */
export type HttpFilterOverride =
	| { readonly kind: "disabled" }
	/** Switched on although the chain says disabled, with the chain's own config. */
	| { readonly kind: "enabled" }
	/** Undefined: no RBAC on this route. */
	| { readonly kind: "rbac"; readonly config: RbacConfig | undefined }
	| { readonly kind: "matcher"; readonly matcher: FilterMatcher | undefined }
	| { readonly kind: "fault"; readonly config: FaultConfig }
	| { readonly kind: "cors"; readonly config: CorsPolicy }
	| { readonly kind: "api-key-auth"; readonly config: ApiKeyAuthRouteConfig }
	| { readonly kind: "basic-auth"; readonly users: BasicAuthUsers }
	| { readonly kind: "custom-response"; readonly config: CustomResponseConfig }
	| { readonly kind: "csrf"; readonly config: CsrfConfig }
	| { readonly kind: "grpc-reverse-bridge"; readonly isOff: boolean }
	/** Undefined: no buffering on this route. */
	| { readonly kind: "buffer"; readonly config: BufferConfig | undefined }
	| { readonly kind: "compressor"; readonly config: CompressorOverride }
	| { readonly kind: "on-demand"; readonly config: OnDemandConfig | undefined }
	| { readonly kind: "header-mutation"; readonly mutations: MutationsConfig }
	| { readonly kind: "header-to-metadata"; readonly config: HeaderToMetadataConfig }
	| { readonly kind: "local-rate-limit"; readonly config: LocalRateLimitConfig }
	| { readonly kind: "json-to-metadata"; readonly config: JsonToMetadataConfig }
	| { readonly kind: "bandwidth-limit"; readonly config: BandwidthLimitConfig }
	| { readonly kind: "set-filter-state"; readonly entries: readonly FilterStateEntry[]; readonly clearsRoute: boolean }
	/** Undefined: no sessions on this route. */
	| { readonly kind: "stateful-session"; readonly config: StatefulSessionConfig | undefined }
	| { readonly kind: "dynamic-forward-proxy"; readonly config: DynamicForwardRoute }
	| CallOutOverride;

export interface RouterFilterConfig {
	readonly dynamicStats: boolean;
	readonly startChildSpan: boolean;
	/** No `x-envoy-*` headers towards upstream and downstream. */
	readonly suppressEnvoyHeaders: boolean;
	readonly strictCheckHeaders: readonly string[];
	readonly respectExpectedRequestTimeout: boolean;
	readonly suppressGrpcRequestFailureCodeStats: boolean;
	/** What attempts at clusters without filters of their own pass; without the codec at their end. */
	readonly upstreamFilters: readonly HttpFilterConfig[];
	/** Written for every attempt. */
	readonly upstreamLogs: readonly AccessLogConfig[];
	readonly upstreamLogOptions: {
		/** Whether there is an entry as soon as an attempt has its connection. */
		readonly onPoolReady: boolean;
		/** Between entries of an attempt that goes on; 0 for none. */
		readonly flushIntervalMs: number;
	};
}

/** `envoy.extensions.filters.http.cors.v3.CorsPolicy`. */
export interface CorsPolicy {
	readonly allowOrigins: readonly StringMatcher[];
	/** Empty texts are not sent. */
	readonly allowMethods: string;
	readonly allowHeaders: string;
	readonly exposeHeaders: string;
	readonly maxAge: string;
	readonly allowCredentials: boolean | undefined;
	readonly allowPrivateNetworkAccess: boolean | undefined;
	readonly forwardNotMatchingPreflights: boolean | undefined;
	readonly enabled: RuntimeFraction;
	readonly shadowEnabled: RuntimeFraction;
}

/** `stats.PluginConfig` in a TypedStruct. */
export interface IstioStatsConfig {
	readonly reporter: "source" | "destination";
	readonly disableHostHeaderFallback: boolean;
	/** Changes of metrics, in their order; none by default. */
	readonly metrics: readonly IstioMetricChange[];
}

/** `stats.MetricConfig`. */
export interface IstioMetricChange {
	/** `requests_total`; empty for all metrics. */
	readonly name: string;
	/** Values of labels by their names, sorted. */
	readonly dimensions: readonly (readonly [label: string, value: Expression])[];
	readonly tagsToRemove: readonly string[];
	readonly drop: boolean;
}
