import type { ScopedRouteConfiguration } from "../../api/gen/envoy/config/route/v3/scoped_route_pb.js";
import type {
	ScopedRoutes,
	ScopedRoutes_ScopeKeyBuilder_FragmentBuilder,
} from "../../api/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { RouteTableConfig, ScopeKeyFragment } from "../../engine/router/index.ts";
import { readConfigSource } from "./config-source.ts";
import type { ConfigSourceConfig } from "./config-source-config.ts";
import { readRouteConfiguration } from "./routes.ts";
import { type Scope, toWireText } from "./scope.ts";

/** `envoy.config.route.v3.ScopedRouteConfiguration`. */
export interface RouteScopeConfig {
	readonly name: string;
	readonly key: readonly string[];
	readonly routes:
		| { readonly kind: "named"; readonly name: string }
		| { readonly kind: "inline"; readonly table: RouteTableConfig };
}

/** `ScopedRoutes` of an HTTP connection manager. */
export interface ScopedRoutesConfig {
	readonly kind: "scoped";
	readonly name: string;
	readonly key: readonly ScopeKeyFragment[];
	/** Where route configurations come from that scopes name. */
	readonly routeSource: ConfigSourceConfig | undefined;
	/** Those written here, with their routes. */
	readonly scopes: readonly RouteScopeConfig[];
	/** Where scopes come from; undefined when they are written here. */
	readonly source: ConfigSourceConfig | undefined;
}

/** Translates the scopes of a connection manager. */
export function readScopedRoutes(message: ScopedRoutes, scope: Scope): ScopedRoutesConfig {
	const at = scope.at("rds_config_source");
	const routeSource = message.rdsConfigSource === undefined ? undefined : readConfigSource(message.rdsConfigSource, at);
	const key = (message.scopeKeyBuilder?.fragments ?? []).map((fragment, index) =>
		readFragment(fragment, scope.at("scope_key_builder").at("fragments", index)),
	);
	const base = { kind: "scoped", name: message.name, key, routeSource } as const;
	const specifier = message.configSpecifier;
	if (specifier.case === "scopedRds") {
		const place = scope.at("scoped_rds").at("scoped_rds_config_source");
		const { scopedRdsConfigSource, srdsResourcesLocator } = specifier.value;
		if (srdsResourcesLocator !== "")
			scope.at("scoped_rds").at("srds_resources_locator").report("this field is not supported");
		const source = scopedRdsConfigSource === undefined ? undefined : readConfigSource(scopedRdsConfigSource, place);
		return { ...base, scopes: [], source };
	}
	const list = scope.at("scoped_route_configurations_list");
	const messages = specifier.case === undefined ? [] : specifier.value.scopedRouteConfigurations;
	const scopes = messages.map((one, index) => readRouteScope(one, list.at("scoped_route_configurations", index)));
	for (const [index, one] of scopes.entries()) {
		const place = list.at("scoped_route_configurations", index);
		if (one.routes.kind === "named") {
			place
				.at("route_configuration_name")
				.report("fetching routes via RDS is not supported with inline scoped routes: write route_configuration");
		}
	}
	return { ...base, scopes, source: undefined };
}

/** Translates one scope. */
export function readRouteScope(message: ScopedRouteConfiguration, scope: Scope): RouteScopeConfig {
	const inline = message.routeConfiguration;
	if ((inline === undefined) === (message.routeConfigurationName === "")) {
		scope.report("needs either route_configuration_name or route_configuration");
	}
	return {
		name: message.name,
		key: (message.key?.fragments ?? []).map(({ type }) => (type.case === "stringKey" ? toWireText(type.value) : "")),
		routes:
			inline === undefined
				? { kind: "named", name: message.routeConfigurationName }
				: { kind: "inline", table: readRouteConfiguration(inline, scope.at("route_configuration"), false) },
	};
}

function readFragment({ type }: ScopedRoutes_ScopeKeyBuilder_FragmentBuilder, scope: Scope): ScopeKeyFragment {
	const nothing: ScopeKeyFragment = { header: "", separator: "", kind: "index", index: 0 };
	if (type.case !== "headerValueExtractor") return nothing;
	const { elementSeparator, extractType, name } = type.value;
	const common = { header: name.toLowerCase(), separator: toWireText(elementSeparator) };
	if (extractType.case === "element") {
		const { key, separator } = extractType.value;
		return { ...common, kind: "element", key: toWireText(key), pairSeparator: toWireText(separator) };
	}
	if (extractType.case === undefined) scope.at("header_value_extractor").report("needs either index or element");
	const index = extractType.value ?? 0;
	if (elementSeparator === "" && index !== 0) {
		scope.at("header_value_extractor").at("index").report("must be 0 without an element_separator");
	}
	return { ...common, kind: "index", index };
}
