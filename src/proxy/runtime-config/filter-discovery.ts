import type { Any } from "@bufbuild/protobuf/wkt";
import type { ExtensionConfigSource } from "../../api/gen/envoy/config/core/v3/config_source_pb.js";
import { readConfigSource } from "./config-source.ts";
import type { ConfigSourceConfig } from "./config-source-config.ts";
import { qualifyName } from "./resource-name.ts";
import type { Scope } from "./scope.ts";

/** `config_discovery` of a filter, whatever it filters. */
export interface FilterDiscovery<Config> {
	/** The name that the configuration goes by within the proxy. */
	readonly resource: string;
	readonly source: ConfigSourceConfig;
	/** What the filter is until its configuration comes; undefined: nothing passes until then. */
	readonly initial: Config | undefined;
	/** Whether listeners wait for it. */
	readonly isAwaited: boolean;
	/** Type URLs that the configuration may be of. */
	readonly types: readonly string[];
}

/** Translates where the configuration of the filter `name` comes from; `readDefault` translates what it is until then. */
export function readFilterDiscovery<Config>(
	name: string,
	message: ExtensionConfigSource,
	scope: Scope,
	readDefault: (any: Any, scope: Scope) => Config | undefined,
): FilterDiscovery<Config> | undefined {
	const { applyDefaultConfigWithoutWarming, configSource, defaultConfig, typeUrls } = message;
	const types = typeUrls.map(normalizeTypeUrl);
	if (defaultConfig !== undefined && !types.includes(normalizeTypeUrl(defaultConfig.typeUrl))) {
		scope
			.at("default_config")
			.report(`filter config has type URL ${defaultConfig.typeUrl} but expect ${types.join(", ")}`);
	}
	const initial = defaultConfig === undefined ? undefined : readDefault(defaultConfig, scope.at("default_config"));
	const source = configSource === undefined ? undefined : readConfigSource(configSource, scope.at("config_source"));
	return (
		source && {
			resource: qualifyName(name, source),
			source,
			initial,
			isAwaited: !applyDefaultConfigWithoutWarming,
			types,
		}
	);
}

/** A type URL with the usual host before the name. */
export function normalizeTypeUrl(url: string): string {
	return `type.googleapis.com/${url.slice(url.lastIndexOf("/") + 1)}`;
}
