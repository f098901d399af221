/** The configurations of the proxy benchmark: one Envoy bootstrap that Envoy and amime both run, and its like for nginx and HAProxy. */
import type { PairFiles } from "../support/certificates.ts";
import { addRichRoutes } from "./rich-routes.ts";

/** One hop: where it listens, where it sends, what it speaks on either side. */
export interface Hop {
	readonly adminPort: number;
	readonly listenPort: number;
	readonly upstreamPort: number;
	/** `http` by default; the tunnels are the two ends of HBONE: TCP in one HTTP/2 CONNECT stream each. */
	readonly kind?: "http" | "tcp" | "tunnel-in" | "tunnel-out";
	/** HTTP/2 towards the upstream. */
	readonly http2Upstream?: boolean;
	readonly tls?: { readonly side: "downstream" | "upstream"; readonly files: PairFiles };
	/** A hundred routes, ten header matchers, retries, statistics of a virtual cluster, trace headers. */
	readonly rich?: boolean;
	/** Further fields of the connection manager, for Envoy and amime. */
	readonly manager?: object;
	/** HTTP filters before the router, for Envoy and amime. */
	readonly filters?: readonly object[];
	/** Routes and endpoints from files in this folder: `rds.json`, `eds.json`. */
	readonly dynamicFolder?: string;
	/** Threads. */
	readonly concurrency?: number;
}

type Json = Record<string, unknown>;

const extensions = "type.googleapis.com/envoy.extensions.";

/** An Envoy bootstrap of one listener and one cluster. */
export function createBootstrap(hop: Hop): object {
	const { dynamicFolder, tls } = hop;
	const transport = (side: "downstream" | "upstream"): Json =>
		tls?.side === side ? { transport_socket: createTls(side, tls.files, hop.kind) } : {};
	return {
		admin: { address: socketAddress(hop.adminPort) },
		...(dynamicFolder === undefined ? {} : { node: { id: "bench", cluster: "bench" } }),
		static_resources: {
			listeners: [
				{
					name: "bench",
					address: socketAddress(hop.listenPort),
					filter_chains: [{ filters: [createFilter(hop)], ...transport("downstream") }],
				},
			],
			clusters: [
				{
					name: "backend",
					connect_timeout: "5s",
					...createEndpoints(hop),
					circuit_breakers: {
						thresholds: [{ max_connections: 20000, max_pending_requests: 20000, max_requests: 20000 }],
					},
					...(hop.http2Upstream === true || hop.kind === "tunnel-out" ? createHttp2Options() : {}),
					...transport("upstream"),
				},
			],
		},
	};
}

function createEndpoints({ dynamicFolder, upstreamPort }: Hop): Json {
	if (dynamicFolder === undefined) return { type: "STATIC", load_assignment: createAssignment([upstreamPort]) };
	const eds_config = { resource_api_version: "V3", path_config_source: { path: `${dynamicFolder}/eds.json` } };
	return { type: "EDS", eds_cluster_config: { service_name: "backend", eds_config } };
}

/** A ClusterLoadAssignment of loopback ports. */
export function createAssignment(ports: readonly number[]): Json {
	const endpoints = ports.map((port) => ({ endpoint: { address: socketAddress(port) } }));
	return { cluster_name: "backend", endpoints: [{ lb_endpoints: endpoints }] };
}

function createFilter(hop: Hop): Json {
	if (hop.kind === "tcp" || hop.kind === "tunnel-out") {
		const tunnel = hop.kind === "tunnel-out" ? { tunneling_config: { hostname: "backend.bench:80" } } : {};
		return {
			name: "envoy.filters.network.tcp_proxy",
			typed_config: typed("filters.network.tcp_proxy.v3.TcpProxy", {
				stat_prefix: "bench",
				cluster: "backend",
				...tunnel,
			}),
		};
	}
	const routes = createRoutes(hop);
	return {
		name: "envoy.filters.network.http_connection_manager",
		typed_config: typed("filters.network.http_connection_manager.v3.HttpConnectionManager", {
			stat_prefix: "bench",
			...(hop.dynamicFolder === undefined
				? { route_config: routes }
				: {
						rds: {
							route_config_name: "bench",
							config_source: {
								resource_api_version: "V3",
								path_config_source: { path: `${hop.dynamicFolder}/rds.json` },
							},
						},
					}),
			...(hop.kind === "tunnel-in"
				? { upgrade_configs: [{ upgrade_type: "CONNECT" }], http2_protocol_options: { allow_connect: true } }
				: {}),
			http_filters: [
				...(hop.filters ?? []),
				{ name: "envoy.filters.http.router", typed_config: typed("filters.http.router.v3.Router") },
			],
			...(hop.rich === true ? { generate_request_id: true, tracing: createTracing() } : {}),
			...hop.manager,
		}),
	};
}

/** The RouteConfiguration of a hop. */
export function createRoutes(hop: Hop): Json {
	const route =
		hop.kind === "tunnel-in"
			? {
					match: { connect_matcher: {} },
					route: { cluster: "backend", upgrade_configs: [{ upgrade_type: "CONNECT", connect_config: {} }] },
				}
			: { match: { prefix: "/" }, route: { cluster: "backend" } };
	const host = { name: "all", domains: ["*"], routes: [route] };
	return { name: "bench", virtual_hosts: [hop.rich === true ? addRichRoutes(host) : host] };
}

/** Trace headers are made and passed on; nothing is exported. */
function createTracing(): Json {
	return {
		random_sampling: { value: 0 },
		provider: {
			name: "envoy.tracers.opentelemetry",
			typed_config: {
				"@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
				grpc_service: { envoy_grpc: { cluster_name: "backend" } },
				service_name: "bench",
			},
		},
	};
}

function createHttp2Options(): Json {
	return {
		typed_extension_protocol_options: {
			"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed("upstreams.http.v3.HttpProtocolOptions", {
				explicit_http_config: { http2_protocol_options: {} },
			}),
		},
	};
}

function typed(type: string, fields: Json = {}): Json {
	return { "@type": extensions + type, ...fields };
}

function socketAddress(port: number): object {
	return { socket_address: { address: "127.0.0.1", port_value: port } };
}

function createTls(side: "downstream" | "upstream", files: PairFiles, kind: Hop["kind"]): Json {
	const isDownstream = side === "downstream";
	const [certificate, key] = isDownstream
		? [files.serverCertificate, files.serverKey]
		: [files.clientCertificate, files.clientKey];
	const common = {
		tls_params: { tls_minimum_protocol_version: "TLSv1_3", tls_maximum_protocol_version: "TLSv1_3" },
		tls_certificates: [{ certificate_chain: { filename: certificate }, private_key: { filename: key } }],
		...(kind === "tcp" ? {} : isDownstream ? { alpn_protocols: ["h2", "http/1.1"] } : {}),
		validation_context: {
			trusted_ca: { filename: files.ca },
			match_typed_subject_alt_names: [{ san_type: "URI", matcher: { prefix: "spiffe://" } }],
		},
	};
	return {
		name: "envoy.transport_sockets.tls",
		typed_config: isDownstream
			? typed("transport_sockets.tls.v3.DownstreamTlsContext", {
					require_client_certificate: true,
					common_tls_context: common,
				})
			: typed("transport_sockets.tls.v3.UpstreamTlsContext", { common_tls_context: common }),
	};
}

/** nginx as a plain reverse proxy with upstream keep-alive. */
export function createNginxConfig(hop: Hop, folder: string): string {
	return `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log ${folder}/nginx-error.log;
events { worker_connections 16384; }
http {
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path ${folder}/n1; proxy_temp_path ${folder}/n2; fastcgi_temp_path ${folder}/n3; uwsgi_temp_path ${folder}/n4; scgi_temp_path ${folder}/n5;
  upstream backend { server 127.0.0.1:${hop.upstreamPort}; keepalive 64; keepalive_requests 1000000000; }
  server { listen 127.0.0.1:${hop.listenPort} backlog=4096; location / { proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header connection ""; } }
}
`;
}

/** HAProxy as a plain reverse proxy with connection reuse. */
export function createHaproxyConfig(hop: Hop): string {
	return `global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend bench
  bind 127.0.0.1:${hop.listenPort}
  default_backend backend
backend backend
  server one 127.0.0.1:${hop.upstreamPort}
`;
}
