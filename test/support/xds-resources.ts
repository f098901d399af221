/** Small resources as proto3 JSON: a listener with routes over RDS, a cluster with endpoints over EDS. */
import type { JsonValue } from "@bufbuild/protobuf";
import type { NamedJson } from "./management-server.ts";

const http = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
const httpOptions = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

export const adsSource: Record<string, JsonValue> = { ads: {}, resource_api_version: "V3" };

export function makeCluster(name: string, changes: Record<string, JsonValue> = {}): NamedJson {
	return {
		name,
		type: "EDS",
		connect_timeout: "5s",
		eds_cluster_config: { eds_config: adsSource },
		...changes,
	};
}

export function makeAssignment(
	cluster: string,
	ports: readonly number[],
): { readonly cluster_name: string } & Record<string, JsonValue> {
	const endpoints = ports.map((port) => ({ endpoint: { address: makeAddress(port) } }));
	return { cluster_name: cluster, endpoints: endpoints.length === 0 ? [] : [{ lb_endpoints: endpoints }] };
}

export function makeAddress(port: number): Record<string, JsonValue> {
	return { socket_address: { address: "127.0.0.1", port_value: port } };
}

/** Listens on `port`, 0 for a free one, with routes from RDS. */
export function makeListener(name: string, routes: string, port = 0): NamedJson {
	return {
		name,
		address: makeAddress(port),
		filter_chains: [
			{
				filters: [
					{
						name: "envoy.filters.network.http_connection_manager",
						typed_config: {
							"@type": http,
							stat_prefix: name,
							rds: { route_config_name: routes, config_source: adsSource },
							http_filters: [{ name: "envoy.filters.http.router", typed_config: { "@type": router } }],
						},
					},
				],
			},
		],
	};
}

export function makeRoutes(name: string, cluster: string): NamedJson {
	return {
		name,
		virtual_hosts: [{ name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster } }] }],
	};
}

/** A bootstrap that takes everything from an aggregated server. */
export function makeAdsBootstrap(port: number, delta: boolean, nodeId = "test-1"): Record<string, JsonValue> {
	return {
		node: { id: nodeId, cluster: "test" },
		dynamic_resources: {
			ads_config: {
				api_type: delta ? "DELTA_GRPC" : "GRPC",
				transport_api_version: "V3",
				set_node_on_first_message_only: true,
				grpc_services: [{ envoy_grpc: { cluster_name: "xds" } }],
			},
			cds_config: adsSource,
			lds_config: adsSource,
		},
		static_resources: {
			clusters: [
				{
					name: "xds",
					type: "STATIC",
					connect_timeout: "5s",
					load_assignment: {
						cluster_name: "xds",
						endpoints: [{ lb_endpoints: [{ endpoint: { address: makeAddress(port) } }] }],
					},
					typed_extension_protocol_options: {
						"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
							"@type": httpOptions,
							explicit_http_config: { http2_protocol_options: {} },
						},
					},
				},
			],
		},
	};
}
