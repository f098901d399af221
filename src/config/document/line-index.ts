/** A place in a file, both 1-based. */
export interface Place {
	readonly line: number;
	readonly column: number;
}

/** Finds the line and column of an offset. */
export interface LineIndex {
	locate(offset: number): Place;
}

/** Indexes the lines of a text once. */
export function createLineIndex(text: string): LineIndex {
	const starts = [0];
	for (let index = text.indexOf("\n"); index !== -1; index = text.indexOf("\n", index + 1)) starts.push(index + 1);
	return {
		locate(offset) {
			let low = 0;
			let high = starts.length - 1;
			while (low < high) {
				const middle = (low + high + 1) >> 1;
				if (starts[middle]! <= offset) low = middle;
				else high = middle - 1;
			}
			return { line: low + 1, column: offset - starts[low]! + 1 };
		},
	};
}
