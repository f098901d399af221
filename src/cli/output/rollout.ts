import type { ComparedStatus, RolloutStatus } from "../mesh/admin-api.ts";
import { formatTable } from "./table.ts";

/** Whether nothing more comes without somebody's decision. */
export function isOver({ state }: RolloutStatus): boolean {
	return ["completed", "taken-back", "aborted", "held"].includes(state);
}

function isTakenBack({ state }: RolloutStatus): boolean {
	return state === "taken-back" || state === "aborted";
}

/** One line about where a rollout is. */
export function formatProgress(rollout: RolloutStatus): string {
	const { state, step, touched, reason, figures } = rollout;
	if (state === "choosing") return "looking whom it touches";
	if (isOver(rollout) || state === "completing") return reason === undefined ? state : `${state}: ${reason}`;
	const where = step === undefined ? "" : `step ${step.number} of ${step.of}, ${step.proxies} of ${touched} proxies`;
	const [first] = figures;
	if (state === "measuring" || first === undefined) return where;
	return `${where}: ${first.series}: ${formatGroup(first.canaries)}, others ${formatGroup(first.others)}`;
}

/** Rollouts as rows, newest first. */
export function formatRollouts(rollouts: readonly RolloutStatus[]): string {
	if (rollouts.length === 0) return "nothing was rolled out yet: 'amime apply -f FILE --canary 10%'\n";
	const rows = rollouts.map((rollout) => [
		rollout.id,
		rollout.createdAt,
		rollout.author,
		rollout.state,
		`${rollout.served}/${rollout.touched}`,
		nameObjects(rollout),
	]);
	return formatTable(["ROLLOUT", "WHEN", "WHO", "STATE", "PROXIES", "WHAT"], rows);
}

/** Everything about one. */
export function formatRollout(rollout: RolloutStatus): string {
	const { id, author, createdAt, state, step, served, touched, canaries, reason, figures } = rollout;
	const lines = [
		["rollout", `${id} by ${author}, ${createdAt}`],
		["what", nameObjects(rollout)],
		["state", reason === undefined ? state : `${state}: ${reason}`],
		...(step === undefined ? [] : [["step", `${step.number} of ${step.of}, ${step.percent}%`]]),
		[
			"proxies",
			`${served} of ${touched} ${isTakenBack(rollout) ? "had" : "have"} it${canaries.length === 0 ? "" : `: ${canaries.join(", ")}`}`,
		],
	];
	const head = lines.map(([name, text]) => `${`${name}:`.padEnd(9)}${text}\n`).join("");
	if (figures.length === 0) return head;
	const row = ({ series, canaries: mine, others, before, worse }: ComparedStatus): string[] => [
		series,
		formatGroup(mine),
		formatGroup(others),
		formatGroup(before),
		worse === undefined ? "" : "worse",
	];
	return `${head}\n${formatTable(["REQUESTS", "CANARIES", "OTHERS", "CANARIES BEFORE", ""], figures.map(row))}`;
}

function nameObjects({ objects }: RolloutStatus): string {
	return objects.map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`).join(", ");
}

function formatGroup({ requests, errorRate, p90Ms }: ComparedStatus["canaries"]): string {
	if (requests === 0) return "none";
	const failed = `${Number(((errorRate ?? 0) * 100).toFixed(2))}% of ${requests} failed`;
	return p90Ms === undefined ? failed : `${failed}, p90 ${Number(p90Ms.toPrecision(3))} ms`;
}
