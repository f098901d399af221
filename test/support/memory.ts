import { readdirSync, readFileSync } from "node:fs";

/** Memory that a process shares with no other, in bytes. */
export function readPrivateBytes(pid: number): number {
	const text = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
	const of = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(text)?.[1] ?? 0);
	return (of("Private_Clean") + of("Private_Dirty")) * 1024;
}

/** Open files and sockets of a process. */
export function countDescriptors(pid: number): number {
	return readdirSync(`/proc/${pid}/fd`).length;
}
