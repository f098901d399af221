import { computeScopeKey, createRouteTable, type RouteTable } from "../../../../engine/router/index.ts";
import type { DataPathContext } from "../../../data-path-context.ts";
import type { HttpConnectionManagerConfig, RouteScopeConfig } from "../../../runtime-config/index.ts";
import type { PassRequestHead } from "../../http/pass-head.ts";

/** Where the requests of a connection manager find their routes. */
export interface RouteSource {
	/** The routes that a request which begins at this moment is matched against. */
	of(request: PassRequestHead): RouteTable | undefined;
	/** Takes the statistics of inline tables away. */
	close(): void;
}

/** Creates the source that the configuration asks for. */
export function createRouteSource(
	routes: HttpConnectionManagerConfig["routes"],
	context: DataPathContext,
): RouteSource {
	switch (routes.kind) {
		case "inline": {
			const table = createRouteTable(routes.table, context.runtime);
			return { of: () => table, close: context.routeStatistics.declare(routes.table) };
		}
		case "rds": {
			const { name } = routes;
			return { of: () => context.getRouteTable(name), close: () => undefined };
		}
		case "scoped": {
			const inline = createInlineScopes(routes.scopes, context);
			const find =
				routes.source === undefined
					? (key: string) => inline.tables.get(key)?.()
					: (key: string) => context.routeScopes.find(key);
			return {
				of(request) {
					const key = computeScopeKey(routes.key, request);
					return key === undefined ? undefined : find(JSON.stringify(key));
				},
				close: inline.close,
			};
		}
	}
}

/** Scopes that the listener itself holds, by their keys. */
function createInlineScopes(scopes: readonly RouteScopeConfig[], context: DataPathContext) {
	const tables = new Map<string, () => RouteTable | undefined>();
	const releases: (() => void)[] = [];
	for (const { key, routes } of scopes) {
		if (routes.kind === "named") tables.set(JSON.stringify(key), () => context.getRouteTable(routes.name));
		else {
			const table = createRouteTable(routes.table, context.runtime);
			tables.set(JSON.stringify(key), () => table);
			releases.push(context.routeStatistics.declare(routes.table));
		}
	}
	return {
		tables,
		close() {
			for (const release of releases) release();
		},
	};
}
