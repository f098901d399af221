import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Clock } from "../../core/index.ts";

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

/** How long killed processes may take to give up their ports. */
const maxEndMs = 2000;

/** Opens the ledger at `path`, killing every process it still names; returns how many there were, when their ports are free. */
export async function openProcessLedger(
	path: string,
	clock: Clock,
): Promise<{ readonly ledger: ProcessLedger; readonly killed: number }> {
	const left = readEntries(path).filter((entry) => readStartTime(entry.pid) === entry.startTime);
	for (const entry of left) {
		try {
			process.kill(-entry.pid, "SIGKILL");
		} catch (error) {
			if (!(error instanceof Error && "code" in error && (error.code === "ESRCH" || error.code === "EPERM")))
				throw error;
		}
	}
	const deadline = clock.now() + maxEndMs;
	while (left.some(isRunning) && clock.now() < deadline) {
		const { promise, resolve } = Promise.withResolvers<void>();
		clock.setTimer(20, resolve);
		await promise;
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
	return { ledger, killed: left.length };
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

/** False for a zombie: a process that ended and that nobody has waited for yet holds no port. Its first thread alone may be one: the
 *  others, which field 20 counts, keep its sockets until they have ended. */
function isRunning(entry: Entry): boolean {
	const fields = readFields(entry.pid);
	return fields?.[19] === entry.startTime && (fields[0] !== "Z" || Number(fields[17]) > 1);
}

function readStartTime(pid: number): string | undefined {
	return readFields(pid)?.[19];
}

/** `/proc/<pid>/stat` from field 3, the state, on; field 22 is the start time. Undefined without such a process, or without `/proc`. */
function readFields(pid: number): string[] | undefined {
	try {
		const text = readFileSync(`/proc/${pid}/stat`, "utf8");
		// The name, in parentheses, may hold spaces.
		return text.slice(text.lastIndexOf(")") + 2).split(" ");
	} catch (error) {
		if (error instanceof Error && "code" in error) return undefined;
		throw error;
	}
}
