import type { Duration } from "@bufbuild/protobuf/wkt";
import type { ConfigSource } from "../../api/gen/envoy/config/core/v3/config_source_pb.js";
import type { OnDemandCds } from "../../api/gen/envoy/extensions/filters/http/on_demand/v3/on_demand_pb.js";
import { readConfigSource } from "./config-source.ts";
import type { ConfigSourceConfig } from "./config-source-config.ts";
import type { Scope } from "./scope.ts";
import { toMs } from "./values.ts";

/** Where clusters that are not there are asked for, and how long who needs one waits. */
export interface OnDemandConfig {
	readonly source: ConfigSourceConfig;
	readonly timeoutMs: number;
}

/** Translates the on-demand discovery of an HTTP filter. */
export function readOnDemandClusters(message: OnDemandCds | undefined, scope: Scope): OnDemandConfig | undefined {
	return message === undefined ? undefined : readOnDemand(message, message.source, "source", scope.at("odcds"));
}

/** Translates on-demand discovery, whose source has another name in each message that has one. */
export function readOnDemand(
	message: { readonly resourcesLocator: string; readonly timeout?: Duration | undefined },
	source: ConfigSource | undefined,
	field: string,
	scope: Scope,
): OnDemandConfig | undefined {
	const at = scope.at(field);
	if (message.resourcesLocator !== "") {
		scope.at("resources_locator").report("this field is not supported: clusters are asked for by their plain names");
	}
	const config = source === undefined ? undefined : readConfigSource(source, at);
	if (source === undefined) at.report("is not set; discovery by xdstp:// names alone is not supported");
	if (config === undefined) return undefined;
	if (config.kind === "path" || (config.kind === "api" && !config.delta)) {
		at.report("single clusters can be asked for over ADS or DELTA_GRPC only");
		return undefined;
	}
	return { source: config, timeoutMs: toMs(message.timeout, 5_000) };
}
