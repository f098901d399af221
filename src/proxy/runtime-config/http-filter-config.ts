import type { RbacConfig } from "../../engine/authorization/index.ts";
import type { AccessLogConfig } from "./access-log-config.ts";

/** One entry of a filter chain of the HTTP connection manager. */
export type HttpFilterConfig = { readonly name: string; readonly disabled: boolean } & (
	| { readonly kind: "router"; readonly config: RouterFilterConfig }
	| { readonly kind: "rbac"; readonly config: RbacConfig }
	/** Istio's request metrics. */
	| { readonly kind: "istio-stats"; readonly config: IstioStatsConfig }
);

/** What `typed_per_filter_config` says for one filter; the `kind` tells whose it is. */
export type HttpFilterOverride =
	| { readonly kind: "disabled" }
	/** Switched on although the chain says disabled, with the chain's own config. */
	| { readonly kind: "enabled" }
	/** Undefined: no RBAC on this route. */
	| { readonly kind: "rbac"; readonly config: RbacConfig | undefined };

export interface RouterFilterConfig {
	readonly dynamicStats: boolean;
	readonly startChildSpan: boolean;
	/** No `x-envoy-*` headers towards upstream and downstream. */
	readonly suppressEnvoyHeaders: boolean;
	readonly strictCheckHeaders: readonly string[];
	readonly respectExpectedRequestTimeout: boolean;
	readonly suppressGrpcRequestFailureCodeStats: boolean;
	readonly upstreamLogs: readonly AccessLogConfig[];
}

/** `stats.PluginConfig` in a TypedStruct. */
export interface IstioStatsConfig {
	readonly reporter: "source" | "destination";
	readonly disableHostHeaderFallback: boolean;
}
