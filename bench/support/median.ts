/** The median of a figure, of an even number the upper one; NaNs, rounds in which it was not taken, do not count. NaN without any. */
export function medianOf<T>(rounds: readonly T[], figure: (round: T) => number): number {
	const values = rounds
		.map(figure)
		.filter((value) => !Number.isNaN(value))
		.sort((a, b) => a - b);
	return values[Math.floor(values.length / 2)] ?? Number.NaN;
}
