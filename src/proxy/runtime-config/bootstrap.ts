import { create } from "@bufbuild/protobuf";
import type { Bootstrap, RuntimeLayer as LayerMessage } from "../../api/gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { NodeSchema } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import type { Listener } from "../../api/gen/envoy/config/listener/v3/listener_pb.js";
import type { StatsConfig, StatsMatcher } from "../../api/gen/envoy/config/metrics/v3/stats_pb.js";
import { defaultAccessLogFormat } from "../../engine/format/index.ts";
import { type JsonObject, matchString, translateRe2 } from "../../engine/matcher/index.ts";
import { findInvalidRuntimeKey } from "../../engine/runtime/index.ts";
import { isDefaultTag, readRegexPrefix } from "../../telemetry/index.ts";
import { readAccessLogs } from "./access-log.ts";
import type { BootstrapConfig, RuntimeLayer } from "./bootstrap-config.ts";
import { readCluster } from "./cluster.ts";
import { readApiConfigSource, readConfigSource } from "./config-source.ts";
import type { GrpcServiceConfig } from "./config-source-config.ts";
import { readListener } from "./listener.ts";
import type { ListenerConfig } from "./listener-config.ts";
import { readStringMatcher } from "./matchers.ts";
import { readOverload } from "./overload.ts";
import { Scope } from "./scope.ts";
import { readStatsSinks } from "./stats-sinks.ts";
import { readSecret } from "./tls.ts";
import { readBindAddresses, readFormat, readIpAddress, toMs } from "./values.ts";

/** Translates a bootstrap message. Inline routes are checked against the static clusters. */
export function readBootstrap(message: Bootstrap, scope: Scope): BootstrapConfig {
	const statics = message.staticResources;
	const at = scope.at("static_resources");
	const clusterNames = new Set((statics?.clusters ?? []).map((cluster) => cluster.name));
	// A cluster of CDS may come later; Envoy checks inline routes against the static ones all the same.
	const secretNames = new Set((statics?.secrets ?? []).map((secret) => secret.name));
	const checked = new Scope(at.path, at.problems, {
		...at.options,
		hasCluster: (name) => clusterNames.has(name),
		hasSecret: (name) => secretNames.has(name),
	});
	checkUnique(
		(statics?.clusters ?? []).map((cluster) => cluster.name),
		at,
		"clusters",
		"cluster",
	);
	const dynamic = message.dynamicResources;
	const dynamicScope = new Scope(scope.at("dynamic_resources").path, scope.problems, checked.options);
	return {
		node: message.node ?? create(NodeSchema),
		clusters: (statics?.clusters ?? []).flatMap(
			(cluster, index) => readCluster(cluster, at.at("clusters", index)) ?? [],
		),
		listeners: readListeners(statics?.listeners ?? [], checked),
		secrets: (statics?.secrets ?? []).flatMap((secret, index) => readSecret(secret, at.at("secrets", index)) ?? []),
		lds:
			dynamic?.ldsConfig === undefined ? undefined : readConfigSource(dynamic.ldsConfig, dynamicScope.at("lds_config")),
		cds:
			dynamic?.cdsConfig === undefined ? undefined : readConfigSource(dynamic.cdsConfig, dynamicScope.at("cds_config")),
		ads:
			dynamic?.adsConfig === undefined
				? undefined
				: readApiConfigSource(dynamic.adsConfig, dynamicScope.at("ads_config")),
		admin: readAdmin(message, scope.at("admin")),
		localClusterName: readLocalCluster(message, clusterNames, scope),
		bindAddresses: readBindAddresses(
			message.clusterManager?.upstreamBindConfig,
			scope.at("cluster_manager").at("upstream_bind_config"),
		),
		loadStats: readLoadStats(message, new Scope(scope.at("cluster_manager").path, scope.problems, checked.options)),
		outlierEventLogPath: message.clusterManager?.outlierDetection?.eventLogPath ?? "",
		overload: readOverload(message.overloadManager, scope.at("overload_manager")),
		runtimeLayers: readLayers(message, scope.at("layered_runtime")),
		...readStats(message.statsConfig, scope.at("stats_config")),
		statsSinks: readStatsSinks(message.statsSinks, new Scope(scope.path, scope.problems, checked.options)),
		statsFlushIntervalMs: readFlushInterval(message, scope),
		headerPrefix: message.headerPrefix === "" ? "x-envoy" : message.headerPrefix,
	};
}

/** Translates the listeners; two of them cannot have one address, bound or not, unless the later one binds a port 0. */
function readListeners(messages: readonly Listener[], scope: Scope): ListenerConfig[] {
	const taken = new Set<string>();
	return messages.map((message, index) => {
		const at = scope.at("listeners", index);
		const listener = readListener(message, at);
		for (const address of listener.addresses) {
			const isAnyPort = address.kind === "socket" && address.port === 0;
			const text = address.kind !== "socket" ? address.path : `${address.address}:${address.port}`;
			if (taken.has(text) && !(isAnyPort && listener.bindToPort))
				at.report(`has duplicate address ${text} as existing listener`);
			taken.add(text);
		}
		return listener;
	});
}

function checkUnique(names: readonly string[], scope: Scope, field: string, noun: string): void {
	const seen = new Set<string>();
	for (const [index, name] of names.entries()) {
		if (seen.has(name)) scope.at(field, index).at("name").report(`duplicate ${noun} '${name}'`);
		seen.add(name);
	}
}

function readAdmin(message: Bootstrap, scope: Scope): BootstrapConfig["admin"] {
	const { admin } = message;
	if (admin?.address === undefined) return undefined;
	const address = readIpAddress(admin.address, scope.at("address"));
	if (address?.kind === "internal") scope.at("address").report("must be a socket address or a pipe");
	if (address === undefined || address.kind === "internal") return undefined;
	const accessLogs = readAccessLogs(admin.accessLog, scope, "access_log");
	if (admin.accessLogPath !== "") {
		const formatter = readFormat(defaultAccessLogFormat, scope);
		accessLogs.push({ name: "", filter: undefined, formatter, sink: { kind: "file", path: admin.accessLogPath } });
	}
	const allowedPaths = admin.allowPaths.map((matcher, index) =>
		readStringMatcher(matcher, scope.at("allow_paths", index)),
	);
	return { address, accessLogs, allowedPaths: allowedPaths.length === 0 ? undefined : allowedPaths };
}

/** The cluster that this proxy is an endpoint of must be one of those that are there from the start. */
function readLocalCluster(message: Bootstrap, clusters: ReadonlySet<string>, scope: Scope): string {
	const name = message.clusterManager?.localClusterName ?? "";
	if (name !== "" && !clusters.has(name)) {
		scope.at("cluster_manager").at("local_cluster_name").report(`local cluster '${name}' must be defined`);
	}
	return name;
}

function readLoadStats({ clusterManager }: Bootstrap, scope: Scope): GrpcServiceConfig | undefined {
	const source = clusterManager?.loadStatsConfig;
	return source && readApiConfigSource(source, scope.at("load_stats_config"))?.services[0];
}

function readLayers(message: Bootstrap, scope: Scope): RuntimeLayer[] {
	const layers = message.layeredRuntime?.layers ?? [];
	checkUnique(
		layers.map(({ name }) => name),
		scope,
		"layers",
		"layer",
	);
	if (layers.filter(({ layerSpecifier }) => layerSpecifier.case === "adminLayer").length > 1) {
		scope.at("layers").report("at most one admin layer may be specified");
	}
	return layers.flatMap((layer, index) => readLayer(layer, message.node?.cluster ?? "", scope.at("layers", index)));
}

function readLayer(message: LayerMessage, serviceCluster: string, scope: Scope): RuntimeLayer[] {
	const { name, layerSpecifier } = message;
	switch (layerSpecifier.case) {
		case "staticLayer":
			return [
				{ kind: "static", name, values: readValues(layerSpecifier.value as JsonObject, scope.at("static_layer")) },
			];
		case "adminLayer":
			return [{ kind: "admin", name }];
		case "diskLayer": {
			const { appendServiceCluster, subdirectory, symlinkRoot: link } = layerSpecifier.value;
			const parts = [link, subdirectory, ...(appendServiceCluster ? [serviceCluster] : [])];
			return [{ kind: "disk", name, link, path: parts.filter((part) => part !== "").join("/") }];
		}
		case "rtdsLayer": {
			const at = scope.at("rtds_layer").at("rtds_config");
			const { name: resource, rtdsConfig } = layerSpecifier.value;
			const source = rtdsConfig === undefined ? undefined : readConfigSource(rtdsConfig, at);
			return source === undefined ? [] : [{ kind: "rtds", name, resource, source }];
		}
		default:
			return [];
	}
}

function readValues(values: JsonObject, scope: Scope): JsonObject {
	const invalid = findInvalidRuntimeKey(values);
	if (invalid !== undefined) scope.report(`invalid runtime entry value for ${invalid}`);
	return values;
}

function readStats(
	message: StatsConfig | undefined,
	scope: Scope,
): Pick<
	BootstrapConfig,
	"statsTags" | "useDefaultTags" | "allowsTagOverrides" | "hidesStatistic" | "histogramBuckets"
> {
	return {
		useDefaultTags: message?.useAllDefaultTags ?? true,
		allowsTagOverrides: message?.allowDefaultTagOverrides ?? false,
		hidesStatistic: readStatsMatcher(message?.statsMatcher, scope.at("stats_matcher")),
		statsTags: (message?.statsTags ?? []).map(({ tagName: name, tagValue }, index) => {
			const at = scope.at("stats_tags", index);
			if (tagValue.case === "fixedValue") return { name, regex: undefined, fixedValue: tagValue.value };
			if (tagValue.case === undefined || tagValue.value === "") {
				if (!isDefaultTag(name)) at.report(`needs a regex: there is no default one for tag '${name}'`);
				return { name, regex: undefined, fixedValue: undefined };
			}
			const translated = translateRe2(tagValue.value);
			if (!translated.ok) at.at("regex").report(`invalid regex '${tagValue.value}': ${translated.problem}`);
			const regex = translated.ok ? new RegExp(translated.source, translated.flags) : undefined;
			return { name, regex, prefix: readRegexPrefix(tagValue.value), fixedValue: undefined };
		}),
		histogramBuckets: (message?.histogramBucketSettings ?? []).map((setting, index) => {
			const matcher = readStringMatcher(setting.match, scope.at("histogram_bucket_settings", index).at("match"));
			return { matches: (name: string) => matchString(matcher, name), buckets: setting.buckets };
		}),
	};
}

function readStatsMatcher(message: StatsMatcher | undefined, scope: Scope): ((name: string) => boolean) | undefined {
	const specifier = message?.statsMatcher;
	switch (specifier?.case) {
		case "rejectAll":
			return specifier.value ? () => true : undefined;
		case "inclusionList":
		case "exclusionList": {
			const isInclusion = specifier.case === "inclusionList";
			const at = scope.at(isInclusion ? "inclusion_list" : "exclusion_list");
			const matchers = specifier.value.patterns.map((pattern, index) =>
				readStringMatcher(pattern, at.at("patterns", index)),
			);
			return (name) => matchers.some((matcher) => matchString(matcher, name)) !== isInclusion;
		}
		default:
			return undefined;
	}
}

function readFlushInterval(message: Bootstrap, scope: Scope): number {
	if (message.statsFlush.case !== "statsFlushOnAdmin") return toMs(message.statsFlushInterval, 5000);
	if (message.statsFlushInterval !== undefined) {
		scope.at("stats_flush_on_admin").report("only one of stats_flush_interval and stats_flush_on_admin may be set");
	}
	return Number.POSITIVE_INFINITY;
}
