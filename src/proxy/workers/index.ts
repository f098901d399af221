/** Several event loops on one port: a pool of threads that run the data path, and what main and they tell each other. Main owns
 *  configuration, name resolution, health and ejections; workers follow. Does not know how a thread is started. */
export { type Followed, followLeader, type WorkerServing } from "./follow-leader.ts";
export type { FromWorker, ToWorker, Travelling, WorkerStart, WorkerThread } from "./messages.ts";
export { createSocketOrigins, type SocketOrigins } from "./socket-origins.ts";
export { createStatsReporter, type StatsDelta, type StatsReporter } from "./stats-delta.ts";
export { createStatsMerge, type StatsMerge } from "./stats-merge.ts";
export { createWorkerPool, type WorkerPool } from "./worker-pool.ts";
