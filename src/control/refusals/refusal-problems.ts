import type { LocatedProblem } from "../../config/index.ts";
import type { ObjectRef, Provenance } from "../provenance/index.ts";
import type { Refusal } from "./refusals.ts";

/** Refusals as problems of the objects that the refused resources are from: one an object, field and reason, whatever number of proxies. */
export function listRefusalProblems(refusals: readonly Refusal[], provenance: Provenance): LocatedProblem[] {
	const problems = new Map<string, { readonly problem: LocatedProblem; readonly proxies: Set<string> }>();
	for (const refusal of refusals)
		for (const owner of listOwners(refusal, provenance)) {
			const key = [owner.kind, owner.namespace, owner.name, owner.path, refusal.reason].join("\u0000");
			const known = problems.get(key);
			if (known === undefined)
				problems.set(key, { problem: describe(owner, refusal), proxies: new Set([refusal.nodeId]) });
			else known.proxies.add(refusal.nodeId);
		}
	return [...problems.values()].map(({ problem, proxies }) =>
		proxies.size === 1 ? problem : { ...problem, problem: `${problem.problem} (${proxies.size} proxies)` },
	);
}

function listOwners(
	{ typeUrl, resource, suspect, filters = [], reason }: Refusal,
	provenance: Provenance,
): readonly ObjectRef[] {
	if (suspect !== undefined) {
		const { route, virtualHost } = suspect;
		const owner = provenance.ofRoute({ name: route.name, metadata: route.metadata?.filterMetadata ?? {}, virtualHost });
		if (owner !== undefined) return [owner];
	}
	const policies = [...reason.matchAll(/ns\[[^\]]+\]-policy\[[^\]]+\]-rule\[\d+\]/g)].flatMap(
		([name]) => provenance.ofPolicy(name) ?? [],
	);
	if (policies.length > 0) return policies;
	const ofFilters = filters.flatMap((name) => provenance.ofFilter(name));
	if (ofFilters.length > 0) return ofFilters.slice(0, maxOwners);
	return provenance.ofResource(typeUrl, resource).slice(0, maxOwners);
}

/** A resource of many objects is no hint at any of them. */
const maxOwners = 4;

function describe({ kind, namespace, name, file, line, path }: ObjectRef, refusal: Refusal): LocatedProblem {
	const { nodeId, typeUrl, resource, reason, suspect, keepsLastGood } = refusal;
	const type = typeUrl.slice(typeUrl.lastIndexOf(".") + 1);
	const field = suspect?.field ? `, field ${suspect.field}` : "";
	const effect = keepsLastGood
		? "the last good version keeps serving there"
		: suspect === undefined
			? "it does not take effect there"
			: "it is left out there";
	const words = reason.length > maxWords ? `${reason.slice(0, maxWords)}…` : reason;
	const problem = `refused by proxy ${nodeId} (${type} ${resource}${field}): ${words}; ${effect}`;
	return { severity: "error", file, line, kind, namespace, name, path, code: "PROXY_REFUSED", problem };
}

const maxWords = 1_000;
