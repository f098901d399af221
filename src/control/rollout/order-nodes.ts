import { createHash } from "node:crypto";
import type { TouchedNode } from "./rollout.ts";

/** The order in which proxies are given a change: one of each workload with several, then the others, then those that take no traffic and so
 *  have nothing to show, each part by a hash of the node id. The same proxies come first every time, and a later step has all of an earlier
 *  one. */
export function orderNodes(nodes: readonly TouchedNode[]): TouchedNode[] {
	const byId = new Map(nodes.map((node) => [node.id, node]));
	const sorted = [...byId.values()].map((node) => ({ node, hash: hashOf(node.id) })).sort(byHash);
	const replicas = new Map<string, number>();
	for (const { workload } of byId.values()) replicas.set(workload, (replicas.get(workload) ?? 0) + 1);
	const taken = new Set<string>();
	const [first, rest, silent]: [TouchedNode[], TouchedNode[], TouchedNode[]] = [[], [], []];
	for (const { node } of sorted) {
		if (node.isUnready === true) {
			silent.push(node);
			continue;
		}
		const isFirst = replicas.get(node.workload)! > 1 && !taken.has(node.workload);
		taken.add(node.workload);
		(isFirst ? first : rest).push(node);
	}
	return [...first, ...rest, ...silent];
}

function byHash(left: { readonly hash: string }, right: { readonly hash: string }): number {
	return left.hash < right.hash ? -1 : left.hash > right.hash ? 1 : 0;
}

function hashOf(text: string): string {
	return createHash("sha256").update(text).digest("hex");
}
