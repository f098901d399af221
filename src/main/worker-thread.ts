import { Worker } from "node:worker_threads";
import type { ProxyCommandOptions } from "../cli/index.ts";
import { describeError } from "../core/index.ts";
import type { ProxyFlags, WorkerStart, WorkerThread } from "../proxy/index.ts";
import type { WorkerData } from "./proxy-worker.ts";

/** Starts the thread of a worker. */
export function startWorkerThread(start: WorkerStart, flags: ProxyFlags, options: ProxyCommandOptions): WorkerThread {
	const workerData: WorkerData = { start, flags, options };
	const worker = new Worker(new URL("./proxy-worker.ts", import.meta.url), {
		workerData,
		name: `worker ${start.index}`,
	});
	let problem: string | undefined;
	worker.on("error", (error) => {
		problem = describeError(error);
	});
	return {
		send: (message) => worker.postMessage(message),
		onMessage: (listener) => void worker.on("message", listener),
		onEnd: (listener) => void worker.once("exit", (code) => listener(problem ?? `its thread exited with ${code}`)),
		async terminate() {
			await worker.terminate();
		},
	};
}
