import { type Command, Option } from "commander";
import {
	createChoiceOption,
	parseCount,
	parsePercent,
	parsePercents,
	parseSeconds,
	parseShare,
} from "../parse-arguments.ts";

/** Options of `amime apply` for a change that some proxies are given first. */
export interface CanaryOptions {
	readonly canary?: number;
	readonly steps?: readonly number[];
	readonly watch?: number;
	readonly maxErrorRate?: number;
	readonly maxLatencyIncrease?: number;
	readonly minRequests?: number;
	readonly maxWait?: number;
	readonly withoutTraffic?: string;
	readonly errors?: string;
	readonly detach?: boolean;
}

/** Adds them; what is not given the control plane decides. */
export function withCanaryOptions(command: Command): Command {
	const optional = (option: Option): Option => {
		option.defaultValue = undefined;
		return option;
	};
	return command
		.addOption(
			new Option("--canary <share>", "give the change to this share of the proxies first, such as 10%").argParser(
				parseShare,
			),
		)
		.addOption(new Option("--steps <shares>", "several shares, each watched: 10%,50%,100%").argParser(parsePercents))
		.addOption(new Option("--watch <time>", "how long each step is watched (default: 60s)").argParser(parseSeconds))
		.addOption(
			new Option("--max-error-rate <share>", "failed requests up to this share are no reason (default: 1%)").argParser(
				parsePercent,
			),
		)
		.addOption(
			new Option("--max-latency-increase <share>", "how much slower the slowest tenth may be (default: 50%)").argParser(
				parsePercent,
			),
		)
		.addOption(new Option("--min-requests <count>", "fewer say nothing (default: 20)").argParser(parseCount))
		.addOption(
			new Option("--max-wait <time>", "how much longer a step waits for them (default: 5m)").argParser(parseSeconds),
		)
		.addOption(
			optional(
				createChoiceOption(
					"--without-traffic <what>",
					"what becomes of a step without them (default: hold)",
					["hold", "complete", "take-back"],
					"hold",
				),
			),
		)
		.addOption(
			optional(
				createChoiceOption("--errors <which>", "what counts as failed (default: all, 4xx too)", ["all", "5xx"], "all"),
			),
		)
		.option("--detach", "do not wait for the end; see 'amime rollout status'");
}

/** The parameters of `POST /v1/rollouts`; undefined for an apply to all at once. Options that mean nothing without `--canary` or `--steps` are
 *  bad usage. */
export function toRolloutQuery(command: Command, options: CanaryOptions): string | undefined {
	const { canary, steps, watch, maxErrorRate, maxLatencyIncrease, minRequests, maxWait, withoutTraffic, errors } =
		options;
	const details = { watch, maxErrorRate, maxLatencyIncrease, minRequests, maxWait, withoutTraffic, errors };
	const given = Object.entries(details).filter(([, value]) => value !== undefined);
	if (canary === undefined && steps === undefined) {
		if (given.length === 0 && options.detach === undefined) return undefined;
		return command.error("error: these options are for a change that some proxies are given first: add --canary 10%");
	}
	if (canary !== undefined && steps !== undefined)
		return command.error("error: --canary is one step and --steps are several: give one of them");
	const query = new URLSearchParams({ steps: (steps ?? [canary!]).join(",") });
	for (const [name, value] of given) query.set(name, String(value));
	return `?${query}`;
}
