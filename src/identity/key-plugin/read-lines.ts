import type { Readable } from "node:stream";

/** Calls back with every whole line.
 *  @param onOverlong when a line is longer than `maxBytes`; nothing is read after it */
export function readLines(
	input: Readable,
	maxBytes: number,
	onLine: (line: string) => void,
	onOverlong: () => void,
): void {
	let pending = "";
	let isOver = false;
	input.setEncoding("utf8");
	input.on("data", (text: string) => {
		if (isOver) return;
		pending += text;
		let start = 0;
		for (let end = pending.indexOf("\n"); end >= 0; end = pending.indexOf("\n", start)) {
			onLine(pending.slice(start, end));
			start = end + 1;
		}
		pending = pending.slice(start);
		if (pending.length <= maxBytes) return;
		isOver = true;
		onOverlong();
	});
}
