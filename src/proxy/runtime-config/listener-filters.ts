import type { Any } from "@bufbuild/protobuf/wkt";
import type { RuntimeFeatureFlag } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import {
	ProxyProtocolConfig_Version,
	ProxyProtocolPassThroughTLVs_PassTLVsMatchType,
} from "../../api/gen/envoy/config/core/v3/proxy_protocol_pb.js";
import type {
	ListenerFilter,
	ListenerFilterChainMatchPredicate,
} from "../../api/gen/envoy/config/listener/v3/listener_components_pb.js";
import type { Listener } from "../../api/gen/envoy/config/listener/v3/listener_pb.js";
import type { LocalRateLimit } from "../../api/gen/envoy/extensions/filters/listener/local_ratelimit/v3/local_ratelimit_pb.js";
import {
	type ProxyProtocol,
	ProxyProtocol_TlvLocation,
} from "../../api/gen/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.js";
import type { TlsInspector } from "../../api/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js";
import type { TokenBucket } from "../../api/gen/envoy/type/v3/token_bucket_pb.js";
import { unpackAny } from "../../api/index.ts";
import { assertNever } from "../../core/index.ts";
import { openSystemCalls } from "../../os/index.ts";
import { readFilterDiscovery } from "./filter-discovery.ts";
import type {
	ConnectionPredicate,
	ListenerFilterConfig,
	ProxyProtocolConfig,
	RuntimeFlag,
	TokenBucketConfig,
} from "./listener-config.ts";
import type { Scope } from "./scope.ts";
import { toMs } from "./values.ts";

const defaultClientHelloBytes = 16 * 1024;

/** Translates the filters that look at connections before a filter chain is chosen, in their order. */
export function readListenerFilters(message: Listener, scope: Scope): ListenerFilterConfig[] {
	const filters = message.listenerFilters.flatMap((filter, index): ListenerFilterConfig[] => {
		const at = scope.at("listener_filters", index);
		const predicate = filter.filterDisabled;
		const config = readFilter(filter, at);
		if (config === undefined) return [];
		if (predicate === undefined) return [config];
		return [{ ...config, disabledFor: readPredicate(predicate, at.at("filter_disabled")) }];
	});
	// As in Envoy, the first chain speaks for all.
	const first = message.filterChains[0] ?? message.defaultFilterChain;
	if (first?.useProxyProto === true)
		filters.push({ kind: "proxy-protocol", config: readProxyProtocol(undefined, scope) });
	const wantsOriginal = message.useOriginalDst === true && !filters.some(({ kind }) => kind === "original-dst");
	if (!wantsOriginal) return filters;
	requireSystemCalls(scope.at("use_original_dst"));
	return [...filters, { kind: "original-dst" }];
}

function readPredicate(message: ListenerFilterChainMatchPredicate, scope: Scope): ConnectionPredicate {
	const { rule } = message;
	const readSet = (kind: "or" | "and", rules: readonly ListenerFilterChainMatchPredicate[]): ConnectionPredicate => {
		if (rules.length < 2) scope.report("value must contain at least 2 rules");
		return { kind, predicates: rules.map((one, index) => readPredicate(one, scope.at("rules", index))) };
	};
	switch (rule.case) {
		case "orMatch":
			return readSet("or", rule.value.rules);
		case "andMatch":
			return readSet("and", rule.value.rules);
		case "notMatch":
			return { kind: "not", predicate: readPredicate(rule.value, scope.at("not_match")) };
		case "anyMatch":
			return { kind: "any" };
		case "destinationPortRange":
			return { kind: "destination-ports", start: rule.value.start, end: rule.value.end };
		case undefined:
			scope.report("a predicate needs a rule");
			return { kind: "any" };
		default:
			return assertNever(rule);
	}
}

function readFilter({ configType, name }: ListenerFilter, scope: Scope): ListenerFilterConfig | undefined {
	if (configType.case !== "configDiscovery")
		return readTypedListenerFilter(name, configType.value, scope.at("typed_config"));
	const config = readFilterDiscovery(name, configType.value, scope.at("config_discovery"), (any, at) =>
		readTypedListenerFilter(name, any, at),
	);
	return config === undefined ? undefined : { kind: "discovered", name, config };
}

/** Translates the configuration of a listener filter. */
export function readTypedListenerFilter(
	name: string,
	any: Any | undefined,
	at: Scope,
): ListenerFilterConfig | undefined {
	const config = any === undefined ? undefined : unpackAny(any);
	const typeName = config?.$typeName ?? any?.typeUrl;
	switch (typeName) {
		case "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector": {
			const inspector = config as TlsInspector | undefined;
			return {
				kind: "tls-inspector",
				maxClientHelloBytes: inspector?.maxClientHelloSize ?? defaultClientHelloBytes,
				closeOnParsingErrors: inspector?.closeConnectionOnClientHelloParsingErrors ?? false,
				ja3: inspector?.enableJa3Fingerprinting ?? false,
				ja4: inspector?.enableJa4Fingerprinting ?? false,
			};
		}
		case "envoy.extensions.filters.listener.http_inspector.v3.HttpInspector":
			return { kind: "http-inspector" };
		case "envoy.extensions.filters.listener.original_dst.v3.OriginalDst":
			requireSystemCalls(at);
			return { kind: "original-dst" };
		case "envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol":
			return { kind: "proxy-protocol", config: readProxyProtocol(config as ProxyProtocol | undefined, at) };
		case "envoy.extensions.filters.listener.local_ratelimit.v3.LocalRateLimit": {
			const limit = config as LocalRateLimit;
			return {
				kind: "local-ratelimit",
				config: {
					statPrefix: limit.statPrefix,
					bucket: readTokenBucket(limit.tokenBucket, at.at("token_bucket")),
					enabled: readRuntimeFlag(limit.runtimeEnabled),
					shareKey: "",
				},
			};
		}
		default:
			at.report(`listener filter ${typeName ?? name} is not supported`);
			return undefined;
	}
}

function requireSystemCalls(scope: Scope): void {
	const system = openSystemCalls();
	if (!system.ok) scope.report(`original destinations are not available: ${system.reason}`);
}

function readProxyProtocol(message: ProxyProtocol | undefined, scope: Scope): ProxyProtocolConfig {
	if (new Set(message?.disallowedVersions).size > 1) {
		scope.at("disallowed_versions").report("all versions of the PROXY protocol are disallowed");
	}
	const pass = message?.passThroughTlvs;
	const passesAll = pass?.matchType === ProxyProtocolPassThroughTLVs_PassTLVsMatchType.INCLUDE_ALL;
	return {
		rules: (message?.rules ?? []).map(({ tlvType, onTlvPresent }) => ({
			type: tlvType,
			namespace: onTlvPresent?.metadataNamespace || "envoy.filters.listener.proxy_protocol",
			key: onTlvPresent?.key ?? "",
		})),
		allowAbsent: message?.allowRequestsWithoutProxyProtocol ?? false,
		disallowedVersions: (message?.disallowedVersions ?? []).map((version) =>
			version === ProxyProtocolConfig_Version.V1 ? 1 : 2,
		),
		statPrefix: message?.statPrefix ?? "",
		passThrough: passesAll ? "all" : (pass?.tlvType ?? []),
		keepsTlvsInFilterState: message?.tlvLocation === ProxyProtocol_TlvLocation.FILTER_STATE,
	};
}

/** Translates a token bucket; one fill is at least 50 ms, as in Envoy. */
export function readTokenBucket(message: TokenBucket | undefined, scope: Scope): TokenBucketConfig {
	const fillIntervalMs = toMs(message?.fillInterval, 0);
	if (fillIntervalMs < 50) scope.at("fill_interval").report("local rate limit token bucket fill timer must be >= 50ms");
	return { maxTokens: message?.maxTokens ?? 0, tokensPerFill: message?.tokensPerFill ?? 1, fillIntervalMs };
}

/** Translates a runtime flag; undefined when it is not set. */
export function readRuntimeFlag(message: RuntimeFeatureFlag | undefined): RuntimeFlag | undefined {
	return message === undefined
		? undefined
		: { runtimeKey: message.runtimeKey, defaultValue: message.defaultValue ?? false };
}
