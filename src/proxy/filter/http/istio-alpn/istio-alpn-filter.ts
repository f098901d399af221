import type { AlpnOverrides } from "../../../runtime-config/index.ts";
import { destinationOf } from "../destination.ts";
import type { HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";

/** Has the connections of a request's cluster offer what tells Istio's proxies that HTTP of the mesh comes, unless the cluster's metadata
 *  (`istio.alpn_override`: "false") says not to. Spec: Istio `istio.alpn`. */
export function createIstioAlpnFilter(
	{ name, disabled, index, context }: FilterParts,
	config: AlpnOverrides,
): HttpFilter {
	return {
		name,
		disabled,
		index,
		onRequestHead(stream) {
			const destination = destinationOf(stream);
			const upstream = destination === undefined ? undefined : context.getCluster(destination);
			if (upstream !== undefined && upstream.cluster.config.metadata["istio"]?.["alpn_override"] !== "false")
				upstream.offerProtocols(config);
			return "continue";
		},
	};
}
