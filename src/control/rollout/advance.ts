import { type ComparedSeries, countRequests, type Evidence, formatShare, judge } from "./judge.ts";
import { orderNodes } from "./order-nodes.ts";
import {
	countOf,
	isRunning,
	type MemberReport,
	maxWatched,
	phaseOf,
	type Rollout,
	type TouchedNode,
	watchedNodes,
} from "./rollout.ts";
import { addSamples, type NodeSample, subtractSample } from "./sample.ts";

/** What is known beside the rollout itself. */
export interface RolloutFacts {
	readonly reports: readonly MemberReport[];
	/** How long other control planes have to say whom the change touches. */
	readonly gatherMs: number;
}

/** Figures of a proxy that does not answer are not waited for longer. */
const measureMs = 3_000;
/** Reports that are older say nothing of now. */
const freshMs = 15_000;
/** A canary that was not connected for so long is lost. */
const lostMs = 20_000;

/** What becomes of a rollout by itself; undefined while it stays as it is. */
export function advance(rollout: Rollout, facts: RolloutFacts, now: number): Rollout | undefined {
	switch (rollout.state) {
		case "choosing":
			return choose(rollout, facts, now);
		case "measuring":
			return measure(rollout, facts, now);
		case "observing":
			return takeBackIfWorse(rollout, facts, now) ?? endStep(rollout, facts, now);
		case "held":
			return takeBackIfWorse(rollout, facts, now);
		default:
			return undefined;
	}
}

/** A canary refused what only it was given. */
export function onRefused(rollout: Rollout, nodeId: string, words: string, now: number): Rollout | undefined {
	const isOpen = rollout.state === "observing" || rollout.state === "held" || rollout.state === "measuring";
	if (!isOpen || !rollout.order.slice(0, rollout.served).some(({ id }) => id === nodeId)) return undefined;
	return end(rollout, "taken-back", `${nodeId} refused it: ${words}`, now);
}

/** Somebody lets all have the change. */
export function promote(rollout: Rollout, who: string, now: number): Rollout | undefined {
	if (!isRunning(rollout) || rollout.state === "completing") return undefined;
	return { ...rollout, state: "completing", reason: `promoted by ${who}`, since: now };
}

/** It cannot go on, or somebody takes it back. */
export function abort(rollout: Rollout, reason: string, now: number): Rollout | undefined {
	if (!isRunning(rollout) || rollout.state === "completing") return undefined;
	return end(rollout, "aborted", reason, now);
}

/** The objects are applied. */
export function complete(rollout: Rollout, now: number): Rollout | undefined {
	return rollout.state === "completing" ? end(rollout, "completed", rollout.reason ?? "", now) : undefined;
}

/** What the newest reports say of the present step. */
export function compare(rollout: Rollout, reports: readonly MemberReport[]): ComparedSeries[] {
	return judge(collectEvidence(rollout, reports), rollout.options);
}

function end(rollout: Rollout, state: "completed" | "taken-back" | "aborted", reason: string, now: number): Rollout {
	return {
		...rollout,
		...{ state, reason, since: now, endedAt: now, bases: {}, marks: {} },
		objects: rollout.objects.map(({ kind, namespace, name, result }) => ({ kind, namespace, name, result })),
		order: rollout.order.slice(0, Math.min(rollout.served, maxWatched)),
	};
}

function choose(rollout: Rollout, { reports, gatherMs }: RolloutFacts, now: number): Rollout | undefined {
	const current = ofPhase(rollout, reports);
	if (current.length === 0 || now - rollout.since < gatherMs) return undefined;
	const touched = new Map<string, TouchedNode>();
	for (const report of current) for (const node of report.touched) touched.set(node.id, node);
	if (touched.size === 0)
		return { ...rollout, state: "completing", reason: "it changes nothing for any connected proxy", since: now };
	return {
		...rollout,
		state: "measuring",
		touched: touched.size,
		order: orderNodes([...touched.values()]),
		since: now,
	};
}

function measure(rollout: Rollout, { reports }: RolloutFacts, now: number): Rollout | undefined {
	const samples = newestSamples(ofPhase(rollout, reports));
	const { canaries, others } = watchedNodes(rollout);
	const isMissing = (id: string): boolean => samples[id] === undefined;
	if ([...canaries, ...others].some(isMissing) && now - rollout.since < measureMs) return undefined;
	const found = (ids: readonly string[]): Record<string, NodeSample> =>
		Object.fromEntries(ids.flatMap((id) => (samples[id] === undefined ? [] : [[id, samples[id]]])));
	return {
		...rollout,
		state: "observing",
		served: countOf(rollout),
		bases: { ...found(canaries), ...rollout.bases },
		marks: found([...canaries, ...others]),
		since: now,
	};
}

function takeBackIfWorse(rollout: Rollout, { reports }: RolloutFacts, now: number): Rollout | undefined {
	const worse = compare(rollout, reports).find((series) => series.worse !== undefined);
	if (worse !== undefined) return end(rollout, "taken-back", `${nameSeries(worse.series)}: ${worse.worse}`, now);
	const fresh = ofPhase(rollout, reports).filter(({ at }) => now - at < freshMs);
	const { canaries, others } = watchedNodes(rollout);
	const isLost = (id: string): boolean =>
		now - Math.max(...fresh.map(({ seen, upSince }) => Math.max(seen[id] ?? 0, upSince))) > lostMs;
	if (fresh.length === 0 || !canaries.every(isLost) || (others.length > 0 && others.every(isLost))) return undefined;
	return end(rollout, "taken-back", "none of the proxies that were given it is connected any more", now);
}

function endStep(rollout: Rollout, { reports }: RolloutFacts, now: number): Rollout | undefined {
	const { options, since } = rollout;
	if (now - since < options.watchMs) return undefined;
	const evidence = collectEvidence(rollout, reports);
	const requests = countRequests(evidence.canaries);
	if (requests >= options.minRequests) return goOn(rollout, describeGood(rollout, evidence), now);
	if (now - since < options.watchMs + options.maxWaitMs) return undefined;
	const few = `only ${requests} requests went through the proxies that have it, ${options.minRequests} are needed to compare`;
	if (options.withoutTraffic === "complete") return goOn(rollout, `${few}; completed all the same`, now);
	if (options.withoutTraffic === "take-back") return end(rollout, "taken-back", few, now);
	return { ...rollout, state: "held", reason: few };
}

function goOn(rollout: Rollout, reason: string, now: number): Rollout {
	const step = rollout.step + 1;
	if (step >= rollout.options.steps.length) return { ...rollout, state: "completing", reason, since: now };
	return { ...rollout, state: "measuring", step, since: now };
}

function describeGood(rollout: Rollout, { canaries, others }: Evidence): string {
	const [first] = judge({ canaries, others, before: {} }, rollout.options);
	const proxies = `${rollout.served} of ${rollout.touched} proxies`;
	if (first === undefined) return proxies;
	const describe = ({ errorRate = 0, requests }: ComparedSeries["canaries"]): string =>
		`${formatShare(errorRate)} of ${requests} requests`;
	const compared = first.others.requests > 0 ? `, of the others ${describe(first.others)}` : "";
	return `${proxies}: ${nameSeries(first.series)}: ${describe(first.canaries)} failed${compared}`;
}

function nameSeries(series: string): string {
	return series === "inbound" || series === "outbound"
		? `${series} requests`
		: `requests ${series}`.replace("requests connections", "connections");
}

function collectEvidence(rollout: Rollout, reports: readonly MemberReport[]): Evidence {
	const samples = newestSamples(ofPhase(rollout, reports));
	const { canaries, others } = watchedNodes(rollout);
	const since = (ids: readonly string[]): NodeSample =>
		addSamples(
			// Without figures from the step's start there is nothing to count from.
			ids.flatMap((id) => {
				const [sample, mark] = [samples[id], rollout.marks[id]];
				return sample === undefined || mark === undefined ? [] : [subtractSample(sample, mark)];
			}),
		);
	const before = addSamples(canaries.flatMap((id) => (rollout.bases[id] === undefined ? [] : [rollout.bases[id]])));
	return { canaries: since(canaries), others: since(others), before };
}

function ofPhase(rollout: Rollout, reports: readonly MemberReport[]): readonly MemberReport[] {
	const phase = phaseOf(rollout);
	return reports.filter((report) => report.phase === phase);
}

/** A proxy that changed over to another control plane is in two reports. */
function newestSamples(reports: readonly MemberReport[]): Record<string, NodeSample> {
	return Object.assign({}, ...[...reports].sort((a, b) => a.at - b.at).map(({ samples }) => samples)) as Record<
		string,
		NodeSample
	>;
}
