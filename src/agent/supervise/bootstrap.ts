import type { WorkloadInstance } from "../../model/index.ts";

/** What a sidecar's bootstrap says besides its instance. */
export interface BootstrapOptions {
	readonly instance: WorkloadInstance;
	/** `host:port` of the xDS servers of the control planes, at least one; a sidecar moves on when its one goes away. */
	readonly xdsAddresses: readonly string[];
	/** SPIFFE ID of the control planes where they answer over mutual TLS; in plain text without it. */
	readonly xdsServerId?: string;
	/** Absolute path of the unix socket that serves its secrets. */
	readonly secretSocket: string;
	readonly meshName: string;
	readonly clusterDomain: string;
}

const http2 = {
	"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
		"@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
		// A control plane that went away without a word is noticed within 40 s.
		explicit_http_config: {
			http2_protocol_options: { connection_keepalive: { interval: "30s", timeout: "10s" } },
		},
	},
};

/** The node id of an instance, in Istio's form. */
export function formatNodeId(instance: WorkloadInstance, clusterDomain: string): string {
	const { namespace, name, address, pattern } = instance;
	return `${pattern === "gateway" ? "router" : "sidecar"}~${address}~${name}.${namespace}~${namespace}.svc.${clusterDomain}`;
}

/** What a node says of its workload, as Istio's proxies do. */
export function nodeMetadata(instance: WorkloadInstance, meshName: string): Record<string, unknown> {
	return {
		NAME: instance.name,
		NAMESPACE: instance.namespace,
		WORKLOAD_NAME: instance.workload,
		SERVICE_ACCOUNT: instance.serviceAccount,
		LABELS: { ...instance.labels },
		CLUSTER_ID: "amime",
		MESH_ID: meshName,
	};
}

/** The bootstrap of an instance's sidecar: the same document serves amime and a stock Envoy. */
export function buildBootstrap(options: BootstrapOptions): Record<string, unknown> {
	const { instance } = options;
	const ads = { ads: {}, resource_api_version: "V3" };
	const grpcServices = [{ envoy_grpc: { cluster_name: "ads" } }];
	return {
		node: {
			id: formatNodeId(instance, options.clusterDomain),
			cluster: `${instance.workload}.${instance.namespace}`,
			metadata: nodeMetadata(instance, options.meshName),
		},
		admin: { address: { socket_address: { address: "127.0.0.1", port_value: instance.adminPort } } },
		dynamic_resources: {
			ads_config: {
				api_type: "DELTA_GRPC",
				transport_api_version: "V3",
				set_node_on_first_message_only: true,
				grpc_services: grpcServices,
			},
			lds_config: ads,
			cds_config: ads,
		},
		layered_runtime: {
			layers: [
				// A stock Envoy refuses listeners with a longer regular expression than 100 instructions, and rules that restrict paths become such.
				{ name: "mesh", static_layer: { "re2.max_program_size.error_level": 32_768 } },
				{ name: "admin", admin_layer: {} },
			],
		},
		cluster_manager: {
			load_stats_config: { api_type: "GRPC", transport_api_version: "V3", grpc_services: grpcServices },
		},
		static_resources: {
			clusters: [
				{
					...buildCluster("ads", options.xdsAddresses.map(toSocketAddress)),
					...(options.xdsServerId !== undefined && { transport_socket: buildMutualTls(options.xdsServerId) }),
				},
				buildCluster("sds", [{ pipe: { path: options.secretSocket } }]),
			],
		},
	};
}

/** With the proxy's own certificate, and the trust bundle, of the SDS cluster. */
function buildMutualTls(serverId: string): Record<string, unknown> {
	const sds_config = {
		resource_api_version: "V3",
		api_config_source: {
			api_type: "GRPC",
			transport_api_version: "V3",
			grpc_services: [{ envoy_grpc: { cluster_name: "sds" } }],
		},
	};
	return {
		name: "envoy.transport_sockets.tls",
		typed_config: {
			"@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
			common_tls_context: {
				alpn_protocols: ["h2"],
				tls_certificate_sds_secret_configs: [{ name: "default", sds_config }],
				combined_validation_context: {
					default_validation_context: {
						match_typed_subject_alt_names: [{ san_type: "URI", matcher: { exact: serverId } }],
					},
					validation_context_sds_secret_config: { name: "ROOTCA", sds_config },
				},
			},
		},
	};
}

function buildCluster(name: string, addresses: readonly Record<string, unknown>[]): Record<string, unknown> {
	return {
		name,
		type: "STATIC",
		connect_timeout: "5s",
		typed_extension_protocol_options: http2,
		load_assignment: {
			cluster_name: name,
			endpoints: [{ lb_endpoints: addresses.map((address) => ({ endpoint: { address } })) }],
		},
	};
}

function toSocketAddress(text: string): Record<string, unknown> {
	const colon = text.lastIndexOf(":");
	return { socket_address: { address: text.slice(0, colon), port_value: Number(text.slice(colon + 1)) } };
}
