/** The proxy assembled: configuration, clusters, listeners, admin port, and their start and end in order. */
export {
	createProxy,
	describeProblems,
	type Proxy,
	type ProxyOptions,
	validateBootstrap,
} from "./create-proxy.ts";
export { defaultProxyFlags, type ProxyFlags } from "./proxy-flags.ts";
export { type ProxyWorkerOptions, runProxyWorker } from "./run-worker.ts";
