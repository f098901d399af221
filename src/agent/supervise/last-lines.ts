import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/** Access log entries, and what is logged while all is well. */
const routine = [/^\[\d{4}-\d\d-\d\dT[^\]]*\] "/, /^\{"time":"[^"]*","level":"(?:trace|debug|info)"/];

/** The last lines of a log that may say why a process ended, for a report of a crash; none when it cannot be read. */
export function readLastLines(path: string, count = 3): readonly string[] {
	let file: number;
	try {
		file = openSync(path, "r");
	} catch (error) {
		if (error instanceof Error && "code" in error) return [];
		throw error;
	}
	try {
		const { size } = fstatSync(file);
		const buffer = Buffer.alloc(Math.min(size, 8192));
		const read = readSync(file, buffer, 0, buffer.length, size - buffer.length);
		const lines = buffer.subarray(0, read).toString("utf8").split("\n");
		return lines.filter((line) => line.trim() !== "" && !routine.some((form) => form.test(line))).slice(-count);
	} finally {
		closeSync(file);
	}
}
