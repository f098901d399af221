import type { Millis } from "../../core/index.ts";

/** What tells two states of a file apart without reading it. */
export interface FileSignature {
	/** Device, inode, size, times of change in nanoseconds. */
	readonly text: string;
	readonly size: number;
}

/** Decides when a changed file is at rest, so that a half-written one is not read and one that an editor replaces is not
 *  taken for deleted. */
export interface Settling {
	/** Compares a scan with what was read.
	 *  @returns files to read and files that are gone, by path, and when to look again */
	observe(scan: ReadonlyMap<string, FileSignature>, unreadable: readonly string[], now: Millis): SettlingStep;
	/** Takes note that a file was read in this state. */
	markRead(path: string, signature: FileSignature | undefined): void;
}

export interface SettlingStep {
	readonly read: readonly string[];
	readonly gone: readonly string[];
	/** Undefined when everything is at rest. */
	readonly againInMs: number | undefined;
}

/** Times in milliseconds. */
export const settleTimes = {
	/** A file is read when it stayed the same for so long. */
	changed: 30,
	/** A file that became empty is often one that is just being written. */
	emptied: 250,
	/** A file is gone when it stayed away for so long. */
	gone: 100,
	/** A file that never rests is read after so long all the same. */
	atMost: 500,
} as const;

interface Pending {
	/** Undefined while the file is away. */
	readonly signature: string | undefined;
	readonly since: Millis;
	readonly firstSeen: Millis;
}

/** Starts without a file; the first `observe` asks to read every file at once. */
export function createSettling(): Settling {
	const applied = new Map<string, string | undefined>();
	const pending = new Map<string, Pending>();
	let isFirst = true;

	const wait = (path: string, signature: string | undefined, neededMs: number, now: Millis): number => {
		const before = pending.get(path);
		const isSame = before !== undefined && before.signature === signature;
		const entry = isSame ? before : { signature, since: now, firstSeen: before?.firstSeen ?? now };
		pending.set(path, entry);
		return Math.min(entry.since + neededMs, entry.firstSeen + Math.max(neededMs, settleTimes.atMost)) - now;
	};

	return {
		observe(scan, unreadable, now) {
			const read: string[] = [];
			const gone: string[] = [];
			let againInMs = Number.POSITIVE_INFINITY;
			for (const [path, signature] of scan) {
				if (applied.has(path) && applied.get(path) === signature.text) {
					pending.delete(path);
					continue;
				}
				const isEmptied = signature.size === 0 && applied.has(path);
				const left = isFirst
					? 0
					: wait(path, signature.text, isEmptied ? settleTimes.emptied : settleTimes.changed, now);
				if (left <= 0) read.push(path);
				else againInMs = Math.min(againInMs, left);
			}
			for (const path of applied.keys()) {
				if (scan.has(path) || unreadable.some((folder) => path.startsWith(`${folder}/`))) continue;
				const left = wait(path, undefined, settleTimes.gone, now);
				if (left <= 0) gone.push(path);
				else againInMs = Math.min(againInMs, left);
			}
			for (const path of [...read, ...gone]) pending.delete(path);
			for (const path of gone) applied.delete(path);
			isFirst = false;
			return { read, gone, againInMs: Number.isFinite(againInMs) ? againInMs : undefined };
		},
		markRead(path, signature) {
			applied.set(path, signature?.text);
		},
	};
}
