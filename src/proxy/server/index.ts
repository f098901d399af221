/** The proxy assembled: configuration, clusters, listeners, admin port, and their start and end in order. */
export {
	createProxy,
	defaultProxyFlags,
	describeProblems,
	type Proxy,
	type ProxyFlags,
	type ProxyOptions,
	validateBootstrap,
} from "./create-proxy.ts";
