import type { PairFiles } from "../support/certificates.ts";
import type { BackendPorts } from "./backends.ts";

export interface SoakPorts {
	readonly admin: number;
	readonly plain: number;
	readonly tls: number;
	readonly tcp: number;
}

type Json = Record<string, unknown>;

/** HTTP plain and in TLS, and TCP, in front of clusters with health checks, retries and outlier detection. */
export function createSoakBootstrap(ports: SoakPorts, backends: BackendPorts, files: PairFiles): object {
	const tls = {
		name: "envoy.transport_sockets.tls",
		typed_config: typed("transport_sockets.tls.v3.DownstreamTlsContext", {
			common_tls_context: {
				alpn_protocols: ["h2", "http/1.1"],
				tls_certificates: [
					{ certificate_chain: { filename: files.serverCertificate }, private_key: { filename: files.serverKey } },
				],
			},
		}),
	};
	const tcp = typed("filters.network.tcp_proxy.v3.TcpProxy", { stat_prefix: "soak", cluster: "tcp" });
	return {
		admin: { address: address(ports.admin) },
		static_resources: {
			listeners: [
				createListener("plain", ports.plain, { filters: [createManager()] }),
				createListener("tls", ports.tls, { filters: [createManager()], transport_socket: tls }),
				createListener("tcp", ports.tcp, { filters: [{ name: "envoy.filters.network.tcp_proxy", typed_config: tcp }] }),
			],
			clusters: [
				createCluster("http1", backends.http1),
				createCluster("http2", backends.http2, {
					typed_extension_protocol_options: {
						"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed("upstreams.http.v3.HttpProtocolOptions", {
							explicit_http_config: { http2_protocol_options: {} },
						}),
					},
				}),
				createCluster("tcp", backends.tcp, { health_checks: [createHealthCheck({ tcp_health_check: {} })] }),
			],
		},
	};
}

function createManager(): Json {
	const route = {
		timeout: "5s",
		retry_policy: { retry_on: "connect-failure,refused-stream,reset,gateway-error", num_retries: 2 },
	};
	return {
		name: "envoy.filters.network.http_connection_manager",
		typed_config: typed("filters.network.http_connection_manager.v3.HttpConnectionManager", {
			stat_prefix: "soak",
			upgrade_configs: [{ upgrade_type: "soak" }],
			route_config: {
				name: "soak",
				virtual_hosts: [
					{
						name: "all",
						domains: ["*"],
						routes: [
							{ match: { prefix: "/h2" }, route: { cluster: "http2", ...route } },
							{ match: { prefix: "/" }, route: { cluster: "http1", ...route } },
						],
					},
				],
			},
			http_filters: [{ name: "envoy.filters.http.router", typed_config: typed("filters.http.router.v3.Router") }],
		}),
	};
}

function createListener(name: string, port: number, chain: Json): Json {
	return { name, address: address(port), filter_chains: [chain] };
}

function createCluster(name: string, ports: readonly number[], more: Json = {}): Json {
	const endpoints = ports.map((port) => ({ endpoint: { address: address(port) } }));
	return {
		name,
		type: "STATIC",
		connect_timeout: "1s",
		load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: endpoints }] },
		outlier_detection: { consecutive_5xx: 3, base_ejection_time: "1s", interval: "1s" },
		...more,
	};
}

function createHealthCheck(kind: Json): Json {
	return { timeout: "1s", interval: "1s", unhealthy_threshold: 1, healthy_threshold: 1, ...kind };
}

function typed(type: string, fields: Json = {}): Json {
	return { "@type": `type.googleapis.com/envoy.extensions.${type}`, ...fields };
}

function address(port: number): Json {
	return { socket_address: { address: "127.0.0.1", port_value: port } };
}
