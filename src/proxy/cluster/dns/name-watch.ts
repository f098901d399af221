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
	/** Where it is written why the name has no address now, by name. */
	readonly nameProblems: Map<string, string>;
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
		this.#options.nameProblems.delete(this.#options.name);
		this.#timer?.cancel();
	}

	async #resolve(): Promise<void> {
		const { name, dns, resolver, stats, log, clusterName, nameProblems, onAnswer } = this.#options;
		stats.update_attempt.value++;
		let next: number;
		try {
			const { addresses, ttlMs } = await resolver.resolve(name, dns.family, dns.respectTtl, dns.servers);
			if (this.#isClosed) return;
			if (addresses.length === 0) nameProblems.set(name, describeAbsence(name, dns));
			if (addresses.length === 0 && this.#options.needsAddress) throw new Error("the name has no address");
			if (addresses.length > 0) nameProblems.delete(name);
			stats.update_success.value++;
			this.#failures = 0;
			next = dns.respectTtl && ttlMs !== undefined && ttlMs > 0 ? Math.max(ttlMs, dns.minRefreshMs) : dns.refreshMs;
			next += this.#options.random.next() * dns.jitterMs;
			onAnswer(addresses);
		} catch (error) {
			if (this.#isClosed) return;
			stats.update_failure.value++;
			log.debug("name not resolved", { cluster: clusterName, name, error: describeError(error) });
			if (isResolverError(error)) nameProblems.set(name, describeProblem(name, error));
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

const kinds: Readonly<Record<DnsConfig["family"], string>> = {
	auto: "",
	all: "",
	"v4-preferred": "",
	"v4-only": " IPv4",
	"v6-only": " IPv6",
};

function describeAbsence(name: string, { family }: DnsConfig): string {
	return `there is no name ${name}, or it has no${kinds[family]} address`;
}

/** What the resolver's codes mean. */
const codes: Readonly<Record<string, string>> = {
	EAI_AGAIN: "the name server does not answer",
	ETIMEOUT: "the name server does not answer",
	ECONNREFUSED: "nothing listens where the name server should be",
	ESERVFAIL: "the name server failed",
	EREFUSED: "the name server refuses to answer",
	EBADNAME: "this is no name that DNS knows",
};

function isResolverError(error: unknown): error is NodeJS.ErrnoException {
	return error instanceof Error && "code" in error;
}

function describeProblem(name: string, { code = "" }: NodeJS.ErrnoException): string {
	return `${name}: ${codes[code] ?? "the look-up failed"} (${code})`;
}
