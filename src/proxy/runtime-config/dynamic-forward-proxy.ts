import type { Duration } from "@bufbuild/protobuf/wkt";
import { Cluster_DnsLookupFamily } from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import type { DnsCacheConfig as DnsCacheMessage } from "../../api/gen/envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache_pb.js";
import type { PerRouteConfig } from "../../api/gen/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy_pb.js";
import type { DnsConfig } from "./cluster-config.ts";
import { readNameServers } from "./name-servers.ts";
import { type Scope, toWireText } from "./scope.ts";
import { toMs } from "./values.ts";

/** `envoy.extensions.common.dynamic_forward_proxy.v3.DnsCacheConfig`. */
export interface DnsCacheConfig {
	readonly name: string;
	readonly dns: DnsConfig;
	/** How long a name is looked up again and again without being asked for; 300 000 by default. */
	readonly hostTtlMs: number;
	/** 1 024 by default. */
	readonly maxHosts: number;
	/** Requests that wait for a first answer at the same time; 1 024 by default. */
	readonly maxPendingRequests: number;
	/** 5 000 by default; 0 for no limit. */
	readonly queryTimeoutMs: number;
	/** Looked up from the start on. */
	readonly preresolve: readonly { readonly address: string; readonly port: number }[];
}

/** What a route says to the filter. */
export interface DynamicForwardRoute {
	/** Empty for none. */
	readonly hostLiteral: string;
	/** Lower case; empty for none. */
	readonly hostHeader: string;
}

const families: Readonly<Record<number, DnsConfig["family"]>> = {
	[Cluster_DnsLookupFamily.AUTO]: "auto",
	[Cluster_DnsLookupFamily.V4_ONLY]: "v4-only",
	[Cluster_DnsLookupFamily.V6_ONLY]: "v6-only",
	[Cluster_DnsLookupFamily.V4_PREFERRED]: "v4-preferred",
	[Cluster_DnsLookupFamily.ALL]: "all",
};

/** How soon a name that cannot be looked up is asked for again. */
export function readFailureRefresh(
	message: { readonly baseInterval?: Duration | undefined; readonly maxInterval?: Duration | undefined } | undefined,
	scope: Scope,
): DnsConfig["failureRefresh"] {
	if (message === undefined) return undefined;
	const baseMs = toMs(message.baseInterval, 0);
	const maxMs = toMs(message.maxInterval, baseMs * 10);
	if (maxMs < baseMs) {
		scope.at("dns_failure_refresh_rate").report("max_interval must be greater than or equal to the base_interval");
	}
	return { baseMs, maxMs };
}

/** Translates the cache that a cluster and its filter share. */
export function readDnsCache(message: DnsCacheMessage, scope: Scope): DnsCacheConfig {
	return {
		name: message.name,
		dns: {
			family: families[message.dnsLookupFamily] ?? "auto",
			refreshMs: toMs(message.dnsRefreshRate, 60_000),
			failureRefresh: readFailureRefresh(message.dnsFailureRefreshRate, scope),
			respectTtl: false,
			jitterMs: 0,
			minRefreshMs: toMs(message.dnsMinRefreshRate, 5000),
			servers: readNameServers(message.typedDnsResolverConfig),
		},
		hostTtlMs: toMs(message.hostTtl, 300_000),
		maxHosts: message.maxHosts ?? 1024,
		maxPendingRequests: message.dnsCacheCircuitBreaker?.maxPendingRequests ?? 1024,
		queryTimeoutMs: toMs(message.dnsQueryTimeout, 5000),
		preresolve: message.preresolveHostnames.map(({ address, portSpecifier }) => ({
			address,
			port: portSpecifier.case === "portValue" ? portSpecifier.value : 0,
		})),
	};
}

/** Translates what a route says. */
export function readDynamicForwardRoute({ hostRewriteSpecifier: rewrite }: PerRouteConfig): DynamicForwardRoute {
	return {
		hostLiteral: rewrite.case === "hostRewriteLiteral" ? toWireText(rewrite.value) : "",
		hostHeader: rewrite.case === "hostRewriteHeader" ? rewrite.value.toLowerCase() : "",
	};
}
