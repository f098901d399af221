import {
	type FilterConfig,
	FilterConfig_Protocol,
} from "../../api/gen/istio/envoy/config/filter/http/alpn/v2alpha1/config_pb.js";

/** What the filter has connections offer by ALPN, by what is spoken on them; empty lists leave it to the cluster. */
export interface AlpnOverrides {
	readonly http1: readonly string[];
	readonly http2: readonly string[];
}

/** Translates Istio's filter for ALPN. Upstreams are never spoken to in HTTP/1.0. */
export function readAlpnOverrides({ alpnOverride }: FilterConfig): AlpnOverrides {
	const of = (protocol: FilterConfig_Protocol): readonly string[] =>
		alpnOverride.findLast(({ upstreamProtocol }) => upstreamProtocol === protocol)?.alpnOverride ?? [];
	return { http1: of(FilterConfig_Protocol.HTTP11), http2: of(FilterConfig_Protocol.HTTP2) };
}
