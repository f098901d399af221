/** The configuration that is started while the bundle is made: a sidecar's usual parts, with an upstream on a loopback port.
 *  @param listenPort and adminPort of its listener and its admin port; 0 takes a free one */
export function createWarmBootstrap(listenPort: number, upstreamPort: number, adminPort: number): object {
	const extension = (name: string, fields: object = {}): object => ({
		name,
		typed_config: { "@type": `type.googleapis.com/envoy.extensions.${name}`, ...fields },
	});
	const at = (port: number): object => ({ socket_address: { address: "127.0.0.1", port_value: port } });
	const route_config = {
		virtual_hosts: [{ name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: "one" } }] }],
	};
	const http_filters = [extension("filters.http.router.v3.Router")];
	const manager = { stat_prefix: "warm", route_config, http_filters };
	const filters = [extension("filters.network.http_connection_manager.v3.HttpConnectionManager", manager)];
	const endpoints = [{ lb_endpoints: [{ endpoint: { address: at(upstreamPort) } }] }];
	const cluster = { name: "one", type: "STATIC", load_assignment: { cluster_name: "one", endpoints } };
	return {
		admin: { address: at(adminPort) },
		static_resources: {
			listeners: [{ name: "warm", address: at(listenPort), filter_chains: [{ filters }] }],
			clusters: [cluster],
		},
	};
}
