import type { DrainStrategy } from "../drain/index.ts";

/** What a proxy is started with: Envoy's flags, by meaning. */
export interface ProxyFlags {
	readonly concurrency: number;
	/** Empty keeps the bootstrap's. */
	readonly configPath: string;
	/** Flags as `/server_info` shows them, with Envoy's names; what is not here has its default. */
	readonly shown: Readonly<Record<string, unknown>>;
	readonly logLevel: string;
	readonly drainTimeSeconds: number;
	readonly drainStrategy: DrainStrategy;
	readonly restartEpoch: number;
	readonly parentShutdownTimeSeconds: number;
	/** How many fields of the bootstrap nobody knew. */
	readonly staticUnknownFields: number;
	/** Longest an entry of an access log is kept. */
	readonly accessLogFlushIntervalMs: number;
	/** Size at which access logs are written at once. */
	readonly accessLogFlushBytes: number;
	/** Fields in files of resources that nobody knows make them unusable. */
	readonly rejectUnknownDynamicFields: boolean;
	/** Nothing is said of such fields. */
	readonly ignoreUnknownDynamicFields: boolean;
}

/** What Envoy does when no flag is given. */
export const defaultProxyFlags: ProxyFlags = Object.freeze({
	concurrency: 1,
	configPath: "",
	shown: {},
	logLevel: "info",
	drainTimeSeconds: 600,
	drainStrategy: "gradual",
	parentShutdownTimeSeconds: 900,
	restartEpoch: 0,
	rejectUnknownDynamicFields: false,
	ignoreUnknownDynamicFields: false,
	staticUnknownFields: 0,
	accessLogFlushIntervalMs: 10_000,
	accessLogFlushBytes: 64 * 1024,
});
