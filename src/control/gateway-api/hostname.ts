/** Hosts of listeners and routes: exact, `*.suffix` for one label or more, or `*` for any. */

/** Whether every host that `inner` stands for is one that `outer` stands for. */
export function coversHost(outer: string, inner: string): boolean {
	if (outer === "*" || outer === inner) return true;
	if (!outer.startsWith("*.")) return false;
	const suffix = outer.slice(1);
	return inner.endsWith(suffix) && inner.length > suffix.length;
}

/** The hosts that two lists have in common: of each pair the narrower, if they meet; without repeats. */
export function intersectHosts(left: readonly string[], right: readonly string[]): string[] {
	const common = new Set<string>();
	for (const one of left)
		for (const other of right) {
			if (coversHost(other, one)) common.add(one);
			else if (coversHost(one, other)) common.add(other);
		}
	return [...common];
}

/** Order by how much a host says: exact ones first, then longer wildcards, `*` last. */
export function compareSpecificity(left: string, right: string): number {
	return rank(left) - rank(right) || right.length - left.length || (left < right ? -1 : left > right ? 1 : 0);
}

function rank(host: string): number {
	return host === "*" ? 2 : host.startsWith("*") ? 1 : 0;
}
