/** Lines compared with each other at most, in pairs; beyond that all of what differs is told as gone and come. */
const maxPairs = 4_000_000;

/** What became of a text, line by line: `-` for what went, `+` for what came, two blanks for what stayed. */
export function diffLines(before: string, after: string): readonly string[] {
	const [old, fresh] = [splitLines(before), splitLines(after)];
	let start = 0;
	while (start < old.length && start < fresh.length && old[start] === fresh[start]) start++;
	let end = 0;
	while (end < old.length - start && end < fresh.length - start && old.at(-1 - end) === fresh.at(-1 - end)) end++;
	return [
		...old.slice(0, start).map(stay),
		...compare(old.slice(start, old.length - end), fresh.slice(start, fresh.length - end)),
		...old.slice(old.length - end).map(stay),
	];
}

function splitLines(text: string): string[] {
	return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

const stay = (line: string): string => `  ${line}`;
const go = (line: string): string => `- ${line}`;
const come = (line: string): string => `+ ${line}`;

/** By the longest common subsequence. */
function compare(old: readonly string[], fresh: readonly string[]): string[] {
	if (old.length * fresh.length > maxPairs) return [...old.map(go), ...fresh.map(come)];
	const width = fresh.length + 1;
	const common = new Uint32Array((old.length + 1) * width);
	for (let i = old.length - 1; i >= 0; i--)
		for (let j = fresh.length - 1; j >= 0; j--)
			common[i * width + j] =
				old[i] === fresh[j]
					? common[(i + 1) * width + j + 1]! + 1
					: Math.max(common[(i + 1) * width + j]!, common[i * width + j + 1]!);
	const lines: string[] = [];
	let [i, j] = [0, 0];
	while (i < old.length && j < fresh.length) {
		if (old[i] === fresh[j]) {
			lines.push(stay(old[i]!));
			i++;
			j++;
		} else if (common[(i + 1) * width + j]! >= common[i * width + j + 1]!) lines.push(go(old[i++]!));
		else lines.push(come(fresh[j++]!));
	}
	return [...lines, ...old.slice(i).map(go), ...fresh.slice(j).map(come)];
}
