import type { RolloutOptions } from "./rollout.ts";
import type { NodeSample, SeriesSample } from "./sample.ts";
import { chanceOfAtLeast, chanceOfMore, surely } from "./statistics.ts";

/** What is compared, each the sum of several proxies. */
export interface Evidence {
	/** The canaries since the step began. */
	readonly canaries: NodeSample;
	/** The proxies without the change, in the same time. */
	readonly others: NodeSample;
	/** The canaries before they were given the change. */
	readonly before: NodeSample;
}

/** Requests of one group in figures. */
export interface Figures {
	readonly requests: number;
	/** Of them failed, 0 to 1; absent without requests. */
	readonly errorRate?: number;
	/** Milliseconds within which nine of ten were answered; absent without requests. */
	readonly p90Ms?: number;
}

/** One series of a comparison. */
export interface ComparedSeries {
	readonly series: string;
	readonly canaries: Figures;
	readonly others: Figures;
	readonly before: Figures;
	/** What is clearly worse, in words. */
	readonly worse?: string;
}

type Limits = Pick<RolloutOptions, "maxErrorRate" | "maxLatencyIncrease" | "minRequests" | "countsClientErrors">;

/** Differences that nobody notices are none, however sure they are. */
const minLatencyMs = 5;
const none: SeriesSample = { requests: 0, clientErrors: 0, serverErrors: 0, latency: {} };

/** Compares every series that the canaries have, those with most requests first. A series is worse when its share of failed requests is above
 *  the limit, or its slowest tenth is slower than allowed, and that is no chance: against the others in the same time, and against the
 *  canaries themselves before. Where only one of the two had enough requests it decides alone, and with none the limit does. */
export function judge({ canaries, others, before }: Evidence, limits: Limits): ComparedSeries[] {
	return Object.entries(canaries)
		.sort(([, a], [, b]) => b.requests - a.requests)
		.map(([series, canary]) => {
			const [other, own] = [others[series] ?? none, before[series] ?? none];
			const worse = describeErrors(canary, other, own, limits) ?? describeLatency(canary, other, own, limits);
			return {
				series,
				canaries: figuresOf(canary, limits),
				others: figuresOf(other, limits),
				before: figuresOf(own, limits),
				...(worse !== undefined && { worse }),
			};
		});
}

/** Requests that say something about a step: what came in and went out, without those counted a second time by host. */
export function countRequests(sample: NodeSample): number {
	return (sample["inbound"]?.requests ?? 0) + (sample["outbound"]?.requests ?? 0) || countConnections(sample);
}

/** Of proxies that only carry bytes. */
function countConnections(sample: NodeSample): number {
	return Object.entries(sample).reduce(
		(sum, [name, { requests }]) => (name.startsWith("connections to ") ? sum + requests : sum),
		0,
	);
}

function describeErrors(
	canary: SeriesSample,
	other: SeriesSample,
	own: SeriesSample,
	limits: Limits,
): string | undefined {
	const errors = (sample: SeriesSample) => ({
		hits: sample.serverErrors + (limits.countsClientErrors ? sample.clientErrors : 0),
		of: sample.requests,
	});
	const mine = errors(canary);
	if (mine.of < limits.minRequests || mine.hits / mine.of <= limits.maxErrorRate) return undefined;
	const references = [other, own].filter(({ requests }) => requests >= limits.minRequests);
	const isSure =
		references.length === 0
			? chanceOfAtLeast(mine, limits.maxErrorRate) < surely
			: references.every((reference) => chanceOfMore(mine, errors(reference)) < surely);
	if (!isSure) return undefined;
	return `${describeShare(mine)} failed, ${describeReferences(other, own, limits, (sample) => describeShare(errors(sample)))}`;
}

function describeLatency(
	canary: SeriesSample,
	other: SeriesSample,
	own: SeriesSample,
	limits: Limits,
): string | undefined {
	const mine = percentile(canary.latency, 0.9);
	if (mine === undefined || totalOf(canary.latency) < limits.minRequests) return undefined;
	const references = [other, own].filter(({ latency }) => totalOf(latency) >= limits.minRequests);
	// How long is too long is not known of a series that nobody had before.
	if (references.length === 0) return undefined;
	const isSlower = references.every(({ latency }) => {
		const theirs = percentile(latency, 0.9)!;
		if (mine <= theirs * (1 + limits.maxLatencyIncrease) || mine - theirs < minLatencyMs) return false;
		const bound = boundAbove(latency, theirs);
		return chanceOfMore(slowerThan(canary.latency, bound), slowerThan(latency, bound)) < surely;
	});
	if (!isSlower) return undefined;
	const describe = ({ latency }: SeriesSample): string => `${formatMs(percentile(latency, 0.9)!)}`;
	return `nine of ten took up to ${formatMs(mine)}, ${describeReferences(other, own, limits, describe)}`;
}

function describeReferences(
	other: SeriesSample,
	own: SeriesSample,
	{ minRequests }: Limits,
	describe: (sample: SeriesSample) => string,
): string {
	const parts = [
		...(other.requests >= minRequests ? [`of the others ${describe(other)}`] : []),
		...(own.requests >= minRequests ? [`before ${describe(own)}`] : []),
	];
	return parts.length === 0 ? "and there is nothing to compare with" : parts.join(", ");
}

function describeShare({ hits, of }: { readonly hits: number; readonly of: number }): string {
	return `${formatShare(hits / of)} of ${of} requests`;
}

/** `1.5%`. */
export function formatShare(share: number): string {
	return `${Number((share * 100).toPrecision(share < 0.1 ? 2 : 3))}%`;
}

function formatMs(ms: number): string {
	return `${Number(ms.toPrecision(3))} ms`;
}

function figuresOf(sample: SeriesSample, { countsClientErrors }: Limits): Figures {
	const { requests, serverErrors, clientErrors, latency } = sample;
	const p90Ms = percentile(latency, 0.9);
	return {
		requests,
		...(requests > 0 && { errorRate: (serverErrors + (countsClientErrors ? clientErrors : 0)) / requests }),
		...(p90Ms !== undefined && { p90Ms }),
	};
}

type Latency = SeriesSample["latency"];

function bucketsOf(latency: Latency): (readonly [bound: number, count: number])[] {
	return Object.entries(latency)
		.map(([bound, count]) => [Number(bound), count] as const)
		.sort(([a], [b]) => a - b);
}

function totalOf(latency: Latency): number {
	return Object.values(latency).reduce((sum, count) => sum + count, 0);
}

/** Within a bucket as if its values were spread evenly from the bound below, of which only those with values are known. */
function percentile(latency: Latency, quantile: number): number | undefined {
	const wanted = totalOf(latency) * quantile;
	let [sum, below] = [0, 0];
	for (const [bound, count] of bucketsOf(latency)) {
		if (sum + count >= wanted && count > 0) return below + ((wanted - sum) / count) * (bound - below);
		sum += count;
		below = bound;
	}
	return undefined;
}

/** The bound of the bucket that a value is in. */
function boundAbove(latency: Latency, value: number): number {
	return bucketsOf(latency).find(([bound]) => bound >= value)?.[0] ?? value;
}

function slowerThan(latency: Latency, bound: number): { readonly hits: number; readonly of: number } {
	const buckets = bucketsOf(latency);
	const hits = buckets.reduce((sum, [upper, count]) => (upper > bound ? sum + count : sum), 0);
	return { hits, of: totalOf(latency) };
}
