import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
	type Cluster,
	Cluster_DnsLookupFamily,
	Cluster_LbPolicy,
	ClusterSchema,
} from "../../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import { ClusterConfigSchema } from "../../../api/gen/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.js";
import type { DnsCacheConfigSchema } from "../../../api/gen/envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache_pb.js";
import { FilterConfigSchema } from "../../../api/gen/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy_pb.js";
import { FilterConfigSchema as SniFilterConfigSchema } from "../../../api/gen/envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3/sni_dynamic_forward_proxy_pb.js";
import { httpOptions } from "../http-options.ts";
import { duration, extension, packAny } from "../messages.ts";
import { passthroughClusterName } from "../names.ts";
import { type ClusterInit, unlimitedCircuitBreakers } from "../traffic-policy.ts";

/** One cache of names a proxy, shared by its filters and clusters. */
const dnsCache: MessageInitShape<typeof DnsCacheConfigSchema> = {
	name: "amime",
	dnsLookupFamily: Cluster_DnsLookupFamily.V4_PREFERRED,
	dnsRefreshRate: duration(60_000),
	maxHosts: 4_096,
};

/** How a cluster finds the host that a request names. */
export function dynamicForwardDiscovery(): Partial<ClusterInit> {
	return {
		lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
		clusterDiscoveryType: {
			case: "clusterType",
			value: {
				name: "envoy.clusters.dynamic_forward_proxy",
				typedConfig: packAny(ClusterConfigSchema, {
					clusterImplementationSpecifier: { case: "dnsCacheConfig", value: dnsCache },
					// Server name and names of certificates are a DestinationRule's business here as everywhere.
					allowInsecureClusterOptions: true,
				}),
			},
		},
	};
}

/** Where forward proxies that may lead to any host lead: named as what captured traffic to unknown addresses goes through. */
export function translateAnyHostCluster(): Cluster {
	return create(ClusterSchema, {
		name: passthroughClusterName,
		...dynamicForwardDiscovery(),
		connectTimeout: duration(10_000),
		circuitBreakers: unlimitedCircuitBreakers(),
		...httpOptions("downstream", undefined),
	});
}

/** Looks up the host of a request, where its cluster goes to the host that it names. */
export function dynamicForwardFilter() {
	return extension("envoy.filters.http.dynamic_forward_proxy", FilterConfigSchema, {
		implementationSpecifier: { case: "dnsCacheConfig", value: dnsCache },
	});
}

/** The same for a connection's server name. */
export function serverNameForwardFilter(port: number) {
	return extension("envoy.filters.network.sni_dynamic_forward_proxy", SniFilterConfigSchema, {
		dnsCacheConfig: dnsCache,
		portSpecifier: { case: "portValue", value: port },
	});
}
