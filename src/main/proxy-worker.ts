/** The thread of a worker: started by `amime proxy` when --concurrency is above 1. */
import { hostname } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import type { ProxyCommandOptions } from "../cli/index.ts";
import { createTurnClock, invariant, systemClock, systemRandom } from "../core/index.ts";
import { type ProxyFlags, runProxyWorker, type WorkerStart } from "../proxy/index.ts";
import { createProxyLog } from "./proxy-log.ts";
import { collectGarbage } from "./release-memory.ts";

/** What `worker_threads` hands over at the start. */
export interface WorkerData {
	readonly start: WorkerStart;
	readonly flags: ProxyFlags;
	readonly options: ProxyCommandOptions;
}

const port = parentPort;
invariant(port !== null, "this module runs in a worker thread");
const { flags, options, start } = workerData as WorkerData;
const receive = runProxyWorker({
	start,
	flags,
	log: createProxyLog(options).log.child("worker", { worker: start.index }),
	clock: createTurnClock(systemClock),
	random: systemRandom,
	environment: process.env,
	hostname: hostname(),
	releaseMemory: collectGarbage,
	stdout: process.stdout,
	stderr: process.stderr,
	send: (message) => port.postMessage(message),
	onClosed: () => port.close(),
});
port.on("message", receive);
port.postMessage({ type: "ready" });
