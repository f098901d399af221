import type { HeaderMutationConfig, MutationsConfig } from "../../../runtime-config/index.ts";
import type { FilterStream, HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";
import { refuseWithoutStatus } from "../response-fields.ts";
import { routeConfigsOf } from "../route-configs.ts";
import { mutateHeaders, requestPseudoHeaders, responsePseudoHeaders } from "./mutate-headers.ts";
import { mutateQuery } from "./mutate-query.ts";

/** Changes heads, trailers and the query. Spec: `envoy.extensions.filters.http.header_mutation.v3`. */
export function createHeaderMutationFilter(
	{ name, disabled, index }: FilterParts,
	config: HeaderMutationConfig,
): HttpFilter {
	/** The chain's own mutations, then those of the route's levels. */
	const levelsOf = (stream: FilterStream): readonly MutationsConfig[] => {
		const kept = stream.getState(index) as readonly MutationsConfig[] | undefined;
		if (kept !== undefined) return kept;
		const ofRoute = routeConfigsOf(stream, name, "header-mutation").map(({ mutations }) => mutations);
		if (!config.mostSpecificWins) ofRoute.reverse();
		const levels = [config.mutations, ...ofRoute];
		stream.setState(index, levels);
		return levels;
	};
	return {
		name,
		disabled,
		index,
		onRequestHead(stream) {
			const { request, record } = stream;
			// Whether it is a call of gRPC is said by how it came.
			record.takesGrpcReplies ??= request.isGrpc;
			for (const { request: steps, query } of levelsOf(stream)) {
				if (steps.length > 0) mutateHeaders(steps, request.headers, record, requestPseudoHeaders(request));
				if (query.length > 0 && request.path !== "") request.path = mutateQuery(request.path, query, record);
			}
			return "continue";
		},
		onRequestTrailers(stream, trailers) {
			for (const { requestTrailers: steps } of levelsOf(stream)) mutateHeaders(steps, trailers, stream.record);
			return "continue";
		},
		onResponseTrailers(stream, trailers) {
			for (const { responseTrailers: steps } of levelsOf(stream)) mutateHeaders(steps, trailers, stream.record);
			return "continue";
		},
		onResponseHead(stream, head) {
			for (const { response: steps } of levelsOf(stream)) {
				if (steps.length > 0) mutateHeaders(steps, head.headers, stream.record, responsePseudoHeaders(head));
			}
			if (head.status !== 0) return "continue";
			refuseWithoutStatus(stream);
			return "stop";
		},
	};
}
