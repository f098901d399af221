import type { Message } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import type { ExtensionConfigSource } from "../../api/gen/envoy/config/core/v3/config_source_pb.js";
import type { ExtensionWithMatcher } from "../../api/gen/envoy/extensions/common/matching/v3/extension_matcher_pb.js";
import type { HTTPFault } from "../../api/gen/envoy/extensions/filters/http/fault/v3/fault_pb.js";
import type { RBAC } from "../../api/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js";
import type { Router } from "../../api/gen/envoy/extensions/filters/http/router/v3/router_pb.js";
import type { HttpFilter } from "../../api/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { TypedStruct } from "../../api/gen/xds/type/v3/typed_struct_pb.js";
import { unpackAny } from "../../api/index.ts";
import { readAccessLogs } from "./access-log.ts";
import { readCallOutFilter } from "./call-out-filters.ts";
import { readFault } from "./fault.ts";
import { normalizeTypeUrl, readFilterDiscovery } from "./filter-discovery.ts";
import type { HttpFilterConfig, RouterFilterConfig } from "./http-filter-config.ts";
import { readIstioStats } from "./istio-stats.ts";
import { readLocalFilter } from "./local-filters.ts";
import { compositeType, readMatchedFilter } from "./matched-filter.ts";
import { readRbac } from "./rbac.ts";
import type { Scope } from "./scope.ts";
import { toMs } from "./values.ts";

/** Translates a chain of HTTP filters: the router must be its last one and only there. A chain of none answers nothing, as in Envoy. */
export function readHttpFilters(messages: readonly HttpFilter[], scope: Scope, field: string): HttpFilterConfig[] {
	const filters: HttpFilterConfig[] = [];
	for (const [index, message] of messages.entries()) {
		const at = scope.at(field, index);
		const filter = readHttpFilter(message, at);
		if (filter === undefined) continue;
		const isLast = index === messages.length - 1;
		if (filter.kind === "router" && !isLast)
			at.report(`terminal filter ${message.name} must be the last filter of the chain`);
		if (filter.kind === "router" && message.disabled) at.at("disabled").report("terminal filter cannot be disabled");
		if (filter.kind !== "router" && isLast) at.report(`the last filter must be the router, not ${message.name}`);
		filters.push(filter);
	}
	return filters;
}

const upstreamCodec = "envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec";

/** What Envoy lets run behind the router, of what there is here. */
const upstreamKinds: ReadonlySet<HttpFilterConfig["kind"]> = new Set([
	"admission-control",
	"buffer",
	"compressor",
	"credential-injector",
	"discovered",
	"ext-proc",
	"header-mutation",
	"rbac",
] as const);

/** Translates the filters of attempts: the codec must be the last one and only there. */
export function readUpstreamFilters(messages: readonly HttpFilter[], scope: Scope, field: string): HttpFilterConfig[] {
	const filters: HttpFilterConfig[] = [];
	for (const [index, message] of messages.entries()) {
		const at = scope.at(field, index);
		const isLast = index === messages.length - 1;
		if (isUpstreamCodec(message)) {
			if (!isLast) at.report(`terminal filter ${message.name} must be the last filter of the chain`);
			if (message.disabled) at.at("disabled").report("terminal filter cannot be disabled");
			continue;
		}
		if (isLast) at.report(`the last filter must be the upstream codec, not ${message.name}`);
		const filter = readHttpFilter(message, at);
		if (filter === undefined) continue;
		if (runsUpstream(filter)) filters.push(filter);
		else if (!message.isOptional) at.report(`filter ${message.name} cannot run behind the router`);
	}
	return filters;
}

function runsUpstream(filter: HttpFilterConfig): boolean {
	if (filter.kind !== "matched") return upstreamKinds.has(filter.kind);
	const { inner, matcher } = filter.config;
	const executed = (matcher?.actions ?? []).flatMap((action) => (action.kind === "execute" ? [action.filter] : []));
	return [...(inner === undefined ? [] : [inner]), ...executed].every(runsUpstream);
}

function isUpstreamCodec({ configType }: HttpFilter): boolean {
	return configType.case === "typedConfig" && unpackAny(configType.value)?.$typeName === upstreamCodec;
}

function readHttpFilter(message: HttpFilter, scope: Scope): HttpFilterConfig | undefined {
	const { name, disabled } = message;
	if (message.configType.case === "configDiscovery") {
		const at = scope.at("config_discovery");
		checkDiscovery(message.configType.value, at);
		const config = readFilterDiscovery(name, message.configType.value, at, (any, place) =>
			readTypedFilter(message, any, place),
		);
		return config === undefined ? undefined : { name, disabled, kind: "discovered", config };
	}
	const any = message.configType.case === "typedConfig" ? message.configType.value : undefined;
	if (any === undefined) {
		if (!message.isOptional) scope.report(`filter ${name} needs a typed_config`);
		return undefined;
	}
	return readTypedFilter(message, any, scope.at("typed_config"));
}

function readTypedFilter(
	{ name, disabled, isOptional }: Pick<HttpFilter, "name" | "disabled" | "isOptional">,
	any: Any,
	scope: Scope,
): HttpFilterConfig | undefined {
	const config = unpackAny(any);
	const filter = config === undefined ? undefined : readKnownFilter(name, disabled, config, scope);
	if (filter === undefined && !isOptional)
		scope.report(`HTTP filter ${describeType(config, any.typeUrl)} is not supported`);
	return filter;
}

/** What Envoy asks of sources of HTTP filters, and of no others. */
function checkDiscovery(message: ExtensionConfigSource, scope: Scope): void {
	const { applyDefaultConfigWithoutWarming, defaultConfig, typeUrls } = message;
	for (const [index, url] of typeUrls.map(normalizeTypeUrl).entries()) {
		if (unpackAny({ $typeName: "google.protobuf.Any", typeUrl: url, value: new Uint8Array() }) !== undefined) continue;
		scope.at("type_urls", index).report(`no filter factory found for type ${url}`);
	}
	if (applyDefaultConfigWithoutWarming && defaultConfig === undefined) {
		scope.at("default_config").report("cannot apply without warming: no default configuration");
	}
}

/** Translates the configuration of an HTTP filter that came by itself. */
export function readDiscoveredHttpFilter(name: string, any: Any, scope: Scope): HttpFilterConfig | undefined {
	const filter = readTypedFilter({ name, disabled: false, isOptional: false }, any, scope);
	if (filter?.kind === "router") scope.report("a terminal filter cannot be discovered");
	return filter;
}

function readKnownFilter(name: string, disabled: boolean, config: Message, scope: Scope): HttpFilterConfig | undefined {
	switch (config.$typeName) {
		case "envoy.extensions.filters.http.router.v3.Router":
			return { name, disabled, kind: "router", config: readRouter(config as Router, scope) };
		case "envoy.extensions.filters.http.rbac.v3.RBAC":
			return { name, disabled, kind: "rbac", config: readRbac(config as RBAC, scope) };
		case "envoy.extensions.filters.http.fault.v3.HTTPFault":
			return { name, disabled, kind: "fault", config: readFault(config as HTTPFault, scope) };
		case "envoy.extensions.filters.http.cors.v3.Cors":
			return { name, disabled, kind: "cors" };
		case compositeType:
			return { name, disabled, kind: "matched", config: { matcher: undefined, inner: undefined, isWrapped: false } };
		case "envoy.extensions.common.matching.v3.ExtensionWithMatcher": {
			const read = (inner: Message, at: Scope) => readInnerFilter(name, inner, at);
			return {
				name,
				disabled,
				kind: "matched",
				config: readMatchedFilter(config as ExtensionWithMatcher, scope, read),
			};
		}
		case "udpa.type.v1.TypedStruct":
		case "xds.type.v3.TypedStruct": {
			const stats = readIstioStats(config as TypedStruct, scope);
			return stats === undefined ? undefined : { name, disabled, kind: "istio-stats", config: stats };
		}
		default: {
			const filter = readLocalFilter(config, scope) ?? readCallOutFilter(config, scope);
			return filter === undefined ? undefined : ({ name, disabled, ...filter } as HttpFilterConfig);
		}
	}
}

/** Translates a filter that runs inside of another one. */
export function readInnerFilter(name: string, message: Message, scope: Scope): HttpFilterConfig | undefined {
	const filter = readKnownFilter(name, false, message, scope);
	if (filter === undefined) scope.report(`HTTP filter ${message.$typeName} is not supported`);
	else if (filter.kind === "router") scope.report("a terminal filter cannot be inside of another one");
	return filter?.kind === "router" ? undefined : filter;
}

function readRouter(message: Router | undefined, scope: Scope): RouterFilterConfig {
	return {
		dynamicStats: message?.dynamicStats ?? true,
		startChildSpan: message?.startChildSpan ?? false,
		suppressEnvoyHeaders: message?.suppressEnvoyHeaders ?? false,
		strictCheckHeaders: (message?.strictCheckHeaders ?? []).map((name) => name.toLowerCase()),
		respectExpectedRequestTimeout: message?.respectExpectedRqTimeout ?? false,
		suppressGrpcRequestFailureCodeStats: message?.suppressGrpcRequestFailureCodeStats ?? false,
		upstreamFilters: readUpstreamFilters(message?.upstreamHttpFilters ?? [], scope, "upstream_http_filters"),
		upstreamLogs: readAccessLogs(message?.upstreamLog ?? [], scope, "upstream_log"),
		upstreamLogOptions: {
			onPoolReady: message?.upstreamLogOptions?.flushUpstreamLogOnUpstreamStream ?? false,
			flushIntervalMs: toMs(message?.upstreamLogOptions?.upstreamLogFlushInterval, 0),
		},
	};
}

function describeType(config: Message | undefined, typeUrl: string): string {
	const struct = config as TypedStruct | undefined;
	return struct?.$typeName.endsWith(".TypedStruct") ? struct.typeUrl : (config?.$typeName ?? typeUrl);
}
