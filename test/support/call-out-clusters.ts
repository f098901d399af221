import { socketAddress, typed } from "./bootstraps.ts";

/** A cluster of one local port that speaks HTTP/1.1. */
export function plainCluster(name: string, port: number): object {
	return {
		name,
		connect_timeout: "2s",
		load_assignment: {
			cluster_name: name,
			endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(port) } }] }],
		},
	};
}

/** A cluster of one local port that speaks HTTP/2. */
export function grpcCluster(name: string, port: number): object {
	return {
		...plainCluster(name, port),
		typed_extension_protocol_options: {
			"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed("upstreams.http.v3.HttpProtocolOptions", {
				explicit_http_config: { http2_protocol_options: {} },
			}),
		},
	};
}
