import { createRouteTable, type RouteTable } from "../../engine/router/index.ts";
import type { ExtensionTarget, RouteScopeTarget } from "../config-source/index.ts";
import type { DataPathContext } from "../data-path-context.ts";
import type { ExtensionConfig } from "../runtime-config/index.ts";

/** Configurations of filters that came by themselves, as a target and as connection managers ask for them. */
export function createExtensionBoard(): DataPathContext["extensions"] & ExtensionTarget {
	const filters = new Map<string, ExtensionConfig>();
	const listeners = new Set<(name: string) => void>();
	return {
		get(name) {
			const found = filters.get(name);
			return found?.of === "http" ? found.filter : undefined;
		},
		getNetworkFilter(name) {
			const found = filters.get(name);
			return found?.of === "network" ? found.filter : undefined;
		},
		getListenerFilter(name) {
			const found = filters.get(name);
			return found?.of === "listener" ? found.filter : undefined;
		},
		onChange(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		applyExtensions(added, removed) {
			for (const name of removed) filters.delete(name);
			for (const extension of added) filters.set(extension.name, extension);
			for (const name of [...removed, ...added.map((one) => one.name)]) for (const tell of listeners) tell(name);
		},
	};
}

/** Scopes of routes that came over SRDS, as a target and as connection managers ask for them. */
export function createRouteScopeBoard(
	context: Pick<DataPathContext, "getRouteTable" | "routeStatistics" | "runtime">,
): DataPathContext["routeScopes"] & RouteScopeTarget {
	/** By their keys. */
	const tables = new Map<string, () => RouteTable | undefined>();
	/** By their names: takes a scope away. */
	const leave = new Map<string, () => void>();
	const remove = (name: string): void => {
		leave.get(name)?.();
		leave.delete(name);
	};
	return {
		find: (key) => tables.get(key)?.(),
		applyScopes(added, removed) {
			for (const name of removed) remove(name);
			for (const { key, name, routes } of added) {
				remove(name);
				const text = JSON.stringify(key);
				let release = (): void => undefined;
				let find = (): RouteTable | undefined =>
					routes.kind === "named" ? context.getRouteTable(routes.name) : undefined;
				if (routes.kind === "inline") {
					const table = createRouteTable(routes.table, context.runtime);
					find = () => table;
					release = context.routeStatistics.declare(routes.table);
				}
				tables.set(text, find);
				leave.set(name, () => {
					// Another scope may have taken the key meanwhile.
					if (tables.get(text) === find) tables.delete(text);
					release();
				});
			}
		},
	};
}
