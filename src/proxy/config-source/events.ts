import type { Clock } from "../../core/index.ts";
import type { StatsScope } from "../../telemetry/index.ts";
import {
	clusterType,
	hashBytes,
	listenerType,
	type RefusedResource,
	type ResourceUpdate,
	routeType,
	secretType,
} from "../../xds/client/index.ts";
import {
	type ControlPlaneStats,
	createClusterManagerStats,
	createControlPlaneStats,
	createListenerManagerStats,
	createRouteSubscriptionStats,
	createSubscriptionStats,
	type ReloadStats,
	type SubscriptionStats,
} from "../stats/index.ts";

/** A route configuration and the HTTP connection manager whose statistics it is counted under. */
export interface RouteUse {
	readonly name: string;
	readonly statPrefix: string;
}

/** What happens to configuration, counted in one place under Envoy's names. */
export interface ConfigEvents {
	/** A type is subscribed to. */
	subscribed(typeUrl: string): void;
	/** An update was put to use, but for `refused`; it took `durationMs`. */
	updated(update: ResourceUpdate, refused: readonly RefusedResource[], durationMs: number): void;
	/** The first state of a type did not come in time. */
	timedOut(typeUrl: string): void;
	connectionChanged(connected: boolean): void;
	/** Which route configurations and secrets are in use: statistics of others go. */
	retain(routes: readonly RouteUse[], secrets: readonly string[]): void;
	/** Those included that wait for endpoints or secrets and are not built yet. */
	clustersWarming(count: number): void;
	listenersWarming(count: number): void;
}

export function createConfigEvents(root: StatsScope, clock: Clock): ConfigEvents {
	const clusterStats = createClusterManagerStats(root.scope("cluster_manager"));
	const listenerStats = createListenerManagerStats(root.scope("listener_manager"));
	const wholeScopes = new Map([
		[clusterType, "cluster_manager.cds"],
		[listenerType, "listener_manager.lds"],
	]);
	/** Made when a type is subscribed to: what is not configured is not shown. */
	const whole = new Map<string, SubscriptionStats>();
	let controlPlane: ControlPlaneStats | undefined;
	/** By dotted name. */
	const routes = new Map<string, { readonly name: string; readonly scope: StatsScope; readonly stats: ReloadStats }>();
	const secrets = new Map<string, { readonly scope: StatsScope; readonly stats: SubscriptionStats }>();

	function statsOf(typeUrl: string, name: string): readonly SubscriptionStats[] {
		if (typeUrl === routeType) {
			return [...routes.values()].filter((route) => route.name === name).map(({ stats }) => stats);
		}
		const secret = typeUrl === secretType ? secrets.get(name) : undefined;
		return secret === undefined ? [] : [secret.stats];
	}

	function accept(stats: SubscriptionStats, version: string, durationMs: number): void {
		stats.update_attempt.value++;
		stats.update_success.value++;
		stats.update_time.value = clock.wall();
		stats.version.value = Number.parseInt(hashBytes(version).slice(0, 13), 16);
		stats.version_text.value = version;
		stats.update_duration.record(durationMs);
		if (!("config_reload" in stats)) return;
		const reload = stats as ReloadStats;
		reload.config_reload.value++;
		reload.config_reload_time_ms.value = clock.wall();
	}

	function refuse(stats: SubscriptionStats): void {
		stats.update_attempt.value++;
		stats.update_rejected.value++;
	}

	return {
		subscribed(typeUrl) {
			const scope = wholeScopes.get(typeUrl);
			if (scope === undefined) return;
			if (!whole.has(typeUrl)) whole.set(typeUrl, createSubscriptionStats(root.scope(scope)));
			whole.get(typeUrl)!.update_attempt.value++;
		},
		updated(update, refused, durationMs) {
			const stats = whole.get(update.typeUrl);
			if (stats !== undefined) {
				if (refused.length > 0) refuse(stats);
				else accept(stats, update.version, durationMs);
				return;
			}
			const refusedNames = new Set(refused.map(({ name }) => name));
			for (const { name, version } of update.added) {
				for (const named of statsOf(update.typeUrl, name)) {
					if (refusedNames.has(name)) refuse(named);
					else accept(named, version, durationMs);
				}
			}
		},
		timedOut(typeUrl) {
			const stats = whole.get(typeUrl);
			if (stats !== undefined) stats.init_fetch_timeout.value++;
		},
		connectionChanged(connected) {
			controlPlane ??= createControlPlaneStats(root.scope("control_plane"));
			controlPlane.connected_state.value = connected ? 1 : 0;
		},
		retain(routeUses, secretNames) {
			const wanted = new Map(routeUses.map((use) => [`http.${use.statPrefix}.rds.${use.name}`, use.name]));
			for (const [key, route] of routes) {
				if (wanted.has(key)) continue;
				route.scope.close();
				routes.delete(key);
			}
			for (const [key, name] of wanted) {
				if (routes.has(key)) continue;
				const own = root.scope(key);
				routes.set(key, { name, scope: own, stats: createRouteSubscriptionStats(own) });
			}
			for (const [name, secret] of secrets) {
				if (secretNames.includes(name)) continue;
				secret.scope.close();
				secrets.delete(name);
			}
			for (const name of secretNames) {
				if (secrets.has(name)) continue;
				const own = root.scope(`sds.${name}`);
				secrets.set(name, { scope: own, stats: createSubscriptionStats(own) });
			}
		},
		clustersWarming(count) {
			clusterStats.warming_clusters.value = count;
		},
		listenersWarming(count) {
			listenerStats.total_listeners_warming.value = count;
		},
	};
}
