import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";

/** The processes of a mesh, on disk: what a supervisor that was killed left running is found by the next one. */
export interface ProcessLedger {
	add(pid: number): void;
	remove(pid: number): void;
}

interface Entry {
	readonly pid: number;
	/** Ticks since boot, from `/proc`: tells a process from a later one with the same id. */
	readonly startTime: string;
}

/** Opens the ledger at `path`, killing every process it still names; returns how many there were. */
export function openProcessLedger(path: string): { readonly ledger: ProcessLedger; readonly killed: number } {
	let killed = 0;
	for (const entry of readEntries(path)) {
		if (readStartTime(entry.pid) !== entry.startTime) continue;
		killed++;
		try {
			process.kill(-entry.pid, "SIGKILL");
		} catch (error) {
			if (!(error instanceof Error && "code" in error && (error.code === "ESRCH" || error.code === "EPERM")))
				throw error;
		}
	}
	const entries = new Map<number, Entry>();
	const write = (): void => {
		writeFileSync(`${path}.new`, JSON.stringify([...entries.values()]), { mode: 0o600 });
		renameSync(`${path}.new`, path);
	};
	const save = (): void => {
		try {
			write();
		} catch (error) {
			// A full disk or a folder that was removed must not end the mesh.
			if (!(error instanceof Error && "code" in error)) throw error;
		}
	};
	write();
	const ledger: ProcessLedger = {
		add(pid) {
			const startTime = readStartTime(pid);
			if (startTime === undefined) return;
			entries.set(pid, { pid, startTime });
			save();
		},
		remove(pid) {
			if (entries.delete(pid)) save();
		},
	};
	return { ledger, killed };
}

function readEntries(path: string): readonly Entry[] {
	if (!existsSync(path)) return [];
	try {
		const value: unknown = JSON.parse(readFileSync(path, "utf8"));
		return Array.isArray(value) ? value.filter(isEntry) : [];
	} catch (error) {
		// Cut off by a crash: nothing can be learned from it.
		if (error instanceof SyntaxError) return [];
		throw error;
	}
}

function isEntry(value: unknown): value is Entry {
	if (typeof value !== "object" || value === null) return false;
	const { pid, startTime } = value as Partial<Entry>;
	return Number.isInteger(pid) && (pid as number) > 1 && typeof startTime === "string";
}

/** Field 22 of `/proc/<pid>/stat`; undefined when there is no such process, or no `/proc`. */
function readStartTime(pid: number): string | undefined {
	try {
		const text = readFileSync(`/proc/${pid}/stat`, "utf8");
		// The name, in parentheses, may hold spaces.
		return text.slice(text.lastIndexOf(")") + 2).split(" ")[19];
	} catch (error) {
		if (error instanceof Error && "code" in error) return undefined;
		throw error;
	}
}
