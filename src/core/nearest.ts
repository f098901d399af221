/** The candidate a mistyped word most likely means: the fewest edits away, at most a third of the word (and at least one);
 *  undefined when none is near. Case counts for nothing. */
export function findNearest(word: string, candidates: Iterable<string>): string | undefined {
	const wanted = word.slice(0, maxWordLength).toLowerCase();
	let nearest: string | undefined;
	let fewest = Math.max(1, Math.floor(wanted.length / 3)) + 1;
	for (const candidate of candidates) {
		const edits = countEdits(wanted, candidate.toLowerCase(), fewest);
		if (edits >= fewest) continue;
		fewest = edits;
		nearest = candidate;
	}
	return nearest;
}

/** ` (did you mean 'x'?)` for the nearest candidate, or nothing. */
export function suggestNearest(word: string, candidates: Iterable<string>): string {
	const nearest = findNearest(word, candidates);
	return nearest === undefined ? "" : ` (did you mean '${nearest}'?)`;
}

const maxWordLength = 64;

/** Edits (insert, delete, replace, swap of neighbours) between two words; `limit` or more when it reaches that. */
function countEdits(left: string, right: string, limit: number): number {
	if (Math.abs(left.length - right.length) >= limit) return limit;
	let before: number[] = [];
	let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
	for (let row = 1; row <= left.length; row++) {
		const current = [row];
		for (let column = 1; column <= right.length; column++) {
			const same = left[row - 1] === right[column - 1];
			let edits = Math.min(previous[column]! + 1, current[column - 1]! + 1, previous[column - 1]! + (same ? 0 : 1));
			const isSwap =
				row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
			if (isSwap) edits = Math.min(edits, before[column - 2]! + 1);
			current.push(edits);
		}
		before = previous;
		previous = current;
	}
	return previous[right.length]!;
}
