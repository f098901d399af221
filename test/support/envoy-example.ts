/** A bootstrap with one of everything that makes statistics, for comparisons with a stock Envoy. Ports are free ones. */
export function createExampleBootstrap(): Readonly<Record<string, unknown>> {
	const type = (name: string): Record<string, unknown> => ({ "@type": `type.googleapis.com/${name}` });
	const filters = "envoy.extensions.filters";
	const router = { name: "router", typed_config: type(`${filters}.http.router.v3.Router`) };
	const anyone = { action: "ALLOW", policies: { all: { permissions: [{ any: true }], principals: [{ any: true }] } } };
	const loopback = (port: number): Record<string, unknown> => ({
		socket_address: { address: "127.0.0.1", port_value: port },
	});
	const endpoints = (name: string): Record<string, unknown> => ({
		cluster_name: name,
		endpoints: [
			{
				locality: { region: "r", zone: "z", sub_zone: "s" },
				lb_endpoints: [{ endpoint: { hostname: "host", address: loopback(1) } }],
			},
		],
	});
	return {
		node: { id: "example", cluster: "examples", metadata: { A: "b" } },
		layered_runtime: {
			layers: [
				{ name: "base", static_layer: { "a.b": 1 } },
				{ name: "admin", admin_layer: {} },
			],
		},
		static_resources: {
			listeners: [
				{
					name: "web",
					stat_prefix: "web",
					address: loopback(0),
					filter_chains: [
						{
							filters: [
								{
									name: "http",
									typed_config: {
										...type(`${filters}.network.http_connection_manager.v3.HttpConnectionManager`),
										stat_prefix: "in",
										route_config: {
											name: "local",
											virtual_hosts: [
												{
													name: "v",
													domains: ["*"],
													virtual_clusters: [
														{ name: "vc", headers: [{ name: ":path", string_match: { prefix: "/vc" } }] },
													],
													routes: [
														{
															match: { prefix: "/direct" },
															direct_response: { status: 201, body: { inline_string: "hi" } },
														},
														{ match: { prefix: "/part" }, route: { cluster: "backend" }, stat_prefix: "part" },
														{ match: { prefix: "/" }, route: { cluster: "backend" } },
													],
												},
											],
										},
										http_filters: [
											{ name: "rbac", typed_config: { ...type(`${filters}.http.rbac.v3.RBAC`), rules: anyone } },
											{ name: "fault", typed_config: type(`${filters}.http.fault.v3.HTTPFault`) },
											{ name: "cors", typed_config: type(`${filters}.http.cors.v3.Cors`) },
											router,
										],
									},
								},
							],
						},
					],
				},
				{
					name: "raw",
					stat_prefix: "raw",
					address: loopback(0),
					listener_filters: [{ name: "tls", typed_config: type(`${filters}.listener.tls_inspector.v3.TlsInspector`) }],
					filter_chains: [
						{
							filters: [
								{
									name: "rbac",
									typed_config: { ...type(`${filters}.network.rbac.v3.RBAC`), stat_prefix: "gate", rules: anyone },
								},
								{
									name: "tcp",
									typed_config: {
										...type(`${filters}.network.tcp_proxy.v3.TcpProxy`),
										stat_prefix: "tp",
										cluster: "backend",
									},
								},
							],
						},
					],
				},
			],
			clusters: [
				{
					name: "backend",
					type: "STATIC",
					connect_timeout: "1s",
					outlier_detection: {},
					circuit_breakers: { thresholds: [{ track_remaining: true, max_connections: 50 }] },
					load_assignment: endpoints("backend"),
				},
				{
					name: "outbound|80|v1|reviews.shop.svc.cluster.local",
					type: "STATIC",
					alt_stat_name: "outbound|80|v1|reviews.shop.svc.cluster.local;",
					load_assignment: endpoints("reviews"),
				},
				{
					name: "secure",
					type: "STATIC",
					load_assignment: endpoints("secure"),
					health_checks: [
						{
							timeout: "1s",
							interval: "1s",
							unhealthy_threshold: 2,
							healthy_threshold: 2,
							tcp_health_check: {},
						},
					],
					transport_socket: {
						name: "tls",
						typed_config: { ...type("envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"), sni: "localhost" },
					},
				},
			],
		},
	};
}
