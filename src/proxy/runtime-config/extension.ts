import type { TypedExtensionConfig } from "../../api/gen/envoy/config/core/v3/extension_pb.js";
import { normalizeTypeUrl } from "./filter-discovery.ts";
import type { HttpFilterConfig } from "./http-filter-config.ts";
import { readDiscoveredHttpFilter } from "./http-filters.ts";
import type { ListenerFilterConfig, TypedNetworkFilterConfig } from "./listener-config.ts";
import { readTypedListenerFilter } from "./listener-filters.ts";
import { readDiscoveredNetworkFilter } from "./network-filters.ts";
import { plainName } from "./resource-name.ts";
import type { Scope } from "./scope.ts";

/** A filter's configuration that came over ECDS. */
export type ExtensionConfig = {
	/** As `FilterDiscovery.resource` of those who want it. */
	readonly name: string;
	readonly typeUrl: string;
} & (
	| { readonly of: "http"; readonly filter: HttpFilterConfig }
	| { readonly of: "network"; readonly filter: TypedNetworkFilterConfig }
	| { readonly of: "listener"; readonly filter: ListenerFilterConfig }
);

const filters = "type.googleapis.com/envoy.extensions.filters.";

/** Translates a filter's configuration that came by itself; its type says what it filters. */
export function readExtension({ name, typedConfig }: TypedExtensionConfig, scope: Scope): ExtensionConfig | undefined {
	const at = scope.at("typed_config");
	if (typedConfig === undefined) {
		at.report("this field is required");
		return undefined;
	}
	const typeUrl = normalizeTypeUrl(typedConfig.typeUrl);
	if (typeUrl.startsWith(`${filters}network.`)) {
		const filter = readDiscoveredNetworkFilter(plainName(name), typedConfig, at);
		return filter && { of: "network", name, typeUrl, filter };
	}
	if (typeUrl.startsWith(`${filters}listener.`)) {
		const filter = readTypedListenerFilter(plainName(name), typedConfig, at);
		return filter && { of: "listener", name, typeUrl, filter };
	}
	const filter = readDiscoveredHttpFilter(plainName(name), typedConfig, at);
	return filter && { of: "http", name, typeUrl, filter };
}
