import type { Clock } from "../../core/index.ts";
import { xxHash64 } from "../../engine/hash/index.ts";
import type { StatsScope } from "../../telemetry/index.ts";
import {
	clusterType,
	endpointType,
	extensionType,
	listenerType,
	type RefusedResource,
	type ResourceUpdate,
	routeType,
	runtimeType,
	scopedRouteType,
} from "../../xds/client/index.ts";
import {
	type ControlPlaneStats,
	createClusterManagerStats,
	createConnectionExtensionSubscriptionStats,
	createControlPlaneStats,
	createEndpointSubscriptionStats,
	createExtensionSubscriptionStats,
	createListenerManagerStats,
	createReloadStats,
	createRouteSubscriptionStats,
	createScopedRouteSubscriptionStats,
	createSecretSubscriptionStats,
	createSubscriptionStats,
	type EmptyStats,
	type ExtensionSubscriptionStats,
	type ReloadStats,
	type ScopedRouteSubscriptionStats,
	type SubscriptionStats,
} from "../stats/index.ts";
import type { FileOutcome } from "./file-subscription.ts";

/** A resource subscribed to by name, and the scope that its statistics are counted under: `http.<prefix>.rds.<name>`,
 *  `cluster.<name>` for endpoints, `sds.<name>`. One resource may be used in several scopes. */
export interface SubscriptionUse {
	readonly typeUrl: string;
	readonly name: string;
	readonly scope: string;
	/** Whether it comes from a server: asking is counted, and then every answer asks anew. */
	readonly fromServer: boolean;
}

/** The name of a use of all resources of a type. */
export const wholeName = "*";

/** How an update went. */
export interface UpdateResult {
	readonly durationMs: number;
	/** Whether anything in it was new. */
	readonly isChange: boolean;
}

/** What happens to configuration, counted in one place under Envoy's names. */
export interface ConfigEvents {
	/** A type is subscribed to as a whole. */
	subscribed(typeUrl: string, fromServer: boolean): void;
	/** A file was read; `name` is undefined for files of all resources of the type. */
	fileRead(typeUrl: string, name: string | undefined, outcome: FileOutcome): void;
	/** Somebody new took what a file said before, as if it was read again. */
	fileReused(scope: string): void;
	/** An update of a server was put to use, but for `refused`. */
	updated(update: ResourceUpdate, refused: readonly RefusedResource[], result: UpdateResult): void;
	/** The first state of a type did not come in time. */
	timedOut(typeUrl: string): void;
	connectionChanged(connected: boolean): void;
	/** What is in use: statistics of others go. */
	retain(uses: readonly SubscriptionUse[]): void;
	/** Those included that wait for endpoints or secrets and are not built yet. */
	clustersWarming(count: number): void;
	listenersWarming(count: number): void;
	/** Scopes of routes that came over SRDS; `active` have their routes over RDS. */
	scopes(count: number, active: number): void;
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
	/** By scope. */
	const named = new Map<
		string,
		{
			readonly typeUrl: string;
			/** Resources of one name from several sources are counted together. */
			names: ReadonlySet<string>;
			readonly scope: StatsScope;
			readonly stats: SubscriptionStats;
		}
	>();

	function statsOf(typeUrl: string, name: string): readonly SubscriptionStats[] {
		return [...named.values()]
			.filter((entry) => entry.typeUrl === typeUrl && entry.names.has(name))
			.map(({ stats }) => stats);
	}

	function acceptVersion(stats: SubscriptionStats, version: string, durationMs: number): void {
		stats.update_success.value++;
		stats.update_time.value = clock.wall();
		stats.version.exact = xxHash64(version);
		stats.version.value = Number(stats.version.exact);
		stats.version_text.value = version;
		stats.update_duration.record(durationMs);
	}

	function accept(stats: SubscriptionStats, version: string, { durationMs, isChange }: UpdateResult): void {
		acceptVersion(stats, version, durationMs);
		if (!isChange || !("config_reload" in stats)) return;
		const reload = stats as ReloadStats | ExtensionSubscriptionStats;
		reload.config_reload.value++;
		if (reload.config_reload_time_ms !== undefined) reload.config_reload_time_ms.value = clock.wall();
	}

	function refuse(stats: SubscriptionStats): void {
		stats.update_rejected.value++;
		countConfigFailure(stats);
	}

	function countConfigFailure(stats: SubscriptionStats): void {
		if ("config_fail" in stats) (stats as ExtensionSubscriptionStats).config_fail.value++;
	}

	function countFile(stats: SubscriptionStats, outcome: FileOutcome): void {
		stats.update_attempt.value++;
		switch (outcome.kind) {
			case "failed":
				stats.update_failure.value++;
				countConfigFailure(stats);
				break;
			case "rejected":
				refuse(stats);
				break;
			case "empty":
				if ("update_empty" in stats) (stats as SubscriptionStats & EmptyStats).update_empty.value++;
				acceptVersion(stats, outcome.version, outcome.durationMs);
				break;
			case "accepted":
				accept(stats, outcome.version, outcome);
				break;
		}
	}

	return {
		subscribed(typeUrl, fromServer) {
			const scope = wholeScopes.get(typeUrl);
			if (scope === undefined) return;
			const create = typeUrl === clusterType ? createReloadStats : createSubscriptionStats;
			if (!whole.has(typeUrl)) whole.set(typeUrl, create(root.scope(scope)));
			if (fromServer) whole.get(typeUrl)!.update_attempt.value++;
		},
		updated(update, judged, result) {
			const refused = [...(update.broken ?? []), ...judged];
			const stats = whole.get(update.typeUrl);
			if (stats !== undefined) {
				stats.update_attempt.value++;
				if (refused.length > 0) refuse(stats);
				else accept(stats, update.version, result);
				return;
			}
			for (const stats of statsOf(update.typeUrl, wholeName)) {
				stats.update_attempt.value++;
				if (refused.length > 0) refuse(stats);
				else accept(stats, update.version, result);
			}
			const refusedNames = new Set(refused.map(({ name }) => name));
			for (const { name, version } of update.added) {
				for (const stats of statsOf(update.typeUrl, name)) {
					stats.update_attempt.value++;
					if (refusedNames.has(name)) refuse(stats);
					else accept(stats, version, result);
				}
			}
		},
		fileRead(typeUrl, name, outcome) {
			const stats = name === undefined ? [whole.get(typeUrl), ...statsOf(typeUrl, wholeName)] : statsOf(typeUrl, name);
			for (const one of stats) if (one !== undefined) countFile(one, outcome);
		},
		fileReused(scope) {
			const stats = named.get(scope)?.stats;
			if (stats === undefined) return;
			stats.update_attempt.value++;
			stats.update_success.value++;
		},
		timedOut(typeUrl) {
			const stats = whole.get(typeUrl);
			if (stats !== undefined) stats.init_fetch_timeout.value++;
		},
		connectionChanged(connected) {
			controlPlane ??= createControlPlaneStats(root.scope("control_plane"));
			controlPlane.connected_state.value = connected ? 1 : 0;
		},
		retain(uses) {
			const wanted = Map.groupBy(uses, ({ scope }) => scope);
			for (const [key, entry] of named) {
				const names = new Set(wanted.get(key)?.map(({ name }) => name));
				const goesOn = [...entry.names].some((name) => names.has(name));
				entry.names = names;
				if (goesOn) continue;
				entry.scope.close();
				named.delete(key);
			}
			for (const [key, ofScope] of wanted) {
				if (named.has(key)) continue;
				const { fromServer, typeUrl } = ofScope[0]!;
				const scope = root.scope(key);
				const stats = createNamedStats(typeUrl, scope);
				named.set(key, { typeUrl, names: new Set(ofScope.map(({ name }) => name)), scope, stats });
				if (fromServer) stats.update_attempt.value++;
			}
		},
		clustersWarming(count) {
			clusterStats.warming_clusters.value = count;
		},
		listenersWarming(count) {
			listenerStats.total_listeners_warming.value = count;
		},
		scopes(count, active) {
			for (const { stats } of named.values()) {
				if (!("all_scopes" in stats)) continue;
				const scopes = stats as ScopedRouteSubscriptionStats;
				scopes.all_scopes.value = count;
				scopes.active_scopes.value = active;
			}
		},
	};
}

function createNamedStats(typeUrl: string, scope: StatsScope): SubscriptionStats {
	if (typeUrl === routeType) return createRouteSubscriptionStats(scope);
	if (typeUrl === endpointType) return createEndpointSubscriptionStats(scope);
	if (typeUrl === extensionType) {
		const isHttp = scope.prefix.startsWith("extension_config_discovery.http_filter.");
		return isHttp ? createExtensionSubscriptionStats(scope) : createConnectionExtensionSubscriptionStats(scope);
	}
	if (typeUrl === scopedRouteType) return createScopedRouteSubscriptionStats(scope);
	return typeUrl === runtimeType ? createSubscriptionStats(scope) : createSecretSubscriptionStats(scope);
}
