import { AdminError, rolloutParameters } from "../admin/index.ts";
import type { RolloutOptions, WithoutTraffic } from "./rollout.ts";

const withoutTraffic: readonly string[] = ["hold", "complete", "take-back"] satisfies WithoutTraffic[];
const maxSteps = 20;
const maxWatchSeconds = 7 * 24 * 3_600;

/** Reads the parameters of a rollout.
 *  @throws AdminError 400 */
export function parseRolloutOptions(query: URLSearchParams): RolloutOptions {
	for (const name of query.keys())
		if (!Object.hasOwn(rolloutParameters, name))
			throw invalid(name, `is unknown: known are ${Object.keys(rolloutParameters).join(", ")}`);
	const number = (name: keyof typeof rolloutParameters, preset: number, least: number, most: number): number => {
		const text = query.get(name);
		const value = text === null ? preset : Number(text);
		if (text !== "" && value >= least && value <= most) return value;
		throw invalid(name, `is a number from ${least} to ${most}, not '${text}'`);
	};
	const traffic = query.get("withoutTraffic") ?? "hold";
	if (!withoutTraffic.includes(traffic)) throw invalid("withoutTraffic", `is one of ${withoutTraffic.join(", ")}`);
	const errors = query.get("errors") ?? "all";
	if (errors !== "all" && errors !== "5xx") throw invalid("errors", "is all or 5xx");
	return {
		steps: parseSteps(query.get("steps") ?? "10"),
		watchMs: number("watch", 60, 1, maxWatchSeconds) * 1_000,
		maxErrorRate: number("maxErrorRate", 1, 0, 100) / 100,
		maxLatencyIncrease: number("maxLatencyIncrease", 50, 0, 100_000) / 100,
		minRequests: Math.ceil(number("minRequests", 20, 1, 1_000_000)),
		maxWaitMs: number("maxWait", 300, 0, maxWatchSeconds) * 1_000,
		withoutTraffic: traffic as WithoutTraffic,
		countsClientErrors: errors === "all",
	};
}

function parseSteps(text: string): number[] {
	const steps = text.split(",").map((part) => Number(part.trim().replace(/%$/, "") || Number.NaN));
	const isRising = steps.every((step, at) => step > 0 && step <= 100 && (at === 0 || step > steps[at - 1]!));
	if (isRising && steps.length <= maxSteps) return steps;
	throw invalid("steps", `are at most ${maxSteps} rising shares from above 0 to 100, such as 10,50,100, not '${text}'`);
}

function invalid(name: string, problem: string): AdminError {
	return new AdminError(400, "QUERY_INVALID", `'${name}' ${problem}`);
}
