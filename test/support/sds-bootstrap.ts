/** A bootstrap of a proxy, a stock Envoy's or amime's, whose certificate and trust come from a unix socket over SDS:
 *  `inbound` answers `hello` over mutual TLS, `outbound` forwards to a peer of mutual TLS. */
export interface SecretBootstrapOptions {
	readonly socketPath: string;
	readonly apiType?: "GRPC" | "DELTA_GRPC";
	/** Name of the certificate; `default` by default. */
	readonly certificate?: string;
	/** Name of the trust bundle; `ROOTCA` by default. */
	readonly trust?: string;
	/** Where `outbound` leads, `host:port`; there is none without it. */
	readonly peer?: string;
	/** The SPIFFE ID that the peer of `outbound` must have. */
	readonly peerId?: string;
}

const type = (name: string): string => `type.googleapis.com/envoy.extensions.${name}`;

export function createSecretBootstrap(options: SecretBootstrapOptions): Record<string, unknown> {
	const { socketPath, apiType = "GRPC", certificate = "default", trust = "ROOTCA", peer, peerId = "" } = options;
	const sdsConfig = {
		resource_api_version: "V3",
		api_config_source: {
			api_type: apiType,
			transport_api_version: "V3",
			grpc_services: [{ envoy_grpc: { cluster_name: "agent" } }],
		},
	};
	const certificates = { tls_certificate_sds_secret_configs: [{ name: certificate, sds_config: sdsConfig }] };
	const trusted = { name: trust, sds_config: sdsConfig };
	const inboundTls = {
		name: "tls",
		typed_config: {
			"@type": type("transport_sockets.tls.v3.DownstreamTlsContext"),
			common_tls_context: { ...certificates, validation_context_sds_secret_config: trusted },
			require_client_certificate: true,
		},
	};
	const outboundTls = {
		name: "tls",
		typed_config: {
			"@type": type("transport_sockets.tls.v3.UpstreamTlsContext"),
			common_tls_context: {
				...certificates,
				combined_validation_context: {
					default_validation_context: {
						match_typed_subject_alt_names: [{ san_type: "URI", matcher: { exact: peerId } }],
					},
					validation_context_sds_secret_config: trusted,
				},
			},
		},
	};
	const hello = { direct_response: { status: 200, body: { inline_string: "hello" } } };
	const [host = "", port = ""] = peer?.split(":") ?? [];
	return {
		node: { id: "stock", cluster: "stock" },
		static_resources: {
			clusters: [
				{
					name: "agent",
					type: "STATIC",
					connect_timeout: "5s",
					typed_extension_protocol_options: {
						"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
							"@type": type("upstreams.http.v3.HttpProtocolOptions"),
							explicit_http_config: { http2_protocol_options: {} },
						},
					},
					load_assignment: assign("agent", { pipe: { path: socketPath } }),
				},
				...(peer === undefined
					? []
					: [
							{
								name: "peer",
								type: "STATIC",
								connect_timeout: "5s",
								transport_socket: outboundTls,
								load_assignment: assign("peer", { socket_address: { address: host, port_value: Number(port) } }),
							},
						]),
			],
			listeners: [
				listener("inbound", hello, inboundTls),
				...(peer === undefined ? [] : [listener("outbound", { route: { cluster: "peer" } })]),
			],
		},
	};
}

function assign(name: string, address: Record<string, unknown>): Record<string, unknown> {
	return { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] };
}

function listener(
	name: string,
	route: Record<string, unknown>,
	tls?: Record<string, unknown>,
): Record<string, unknown> {
	const manager = {
		name: "http",
		typed_config: {
			"@type": type("filters.network.http_connection_manager.v3.HttpConnectionManager"),
			stat_prefix: name,
			route_config: {
				virtual_hosts: [{ name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, ...route }] }],
			},
			http_filters: [{ name: "router", typed_config: { "@type": type("filters.http.router.v3.Router") } }],
		},
	};
	return {
		name,
		address: { socket_address: { address: "127.0.0.1", port_value: 0 } },
		filter_chains: [{ filters: [manager], ...(tls === undefined ? {} : { transport_socket: tls }) }],
	};
}
