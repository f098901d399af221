import type { Node } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import type { JsonObject, StringMatcher } from "../../engine/matcher/index.ts";
import type { AccessLogConfig } from "./access-log-config.ts";
import type { ClusterConfig } from "./cluster-config.ts";
import type { ApiConfigSourceConfig, ConfigSourceConfig, GrpcServiceConfig } from "./config-source-config.ts";
import type { AddressConfig, InternalAddress, ListenerConfig } from "./listener-config.ts";
import type { OverloadConfig } from "./overload-config.ts";
import type { StatsdSinkConfig } from "./stats-sinks.ts";
import type { SecretConfig } from "./tls-config.ts";

/** `envoy.config.bootstrap.v3.Bootstrap`, validated. */
export interface BootstrapConfig {
	/** As it is sent to management servers. */
	readonly node: Node;
	readonly listeners: readonly ListenerConfig[];
	readonly clusters: readonly ClusterConfig[];
	readonly secrets: readonly SecretConfig[];
	readonly lds: ConfigSourceConfig | undefined;
	readonly cds: ConfigSourceConfig | undefined;
	readonly ads: ApiConfigSourceConfig | undefined;
	/** Undefined when there is no admin port. */
	readonly admin:
		| {
				readonly address: Exclude<AddressConfig, InternalAddress>;
				readonly accessLogs: readonly AccessLogConfig[];
				/** Paths with their queries that are answered; undefined for all. */
				readonly allowedPaths: readonly StringMatcher[] | undefined;
		  }
		| undefined;
	/** Empty for none. */
	readonly localClusterName: string;
	/** Whom the load of clusters is told to; undefined for nobody. */
	readonly loadStats: GrpcServiceConfig | undefined;
	/** The file that ejections of hosts are written down in; empty for none. */
	readonly outlierEventLogPath: string;
	/** Local addresses of connections whose cluster names none. */
	readonly bindAddresses: readonly string[];
	/** Static and admin layers in order; the last one wins. */
	readonly runtimeLayers: readonly RuntimeLayer[];
	/** Undefined where none is configured. */
	readonly overload: OverloadConfig | undefined;
	/** Regular expressions that take a tag out of a statistic's name, beside Envoy's own; with neither a regular expression nor a value
	 *  Envoy's own of that name. */
	readonly statsTags: readonly {
		readonly name: string;
		readonly regex: RegExp | undefined;
		/** What names that it fits begin with; empty when it does not say. */
		readonly prefix?: string;
		readonly fixedValue: string | undefined;
	}[];
	readonly useDefaultTags: boolean;
	/** Whether a tag of one of Envoy's names replaces Envoy's. */
	readonly allowsTagOverrides: boolean;
	/** Statistics that are never shown; undefined for none. */
	readonly hidesStatistic: ((name: string) => boolean) | undefined;
	/** Bucket bounds of histograms whose names match. */
	readonly histogramBuckets: readonly {
		readonly matches: (name: string) => boolean;
		readonly buckets: readonly number[];
	}[];
	/** 5 000 by default; infinite when histograms' intervals end with each request for statistics instead. */
	readonly statsFlushIntervalMs: number;
	/** Where statistics are sent by themselves. */
	readonly statsSinks: readonly StatsdSinkConfig[];
	/** `x-envoy` by default. */
	readonly headerPrefix: string;
}

export type RuntimeLayer =
	| { readonly kind: "static"; readonly name: string; readonly values: JsonObject }
	| { readonly kind: "admin"; readonly name: string }
	/** Files below a folder that is swapped as a whole: `path` is where values are, `link` what is swapped. */
	| { readonly kind: "disk"; readonly name: string; readonly path: string; readonly link: string }
	/** A resource of its own, by its name. */
	| { readonly kind: "rtds"; readonly name: string; readonly resource: string; readonly source: ConfigSourceConfig };
