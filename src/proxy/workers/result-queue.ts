import type { LocalOutcome } from "../cluster/index.ts";
import type { HostResult } from "./messages.ts";

/** Results on their way to who ejects hosts. Successes are counted and told now and then; a failure takes all that came before it
 *  along at the end of the turn, so that results of one host arrive in their order. */
export class ResultQueue {
	readonly #send: (results: readonly HostResult[]) => void;
	readonly #successes = new Map<string, { cluster: string; host: string; result: number; times: number }>();
	#results: HostResult[] = [];
	#turn: NodeJS.Immediate | undefined;
	#timer: NodeJS.Timeout | undefined;

	constructor(send: (results: readonly HostResult[]) => void) {
		this.#send = send;
	}

	report(cluster: string, host: string, result: number | LocalOutcome): void {
		if (typeof result === "number" && result < 500) {
			const key = `${cluster} ${host}`;
			const known = this.#successes.get(key);
			if (known === undefined) this.#successes.set(key, { cluster, host, result, times: 1 });
			else known.times++;
			this.#timer ??= setTimeout(() => this.flush(), successDelayMs).unref();
			return;
		}
		this.#takeSuccesses();
		this.#results.push({ cluster, host, result, times: 1 });
		this.#turn ??= setImmediate(() => this.flush());
	}

	flush(): void {
		this.#takeSuccesses();
		if (this.#turn !== undefined) clearImmediate(this.#turn);
		this.#turn = undefined;
		if (this.#results.length === 0) return;
		const results = this.#results;
		this.#results = [];
		this.#send(results);
	}

	#takeSuccesses(): void {
		clearTimeout(this.#timer);
		this.#timer = undefined;
		for (const success of this.#successes.values()) this.#results.push(success);
		this.#successes.clear();
	}
}

const successDelayMs = 50;
