import type { OnDemandConfig } from "../../../runtime-config/index.ts";
import { destinationOf } from "../destination.ts";
import type { HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";
import { routeConfigOf } from "../route-configs.ts";

/** Asks for the cluster of a request when it is not there, and lets the request wait. Whatever comes of it, the request goes on: the router
 *  answers what has no cluster. Spec: envoy.filters.http.on_demand. */
export function createOnDemandFilter(
	{ name, disabled, index, context }: FilterParts,
	config: OnDemandConfig | undefined,
): HttpFilter {
	return {
		name,
		disabled,
		index,
		onRequestHead(stream) {
			const ofRoute = routeConfigOf(stream, name, "on-demand");
			const discovery = ofRoute === undefined ? config : ofRoute.config;
			const cluster = destinationOf(stream);
			if (discovery === undefined || cluster === undefined || context.getCluster(cluster) !== undefined)
				return "continue";
			const stop = context.discovery.discover({ name: cluster, ...discovery }, () => {
				stream.setState(index, undefined);
				stream.clearRouteCache();
				stream.continueRequest(index);
			});
			stream.setState(index, stop);
			return "stop";
		},
		onEnd(stream) {
			(stream.getState(index) as (() => void) | undefined)?.();
		},
	};
}
