import { Worker } from "node:worker_threads";

/** Moves what is in the write-ahead log of a database into the database while others go on: that waits for the disk, which a thread of its own
 *  does better than the one that everybody waits for. Spec: sqlite.org/wal.html, "Checkpointing". */
export interface Checkpoints {
	/** A transaction has put so many bytes of keys and values. */
	onWritten(bytes: number): void;
	/** None begins any more; resolves when the one under way has ended. */
	close(): Promise<void>;
}

/** Pages of the log at which a write checkpoints by itself, because no thread did: 64 MiB. */
export const mostLogPages = 16_384;

/** About so much of the log between two checkpoints. */
const logBytes = 8 * 1024 * 1024;
/** Pages that a small transaction writes anew: state, and the leaves of each table and index. */
const bytesOfTransaction = 8 * 4096;
/** What is put stands in the table of keys and in that of changes. */
const copies = 2;

/** @param run copies the log of `file`; in a thread by default */
export function createCheckpoints(
	file: string,
	run: (file: string) => Promise<void> = checkpointInThread,
): Checkpoints {
	let written = 0;
	let running: Promise<void> | undefined;
	let isClosed = false;
	return {
		onWritten(bytes) {
			written += bytesOfTransaction + bytes * copies;
			if (written < logBytes || running !== undefined || isClosed) return;
			written = 0;
			running = run(file).finally(() => {
				running = undefined;
			});
		},
		async close() {
			isClosed = true;
			await running;
		},
	};
}

/** The second time is for what was written during the first: a log that is copied to its end is begun anew. */
const program = `
	const { DatabaseSync } = require("node:sqlite");
	const database = new DatabaseSync(require("node:worker_threads").workerData);
	for (let time = 0; time < 2; time++) database.exec("PRAGMA wal_checkpoint(PASSIVE)");
	database.close();
`;

/** Never fails: without a thread the log grows until a write checkpoints. */
function checkpointInThread(file: string): Promise<void> {
	const { promise, resolve } = Promise.withResolvers<void>();
	const worker = new Worker(program, { eval: true, workerData: file, env: {}, execArgv: [], name: "checkpoint" });
	worker.on("error", () => resolve());
	worker.on("exit", () => resolve());
	worker.unref();
	return promise;
}
