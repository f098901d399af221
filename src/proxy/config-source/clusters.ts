import { ClusterSchema } from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import { ClusterLoadAssignmentSchema } from "../../api/gen/envoy/config/endpoint/v3/endpoint_pb.js";
import type { Log } from "../../core/index.ts";
import { clusterType, endpointType, type RefusedResource, type ResourceUpdate } from "../../xds/client/index.ts";
import { type AssignmentConfig, type ClusterConfig, plainName } from "../runtime-config/index.ts";
import type { ConfigEvents } from "./events.ts";
import { hasInlineKey, listClusterSecrets, type Reference, type SecretReference } from "./references.ts";
import type { ResourceBook, ResourceOrigin } from "./resource-book.ts";
import type { AssignmentTarget, ClusterTarget, PreparedCluster } from "./targets.ts";
import { formatProblems, type Translators, translatePacked } from "./translators.ts";
import { type Need, needOf, type Warmups } from "./warmup.ts";

export interface ClustersDeps {
	readonly target: ClusterTarget;
	readonly assignmentTarget: AssignmentTarget;
	readonly translators: Translators;
	readonly warmups: Warmups;
	readonly book: ResourceBook;
	readonly hasSecret: (name: string) => boolean;
	/** What the clusters want changed: subscriptions follow. */
	readonly onReferencesChanged: () => void;
	/** A cluster serves. */
	readonly onActivated: (name: string) => void;
	/** The number of clusters that warm went to or from zero. */
	readonly onWarmingChanged: (warming: boolean) => void;
	readonly events: ConfigEvents;
	readonly log: Log;
}

/** The clusters, warming and active, and their endpoints. */
export interface Clusters {
	addStatic(configs: readonly ClusterConfig[]): void;
	apply(update: ResourceUpdate, origin: ResourceOrigin): RefusedResource[];
	applyAssignments(update: ResourceUpdate, origin: ResourceOrigin): RefusedResource[];
	/** Assignments that will not come: clusters stop to wait for them. */
	missingAssignments(names: readonly string[]): void;
	assignmentReferences(): AssignmentReference[];
	/** Whether there is one of that name, warming ones included. */
	has(name: string): boolean;
	secretReferences(): SecretReference[];
	/** Calls back once no cluster warms; at once when none does. */
	whenWarm(callback: () => void): void;
	readonly warmingNames: readonly string[];
}

/** Endpoints that a cluster gets over EDS. */
export interface AssignmentReference extends Reference {
	/** Of the cluster that uses them. */
	readonly statName: string;
}

interface WarmingCluster {
	readonly config: ClusterConfig;
	stopWaiting: () => void;
	prepared: PreparedCluster | undefined;
}

export function createClusters(deps: ClustersDeps): Clusters {
	const { book, log, target, translators, warmups } = deps;
	const staticNames = new Set<string>();
	const active = new Map<string, ClusterConfig>();
	const warming = new Map<string, WarmingCluster>();
	/** By EDS service name. Kept while a cluster wants it, so that a changed cluster is warm at once. */
	const assignments = new Map<string, AssignmentConfig>();
	let warmCallbacks: (() => void)[] = [];
	let paused = false;
	/** Whether several clusters are being changed: what follows from them waits for the last. */
	let inBatch = false;

	function warm(config: ClusterConfig): void {
		cancelWarming(config.name);
		const entry: WarmingCluster = { config, stopWaiting: () => undefined, prepared: undefined };
		warming.set(config.name, entry);
		const needs: Need[] = listClusterSecrets(config)
			.filter(({ isAwaited, name }) => isAwaited && !deps.hasSecret(name))
			.map((reference) => needOf("secret", reference));
		const service = edsReference(config);
		if (service !== undefined && !assignments.has(service.name)) needs.push(needOf("assignment", service));
		// A cluster that takes another one's place asks for its endpoints anew.
		else if (service?.source.kind === "path" && active.has(config.name)) {
			deps.events.fileReused(`cluster.${service.statName}`);
		}
		entry.stopWaiting = warmups.begin(needs, (timedOut) => {
			for (const need of timedOut) {
				log.warn("cluster stops waiting", { cluster: config.name, for: `${need.kind} ${plainName(need.name)}` });
			}
			prepare(entry);
		});
	}

	function prepare(entry: WarmingCluster): void {
		const { config } = entry;
		const service = edsReference(config);
		const prepared = target.prepareCluster(config, service === undefined ? undefined : assignments.get(service.name));
		entry.prepared = prepared;
		prepared.onWarm(() => {
			if (warming.get(config.name) !== entry) return;
			warming.delete(config.name);
			active.set(config.name, config);
			prepared.activate();
			log.debug("cluster is active", { cluster: config.name });
			deps.onActivated(config.name);
			settle();
		});
	}

	function cancelWarming(name: string): void {
		const entry = warming.get(name);
		if (entry === undefined) return;
		warming.delete(name);
		entry.stopWaiting();
		entry.prepared?.discard();
	}

	/** After any change: tells who wants to know. */
	function settle(): void {
		if (inBatch) return;
		deps.events.clustersWarming(warming.size);
		if (paused !== warming.size > 0) {
			paused = warming.size > 0;
			deps.onWarmingChanged(paused);
		}
		forgetAssignments();
		if (warming.size > 0) return;
		const callbacks = warmCallbacks;
		warmCallbacks = [];
		for (const callback of callbacks) callback();
	}

	function forgetAssignments(): void {
		const wanted = new Set(everyConfig().flatMap((config) => edsReference(config)?.name ?? []));
		for (const name of [...assignments.keys()]) {
			if (wanted.has(name)) continue;
			assignments.delete(name);
			book.remove(endpointType, name);
		}
	}

	/** The clusters that serve with the endpoints of an EDS service name. */
	function usersOf(service: string): ClusterConfig[] {
		return [...active.values()].filter((config) => edsReference(config)?.name === service);
	}

	function everyConfig(): ClusterConfig[] {
		return [...active.values(), ...[...warming.values()].map(({ config }) => config)];
	}

	function remove(name: string): void {
		cancelWarming(name);
		book.remove(clusterType, name);
		if (active.delete(name)) target.removeClusters([name]);
	}

	return {
		addStatic(configs) {
			for (const config of configs) staticNames.add(config.name);
			inBatch = true;
			for (const config of configs) {
				target.countChange(false);
				warm(config);
			}
			inBatch = false;
			deps.onReferencesChanged();
			settle();
		},
		apply(update, origin) {
			const refused: RefusedResource[] = [];
			inBatch = true;
			for (const resource of update.added) {
				// A cluster of the bootstrap cannot be replaced; Envoy passes over the attempt as well.
				if (staticNames.has(resource.name) || book.isSame(clusterType, resource)) continue;
				target.countChange(active.has(resource.name) || warming.has(resource.name));
				const translated = translatePacked(ClusterSchema, resource.value, translators.cluster);
				if (translated.ok) {
					book.accept(clusterType, resource, origin, !hasInlineKey(translated.value));
					warm(translated.value);
				} else {
					const problem = formatProblems(translated.problems);
					refused.push({ name: resource.name, problem });
					book.refuse(clusterType, resource, problem);
				}
			}
			for (const name of update.removed) if (!staticNames.has(name)) remove(name);
			inBatch = false;
			deps.onReferencesChanged();
			settle();
			return refused;
		},
		applyAssignments(update, origin) {
			const refused: RefusedResource[] = [];
			for (const resource of update.added) {
				if (book.isSame(endpointType, resource)) {
					for (const { name } of usersOf(resource.name)) deps.assignmentTarget.repeatAssignment(name);
					continue;
				}
				const translated = translatePacked(ClusterLoadAssignmentSchema, resource.value, translators.assignment);
				if (!translated.ok) {
					const problem = formatProblems(translated.problems);
					refused.push({ name: resource.name, problem });
					book.refuse(endpointType, resource, problem);
					continue;
				}
				book.accept(endpointType, resource, origin, true);
				assignments.set(resource.name, translated.value);
				for (const { name } of usersOf(resource.name)) {
					deps.assignmentTarget.applyAssignment(name, translated.value);
				}
				warmups.meet("assignment", resource.name);
			}
			// What has endpoints keeps them: Envoy takes an assignment that is said not to exist for no news.
			for (const name of update.removed) warmups.meet("assignment", name);
			return refused;
		},
		missingAssignments(names) {
			for (const name of names) warmups.meet("assignment", name);
		},
		assignmentReferences: () => everyConfig().flatMap((config) => edsReference(config) ?? []),
		has: (name) => active.has(name) || warming.has(name),
		secretReferences: () => everyConfig().flatMap(listClusterSecrets),
		whenWarm(callback) {
			if (warming.size === 0) callback();
			else warmCallbacks.push(callback);
		},
		get warmingNames() {
			return [...warming.keys()];
		},
	};
}

function edsReference({ discovery, statName }: ClusterConfig): AssignmentReference | undefined {
	return discovery.kind === "eds" ? { name: discovery.serviceName, source: discovery.source, statName } : undefined;
}
