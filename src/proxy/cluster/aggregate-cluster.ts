import {
	type BalancerContext,
	computePriorityLoads,
	type PriorityCounts,
	type PriorityLoads,
} from "../../engine/load-balancer/index.ts";
import type { MetadataCriteria } from "../../engine/matcher/index.ts";
import type { ClusterConfig } from "../runtime-config/index.ts";
import type { Cluster, Host, LocalOutcome } from "./cluster.ts";
import { ClusterCore, type ClusterDeps } from "./cluster-core.ts";

/** One priority of one member; their order is that of the aggregate's own priorities. */
interface Level {
	readonly cluster: Cluster;
	readonly priority: number;
	readonly counts: PriorityCounts;
}

/** Priorities of several clusters in a row: the second is used for what the first cannot take. It has no hosts of its own: connections,
 *  their limits and their statistics are the members', those of requests are the aggregate's. */
export class AggregateCluster extends ClusterCore implements Cluster {
	readonly hosts: readonly Host[] = [];
	readonly #names: readonly string[];
	readonly #getCluster: (name: string) => Cluster | undefined;
	readonly #owners = new WeakMap<Host, Cluster>();
	#levels: readonly Level[] = [];
	#loads: PriorityLoads = { healthy: [], degraded: [], panic: [] };
	/** The state of the members that the loads were computed from. */
	#seen: readonly (Cluster | number)[] = [];

	constructor(
		config: ClusterConfig,
		names: readonly string[],
		deps: ClusterDeps,
		getCluster: (name: string) => Cluster | undefined,
	) {
		super(config, deps, () => undefined);
		this.#names = names;
		this.#getCluster = getCluster;
		this.becomeWarm();
	}

	ownerOf(host: Host): Cluster {
		return this.#owners.get(host) ?? this;
	}

	override priorityOf(host: Host): number {
		const owner = this.#owners.get(host);
		const first = this.#levels.findIndex(({ cluster }) => cluster === owner);
		return first === -1 ? host.priority : first + host.priority;
	}

	chooseHost(context: BalancerContext<Host>): Host | undefined {
		this.#refresh();
		const draw = context.hash === undefined ? this.deps.random.next() * 100 : Number(context.hash % 100n);
		const chosen = this.#choose(draw, context.attemptedPriorities ?? []);
		if (chosen === undefined) return undefined;
		const { level, isDegraded } = chosen;
		const host = level.cluster.chooseHost(new MemberContext(context, level.priority, isDegraded));
		if (host !== undefined) this.#owners.set(host, level.cluster);
		return host;
	}

	/** Has no assignment. */
	updateAssignment(): void {
		this.becomeWarm();
	}

	override reportResponse(host: Host, status: number): void {
		this.#owners.get(host)?.reportResponse(host, status);
	}

	override reportLocal(host: Host, outcome: LocalOutcome): void {
		this.#owners.get(host)?.reportLocal(host, outcome);
	}

	override failHealthAtOnce(host: Host): void {
		this.#owners.get(host)?.failHealthAtOnce(host);
	}

	#choose(
		draw: number,
		attempted: readonly number[],
	): { readonly level: Level; readonly isDegraded: boolean } | undefined {
		const loads = attempted.length === 0 ? this.#loads : this.#computeWithout(attempted);
		let sum = 0;
		for (const isDegraded of [false, true]) {
			for (const [index, load] of (isDegraded ? loads.degraded : loads.healthy).entries()) {
				sum += load;
				const level = this.#levels[index];
				if (draw < sum && level !== undefined) return { level, isDegraded };
			}
		}
		return undefined;
	}

	/** The loads when some priorities are used up; as ever when that leaves none. */
	#computeWithout(attempted: readonly number[]): PriorityLoads {
		const isLeft = this.#levels.some(({ counts }, index) => {
			return !attempted.includes(index) && counts.healthy + counts.degraded > 0;
		});
		return isLeft ? this.#compute((priority) => !attempted.includes(priority)) : this.#loads;
	}

	#compute(isUsable?: (priority: number) => boolean): PriorityLoads {
		return computePriorityLoads(
			this.#levels.map(({ counts }) => counts),
			{
				overprovisioningFactor: 140,
				panicThreshold: this.config.commonBalancer.healthyPanicThreshold,
				weightedPriorityHealth: false,
			},
			isUsable,
		);
	}

	#refresh(): void {
		const clusters = this.#names.map((name) => this.#getCluster(name)).filter((cluster) => cluster !== undefined);
		const seen = clusters.flatMap((cluster) => [cluster, cluster.healthVersion]);
		if (seen.length === this.#seen.length && seen.every((one, index) => one === this.#seen[index])) return;
		this.#seen = seen;
		this.healthVersion++;
		this.#levels = clusters.flatMap((cluster) =>
			countPriorities(cluster.hosts).map((counts, priority) => ({ cluster, priority, counts })),
		);
		this.#loads = this.#compute();
	}
}

/** What a member chooses by: the request's wishes, and the priority that the aggregate chose. */
class MemberContext implements BalancerContext<Host> {
	readonly hash: bigint | undefined;
	readonly metadataMatch: MetadataCriteria | undefined;
	readonly hostSelectionMaxAttempts: number;
	readonly attemptedPriorities = undefined;
	readonly forcedPriority: { readonly priority: number; readonly isDegraded: boolean };
	readonly #context: BalancerContext<Host>;

	constructor(context: BalancerContext<Host>, priority: number, isDegraded: boolean) {
		this.#context = context;
		this.hash = context.hash;
		this.metadataMatch = context.metadataMatch;
		this.hostSelectionMaxAttempts = context.hostSelectionMaxAttempts;
		this.forcedPriority = { priority, isDegraded };
	}

	get originalDestination(): BalancerContext["originalDestination"] {
		return this.#context.originalDestination;
	}

	get overrideHost(): BalancerContext["overrideHost"] {
		return this.#context.overrideHost;
	}

	get overridesTaken(): number {
		return this.#context.overridesTaken ?? 0;
	}

	set overridesTaken(count: number) {
		this.#context.overridesTaken = count;
	}

	shouldSelectAnotherHost(host: Host): boolean {
		return this.#context.shouldSelectAnotherHost(host);
	}

	getRequestHeader(name: string): string | undefined {
		return this.#context.getRequestHeader?.(name);
	}

	getDynamicMetadata(namespace: string, path: readonly string[]): unknown {
		return this.#context.getDynamicMetadata?.(namespace, path);
	}
}

function countPriorities(hosts: readonly Host[]): PriorityCounts[] {
	const counts: { -readonly [key in keyof PriorityCounts]: number }[] = [];
	for (const host of hosts) {
		while (counts.length <= host.priority)
			counts.push({
				hosts: 0,
				excluded: 0,
				healthy: 0,
				degraded: 0,
				countedWeight: 0,
				healthyWeight: 0,
				degradedWeight: 0,
			});
		const priority = counts[host.priority]!;
		priority.hosts++;
		if (host.excluded) priority.excluded++;
		else if (host.health === "healthy") priority.healthy++;
		else if (host.health === "degraded") priority.degraded++;
	}
	return counts;
}
