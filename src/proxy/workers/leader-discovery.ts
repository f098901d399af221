import type { ClusterDiscovery, ClusterQuery, DiscoveryOutcome } from "../config-source/index.ts";
import type { FromWorker } from "./messages.ts";

/** The discovery of clusters in a worker: main asks for it. The answer comes behind the cluster. */
export class LeaderDiscovery implements ClusterDiscovery {
	readonly #send: (message: FromWorker) => void;
	readonly #waiting = new Map<number, (outcome: DiscoveryOutcome) => void>();
	#lastId = 0;

	constructor(send: (message: FromWorker) => void) {
		this.#send = send;
	}

	discover({ name, source, timeoutMs }: ClusterQuery, done: (outcome: DiscoveryOutcome) => void): () => void {
		const id = ++this.#lastId;
		this.#waiting.set(id, done);
		this.#send({ type: "discover", id, name, source: JSON.stringify(source), timeoutMs });
		return () => void this.#waiting.delete(id);
	}

	/** Main has answered. */
	settle(id: number, outcome: DiscoveryOutcome): void {
		const done = this.#waiting.get(id);
		this.#waiting.delete(id);
		done?.(outcome);
	}
}
