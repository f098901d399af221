/** The data plane: one proxy on an Envoy bootstrap. Knows no services and no control plane of ours; meets it on the wire.
 *  Spec: Envoy v3 configuration, xDS. */

export { findLevelProblem } from "./admin/index.ts";
export { mergeBootstrap, parseBinaryBootstrap, parseBootstrap } from "./bootstrap/index.ts";
export { connectToParent, openRestartServer, type Parent, type RestartServer } from "./hot-restart/index.ts";
export {
	createProxy,
	defaultProxyFlags,
	describeProblems,
	type Proxy,
	type ProxyFlags,
	type ProxyOptions,
	type ProxyWorkerOptions,
	runProxyWorker,
	validateBootstrap,
} from "./server/index.ts";
export type { WorkerStart, WorkerThread } from "./workers/index.ts";
