import type { Cluster, ClusterFollowers, ClusterManager } from "../cluster/index.ts";
import type { AssignmentConfig, ClusterConfig, EndpointConfig } from "../runtime-config/index.ts";
import type { HostFlags, ToWorker, Travelling } from "./messages.ts";

/** Tells workers which clusters there are, their hosts, and how these are. What happens before a cluster serves is told when it does. */
export class ClusterRelay implements ClusterFollowers {
	readonly #post: (message: ToWorker) => void;
	readonly #travel: (config: ClusterConfig) => Travelling;
	/** Of clusters that workers know: the flags that they know. */
	readonly #told = new Map<Cluster, Map<string, number>>();
	readonly #assignments = new WeakMap<Cluster, AssignmentConfig>();
	readonly #changed = new Set<Cluster>();
	#isScheduled = false;

	constructor(post: (message: ToWorker) => void, travel: (config: ClusterConfig) => Travelling) {
		this.#post = post;
		this.#travel = travel;
	}

	attach(clusters: ClusterManager): void {
		clusters.onActivated((cluster) => this.#activated(cluster));
		clusters.onRetired((cluster) => {
			this.#told.delete(cluster);
			this.#changed.delete(cluster);
			// A replaced one is replaced by the message of its successor.
			if (clusters.get(cluster.name) === undefined) this.#post({ type: "clusters-removed", names: [cluster.name] });
		});
	}

	assigned(cluster: Cluster, assignment: AssignmentConfig): void {
		this.#assignments.set(cluster, assignment);
		if (this.#told.has(cluster)) this.#post({ type: "assignment", cluster: cluster.name, assignment });
		this.changed(cluster);
	}

	readdressed(cluster: Cluster, endpoint: EndpointConfig): void {
		if (this.#told.has(cluster)) this.#post({ type: "readdressed", cluster: cluster.name, endpoint });
	}

	changed(cluster: Cluster): void {
		if (!this.#told.has(cluster)) return;
		this.#changed.add(cluster);
		if (this.#isScheduled) return;
		this.#isScheduled = true;
		queueMicrotask(() => this.flush());
	}

	/** Tells at once what is due. */
	flush(): void {
		this.#isScheduled = false;
		for (const cluster of this.#changed) this.#tellHealth(cluster);
		this.#changed.clear();
	}

	#activated(cluster: Cluster): void {
		const flags = readFlags(cluster);
		this.#told.set(cluster, new Map(flags));
		const assignment = this.#assignments.get(cluster);
		this.#post({ type: "cluster", config: this.#travel(cluster.config), assignment, flags });
	}

	#tellHealth(cluster: Cluster): void {
		const told = this.#told.get(cluster);
		if (told === undefined) return;
		const now = new Map(readFlags(cluster));
		const flags = [...now].filter(([address, value]) => told.get(address) !== value);
		const gone = [...told.keys()].filter((address) => !now.has(address));
		if (flags.length === 0 && gone.length === 0) return;
		this.#told.set(cluster, now);
		this.#post({ type: "health", cluster: cluster.name, flags, gone });
	}
}

/** Clusters that find hosts in the thread that uses them have nothing to tell. */
function readFlags(cluster: Cluster): HostFlags {
	const { kind } = cluster.config.discovery;
	const isShared = kind === "static" || kind === "eds" || kind === "strict-dns" || kind === "logical-dns";
	return isShared ? cluster.hosts.map(({ address, healthFlags }) => [address, healthFlags] as const) : [];
}
