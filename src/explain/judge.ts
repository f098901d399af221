import type { Expectation } from "./expectations.ts";
import type { Explanation } from "./explanation.ts";

/** What became of an expectation. */
export interface JudgedExpectation {
	readonly name: string;
	readonly file: string;
	readonly line: number;
	readonly ok: boolean;
	/** What is otherwise than expected, in one sentence; empty when nothing is. */
	readonly message: string;
	/** Where the call ends. */
	readonly summary: string;
}

/** Compares what is expected of a call with what becomes of it. */
export function judgeExpectation(expectation: Expectation, explanation: Explanation): JudgedExpectation {
	const message = compare(expectation, explanation);
	const { name, file, line } = expectation;
	return { name, file, line, ok: message === "", message, summary: explanation.summary };
}

function compare({ expected }: Expectation, explanation: Explanation): string {
	const { outcome, status, because } = explanation;
	const is = `${outcome}: ${explanation.summary}`;
	switch (expected.kind) {
		case "allow":
			return outcome === "reached" ? "" : `expected to reach its destination, is ${is}`;
		case "answer":
			if (outcome !== "answered") return `expected an answer of a rule, is ${is}`;
			return expected.status === undefined || expected.status === status
				? ""
				: `expected status ${expected.status}, is ${status}`;
		case "deny": {
			if (outcome !== "denied") return `expected to be denied, is ${is}`;
			if (expected.status !== undefined && expected.status !== status)
				return `expected status ${expected.status}, is ${status}`;
			const names = because.map(({ kind, namespace, name }) => [
				`${kind} ${namespace}/${name}`,
				`${kind} ${name}`,
				`${namespace}/${name}`,
				name,
			]);
			if (expected.by === undefined || names.some((spellings) => spellings.includes(expected.by!))) return "";
			return `expected to be denied by ${expected.by}, is by ${names.map(([full]) => full).join(", ") || "nothing with that name"}`;
		}
		case "routes-to":
			return compareDestinations(expected, explanation);
	}
}

function compareDestinations(
	{ destinations, tolerance, path, host }: Extract<Expectation["expected"], { readonly kind: "routes-to" }>,
	{ destinations: actual, outcome, summary, outbound }: Explanation,
): string {
	if (outcome === "denied" || actual.length === 0)
		return `expected to reach ${[...destinations.keys()].join(", ")}, is ${outcome}: ${summary}`;
	const shares = new Map<string, number>();
	for (const { cluster, percent } of actual) {
		const name = [...destinations.keys()].find((wanted) => isNamed(cluster, wanted));
		if (name === undefined)
			return `expected ${[...destinations.keys()].join(", ")} only, ${percent} % go to ${cluster}`;
		shares.set(name, (shares.get(name) ?? 0) + percent);
	}
	for (const [name, percent] of destinations) {
		const share = shares.get(name) ?? 0;
		if (percent === undefined ? share === 0 : Math.abs(share - percent) > tolerance)
			return `expected ${percent === undefined ? "some calls" : `${percent} %`} for ${name}, ${share} % go there`;
	}
	if (outcome !== "reached")
		return `expected to reach ${[...destinations.keys()].join(", ")}, is ${outcome}: ${summary}`;
	const rewritten = outbound?.http?.route?.rewritten;
	if (path !== undefined && rewritten?.path !== path)
		return `expected the path ${path}, is ${rewritten?.path ?? "as it was"}`;
	if (host !== undefined && rewritten?.host !== host)
		return `expected the host ${host}, is ${rewritten?.host ?? "as it was"}`;
	return "";
}

/** Whether `host`, `host:port`, `host/subset` or the whole name means a cluster; a host may be cut after any of its labels. */
function isNamed(cluster: string, wanted: string): boolean {
	if (cluster === wanted) return true;
	const [, port = "", subset = "", host = ""] = cluster.split("|");
	const [, wantedHost = "", wantedPort, wantedSubset] = /^([^:/]+)(?::(\d+))?(?:\/(.+))?$/.exec(wanted) ?? [];
	return (
		(host === wantedHost || host.startsWith(`${wantedHost}.`)) &&
		(wantedPort === undefined || wantedPort === port) &&
		(wantedSubset === undefined || wantedSubset === subset)
	);
}
