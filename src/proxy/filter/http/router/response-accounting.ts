import type { Millis } from "../../../../core/index.ts";
import type { Cluster, Host } from "../../../cluster/index.ts";
import { createResponseCodeStats, type ResponseCodeStats, type VirtualClusterStats } from "../../../stats/index.ts";
import type { PassRequestHead } from "../pass-head.ts";

/** How much of a time was used; of one without end it is nothing. */
export function percentageOf(tookMs: number, limitMs: number): number {
	return limitMs <= 0 ? 0 : Math.floor((Math.max(0, Math.floor(tookMs)) * 100) / limitMs);
}

const altStatName = "x-envoy-upstream-alt-stat-name";

/** Counts the answers of one request: for its cluster, by where it came from, and under the name an internal client gave. */
export class ResponseAccounting {
	readonly #cluster: Cluster;
	readonly #request: PassRequestHead;
	readonly #named: ResponseCodeStats | undefined;
	/** Of the request's virtual cluster and route. */
	readonly routes: readonly VirtualClusterStats[];
	readonly #isSilent: boolean;

	/** Takes the client's name for its statistics out of the request. `isSilent`: answers are not counted. */
	constructor(
		cluster: Cluster,
		request: PassRequestHead,
		routes: readonly VirtualClusterStats[] = [],
		isSilent = false,
	) {
		this.#isSilent = isSilent;
		this.routes = routes;
		this.#cluster = cluster;
		this.#request = request;
		const name = request.mayHaveEnvoyFields ? request.get(altStatName) : undefined;
		if (name === undefined) return;
		request.remove(altStatName);
		this.#named = createResponseCodeStats(cluster.statsScope, `${name}.upstream_rq`);
	}

	/** Counts an answer, the upstream's or one that stands for a failure of it. */
	count(status: number, host: Host | undefined): void {
		if (this.#isSilent) return;
		const { responses } = this.#cluster;
		responses.all.count(status);
		(this.#isInternal ? responses.internal : responses.external).count(status);
		if (host?.canary === true) responses.canary.count(status);
		if (host !== undefined) this.#cluster.zoneResponses(host)?.count(status);
		this.#named?.count(status);
		for (const route of this.routes) route.responses.count(status);
	}

	/** Counts an attempt that is on its way. */
	countAttempt(): void {
		for (const route of this.routes) route.upstream_rq_total.value++;
	}

	/** Counts a request that took too long. */
	countTimeout(): void {
		this.#cluster.stats.upstream_rq_timeout.value++;
		for (const route of this.routes) route.upstream_rq_timeout.value++;
	}

	/** The whole answer came: records how long the upstream took of what it had. */
	complete(now: Millis, requestEndedAt: Millis, limitMs: number, host: Host): void {
		if (requestEndedAt > now) return;
		this.recordBudget(now - requestEndedAt, limitMs);
		this.#recordTime(now - requestEndedAt, host);
	}

	/** Records how much of the request's time was used. */
	recordBudget(tookMs: number, limitMs: number): void {
		const budgets = this.#cluster.measures?.budgets;
		budgets?.upstream_rq_timeout_budget_percent_used.record(percentageOf(tookMs, limitMs));
	}

	#recordTime(milliseconds: number, host: Host): void {
		if (this.#isSilent) return;
		const { responses } = this.#cluster;
		responses.all.recordTime(milliseconds);
		(this.#isInternal ? responses.internal : responses.external).recordTime(milliseconds);
		if (host.canary) responses.canary.recordTime(milliseconds);
		this.#cluster.zoneResponses(host)?.recordTime(milliseconds);
		this.#named?.recordTime(milliseconds);
		for (const route of this.routes) route.responses.recordTime(milliseconds);
	}

	get #isInternal(): boolean {
		return this.#request.mayHaveEnvoyFields && this.#request.get("x-envoy-internal") === "true";
	}
}
