import { getHeader } from "../../../../core/index.ts";
import type { PeerMetadataConfig } from "../../../runtime-config/index.ts";
import { destinationOf } from "../destination.ts";
import type { FilterStream, HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";
import { metadataHeader, metadataIdHeader, type PeerState, takePeer } from "../istio-stats/index.ts";

/** Exchanges with the other sides of a request who is talking, in headers that go no further. Istio's metrics, where they are in the same
 *  chain, read here who the other side is. Spec: Istio `io.istio.http.peer_metadata`. */
export function createPeerMetadataFilter(
	{ name, disabled, index, context }: FilterParts,
	config: PeerMetadataConfig,
): HttpFilter {
	const metrics = context.istioMetrics();
	const isTold = (stream: FilterStream): boolean => {
		const destination = destinationOf(stream);
		const cluster = destination === undefined ? undefined : context.getCluster(destination)?.cluster;
		const istio = cluster?.config.metadata["istio"];
		if (istio?.["disable_mx"] === true) return false;
		return !config.skipsExternal || (destination !== "PassthroughCluster" && istio?.["external"] !== true);
	};
	return {
		name,
		disabled,
		index,
		onRequestHead(stream) {
			const { request } = stream;
			const state: PeerState = { client: undefined, upstream: undefined, isAsked: false };
			stream.setState(index, state);
			if (config.asksClient && request.mayHaveExtensions) {
				state.isAsked = getHeader(request.headers, metadataIdHeader) !== undefined;
				state.client = takePeer(request, metrics);
			}
			if (config.tellsUpstream && isTold(stream)) {
				request.set(metadataIdHeader, metrics.peerMetadataId);
				request.set(metadataHeader, metrics.peerMetadata);
			}
			return "continue";
		},
		onResponseHead(stream, head) {
			const state = stream.getState(index) as PeerState | undefined;
			if (state === undefined) return undefined;
			if (config.asksUpstream && head.mayHaveExtensions) state.upstream = takePeer(head, metrics);
			if (config.tellsClient && state.isAsked) {
				head.set(metadataIdHeader, metrics.peerMetadataId);
				head.set(metadataHeader, metrics.peerMetadata);
			}
			return undefined;
		},
	};
}
