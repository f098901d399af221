/** The configurations of the proxy benchmark: one Envoy bootstrap that Envoy and amime both run, and its like for nginx and HAProxy. */

/** Certificates of the pair, as PEM files. */
export interface PairFiles {
	readonly ca: string;
	readonly clientCertificate: string;
	readonly clientKey: string;
	readonly serverCertificate: string;
	readonly serverKey: string;
}

/** One hop: where it listens, where it sends, and the TLS on either side. */
export interface Hop {
	readonly adminPort: number;
	readonly listenPort: number;
	readonly upstreamPort: number;
	readonly tls?: { readonly side: "downstream" | "upstream"; readonly files: PairFiles };
}

/** An Envoy bootstrap of one listener and one cluster. */
export function createBootstrap(hop: Hop): object {
	const files = hop.tls?.files;
	const http = {
		"@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
		stat_prefix: "bench",
		codec_type: "HTTP1",
		route_config: {
			name: "bench",
			virtual_hosts: [
				{
					name: "all",
					domains: ["*"],
					routes: [{ match: { prefix: "/" }, route: { cluster: "backend" } }],
				},
			],
		},
		http_filters: [
			{
				name: "envoy.filters.http.router",
				typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
			},
		],
	};
	return {
		admin: { address: socketAddress(hop.adminPort) },
		static_resources: {
			listeners: [
				{
					name: "bench",
					address: socketAddress(hop.listenPort),
					filter_chains: [
						{
							filters: [{ name: "envoy.filters.network.http_connection_manager", typed_config: http }],
							...(files !== undefined && hop.tls?.side === "downstream"
								? { transport_socket: createDownstreamTls(files) }
								: {}),
						},
					],
				},
			],
			clusters: [
				{
					name: "backend",
					type: "STATIC",
					connect_timeout: "5s",
					load_assignment: {
						cluster_name: "backend",
						endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(hop.upstreamPort) } }] }],
					},
					circuit_breakers: {
						thresholds: [{ max_connections: 10000, max_pending_requests: 10000, max_requests: 10000 }],
					},
					...(files !== undefined && hop.tls?.side === "upstream"
						? { transport_socket: createUpstreamTls(files) }
						: {}),
				},
			],
		},
	};
}

function socketAddress(port: number): object {
	return { socket_address: { address: "127.0.0.1", port_value: port } };
}

function createDownstreamTls(files: PairFiles): object {
	return {
		name: "envoy.transport_sockets.tls",
		typed_config: {
			"@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
			require_client_certificate: true,
			common_tls_context: createCommonTls(files.serverCertificate, files.serverKey, files.ca),
		},
	};
}

function createUpstreamTls(files: PairFiles): object {
	return {
		name: "envoy.transport_sockets.tls",
		typed_config: {
			"@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
			common_tls_context: createCommonTls(files.clientCertificate, files.clientKey, files.ca),
		},
	};
}

function createCommonTls(certificate: string, key: string, ca: string): object {
	return {
		tls_params: { tls_minimum_protocol_version: "TLSv1_3", tls_maximum_protocol_version: "TLSv1_3" },
		tls_certificates: [{ certificate_chain: { filename: certificate }, private_key: { filename: key } }],
		validation_context: {
			trusted_ca: { filename: ca },
			match_typed_subject_alt_names: [{ san_type: "URI", matcher: { prefix: "spiffe://" } }],
		},
	};
}

/** nginx as a plain reverse proxy with upstream keep-alive. */
export function createNginxConfig(hop: Hop, folder: string): string {
	return `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log ${folder}/nginx-error.log;
events { worker_connections 4096; }
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
