import { isIP } from "node:net";
import { type Clock, computeBackoff, describeError, type Log, type Random, type Timer } from "../../../core/index.ts";
import type { DnsConfig } from "../../runtime-config/index.ts";
import type { UpstreamStats } from "../../stats/index.ts";
import type { DnsResolver } from "./dns-resolver.ts";

/** What a watch needs of its cluster. */
export interface NameWatchOptions {
	readonly name: string;
	readonly dns: DnsConfig;
	readonly resolver: DnsResolver;
	readonly clock: Clock;
	readonly random: Random;
	readonly log: Log;
	readonly clusterName: string;
	/** Whether an answer without addresses is a failure. */
	readonly needsAddress: boolean;
	readonly stats: Pick<UpstreamStats, "update_attempt" | "update_success" | "update_failure">;
	/** A look-up ended; undefined when it failed, and what was known before goes on. */
	onAnswer(addresses: readonly string[] | undefined): void;
}

/** Looks one name up again and again. */
export class NameWatch {
	readonly #options: NameWatchOptions;
	#timer: Timer | undefined;
	#failures = 0;
	#isClosed = false;

	constructor(options: NameWatchOptions) {
		this.#options = options;
	}

	/** Begins; an address in place of a name is answered at once and for good. */
	start(): void {
		const { name, dns, stats, onAnswer } = this.#options;
		const version = isIP(name);
		if (version === 0) {
			void this.#resolve();
			return;
		}
		stats.update_attempt.value++;
		const isOther = (dns.family === "v4-only" && version === 6) || (dns.family === "v6-only" && version === 4);
		(isOther ? stats.update_failure : stats.update_success).value++;
		onAnswer(isOther ? undefined : [name]);
	}

	close(): void {
		this.#isClosed = true;
		this.#timer?.cancel();
	}

	async #resolve(): Promise<void> {
		const { name, dns, resolver, stats, log, clusterName, onAnswer } = this.#options;
		stats.update_attempt.value++;
		let next: number;
		try {
			const { addresses, ttlMs } = await resolver.resolve(name, dns.family, dns.respectTtl, dns.servers);
			if (this.#isClosed) return;
			if (addresses.length === 0 && this.#options.needsAddress) throw new Error("the name has no address");
			stats.update_success.value++;
			this.#failures = 0;
			next = dns.respectTtl && ttlMs !== undefined && ttlMs > 0 ? Math.max(ttlMs, dns.minRefreshMs) : dns.refreshMs;
			next += this.#options.random.next() * dns.jitterMs;
			onAnswer(addresses);
		} catch (error) {
			if (this.#isClosed) return;
			stats.update_failure.value++;
			log.debug("name not resolved", { cluster: clusterName, name, error: describeError(error) });
			next = this.#failureDelay();
			onAnswer(undefined);
		}
		if (!this.#isClosed) this.#timer = this.#options.clock.setTimer(next, () => void this.#resolve(), { unref: true });
	}

	#failureDelay(): number {
		const { failureRefresh, refreshMs } = this.#options.dns;
		if (failureRefresh === undefined) return refreshMs;
		return Math.max(1, computeBackoff(failureRefresh, this.#failures++, this.#options.random));
	}
}
