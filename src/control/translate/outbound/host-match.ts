/** Whether a host, perhaps a wildcard, covers another one. */
export function coversHost(pattern: string, host: string): boolean {
	if (pattern === "*" || pattern === host) return true;
	return pattern.startsWith("*.") && host.length > pattern.length - 1 && host.endsWith(pattern.slice(1));
}

/** Of the patterns that cover a host the closest: the host itself, else the longest wildcard; the first of equals. */
export function findClosest<T>(
	host: string,
	candidates: readonly T[],
	patternsOf: (candidate: T) => readonly string[],
): T | undefined {
	let best: T | undefined;
	let length = -1;
	for (const candidate of candidates)
		for (const pattern of patternsOf(candidate)) {
			if (pattern === host) {
				if (length < Number.POSITIVE_INFINITY) best = candidate;
				length = Number.POSITIVE_INFINITY;
			} else if (pattern.startsWith("*") && pattern.length > length && coversHost(pattern, host)) {
				best = candidate;
				length = pattern.length;
			}
		}
	return best;
}
