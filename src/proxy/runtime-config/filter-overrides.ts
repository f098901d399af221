import type { Message } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import type { FilterConfig } from "../../api/gen/envoy/config/route/v3/route_components_pb.js";
import type { ExtensionWithMatcherPerRoute } from "../../api/gen/envoy/extensions/common/matching/v3/extension_matcher_pb.js";
import type { CorsPolicy as CorsMessage } from "../../api/gen/envoy/extensions/filters/http/cors/v3/cors_pb.js";
import type { HTTPFault } from "../../api/gen/envoy/extensions/filters/http/fault/v3/fault_pb.js";
import type { RBACPerRoute } from "../../api/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js";
import { unpackAny } from "../../api/index.ts";
import type { FilterConfigs } from "../../engine/router/index.ts";
import { readCallOutOverride } from "./call-out-filters.ts";
import { readFault } from "./fault.ts";
import type { CorsPolicy, HttpFilterOverride } from "./http-filter-config.ts";
import { readInnerFilter } from "./http-filters.ts";
import { readLocalOverride } from "./local-filters.ts";
import { readMatcherOfRoute } from "./matched-filter.ts";
import { readStringMatcher } from "./matchers.ts";
import { readRbac } from "./rbac.ts";
import type { Scope } from "./scope.ts";
import { readFraction, readRuntimeFraction } from "./values.ts";

/** Translates `typed_per_filter_config` of any level. */
export function readFilterConfigs(messages: Readonly<Record<string, Any>>, scope: Scope): FilterConfigs {
	const configs = new Map<string, HttpFilterOverride>();
	for (const [name, any] of Object.entries(messages)) {
		const override = readOverride(name, any, scope.at("typed_per_filter_config", name));
		if (override !== undefined) configs.set(name, override);
	}
	return configs;
}

function readOverride(name: string, any: Any, scope: Scope, isOptional = false): HttpFilterOverride | undefined {
	const message = unpackAny(any);
	if (message === undefined) {
		if (!isOptional) scope.report(`unknown filter config type ${any.typeUrl}`);
		return undefined;
	}
	if (message.$typeName === "envoy.config.route.v3.FilterConfig") {
		const config = message as FilterConfig;
		if (config.disabled) return { kind: "disabled" };
		if (config.config === undefined) {
			scope.report("neither disables the filter nor holds a config for it");
			return undefined;
		}
		if (config.config.typeUrl === "") return { kind: "enabled" };
		return readOverride(name, config.config, scope.at("config"), config.isOptional);
	}
	return readKnownOverride(name, message, scope, isOptional);
}

function readKnownOverride(
	name: string,
	message: Message,
	scope: Scope,
	isOptional: boolean,
): HttpFilterOverride | undefined {
	switch (message.$typeName) {
		case "envoy.extensions.filters.http.rbac.v3.RBACPerRoute": {
			const { rbac } = message as RBACPerRoute;
			return { kind: "rbac", config: rbac === undefined ? undefined : readRbac(rbac, scope.at("rbac")) };
		}
		case "envoy.extensions.filters.http.fault.v3.HTTPFault":
			return { kind: "fault", config: readFault(message as HTTPFault, scope) };
		case "envoy.extensions.filters.http.cors.v3.CorsPolicy":
			return { kind: "cors", config: readCors(message as CorsMessage, scope) };
		case "envoy.extensions.common.matching.v3.ExtensionWithMatcherPerRoute": {
			const read = (inner: Message, at: Scope) => readInnerFilter(name, inner, at);
			return { kind: "matcher", matcher: readMatcherOfRoute(message as ExtensionWithMatcherPerRoute, scope, read) };
		}
		default: {
			const override = readLocalOverride(message, scope) ?? readCallOutOverride(message, scope);
			if (override !== undefined) return override;
			if (!isOptional) scope.report(`${message.$typeName} is no supported filter config of a route`);
			return undefined;
		}
	}
}

function readCors(message: CorsMessage, scope: Scope): CorsPolicy {
	return {
		allowOrigins: message.allowOriginStringMatch.map((matcher, index) =>
			readStringMatcher(matcher, scope.at("allow_origin_string_match", index)),
		),
		allowMethods: message.allowMethods,
		allowHeaders: message.allowHeaders,
		exposeHeaders: message.exposeHeaders,
		maxAge: message.maxAge,
		allowCredentials: message.allowCredentials,
		allowPrivateNetworkAccess: message.allowPrivateNetworkAccess,
		forwardNotMatchingPreflights: message.forwardNotMatchingPreflights,
		enabled: readRuntimeFraction(message.filterEnabled) ?? { numerator: 100, denominator: 100, runtimeKey: "" },
		shadowEnabled: readRuntimeFraction(message.shadowEnabled) ?? readFraction(undefined),
	};
}
