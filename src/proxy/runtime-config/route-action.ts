import type { Any } from "@bufbuild/protobuf/wkt";
import { RoutingPriority } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import { ProxyProtocolConfig_Version } from "../../api/gen/envoy/config/core/v3/proxy_protocol_pb.js";
import {
	type RouteAction,
	RouteAction_ClusterNotFoundResponseCode,
	type RouteAction_HashPolicy,
	type RouteAction_RequestMirrorPolicy,
	type RouteAction_UpgradeConfig,
	type RouteMatch,
	type WeightedCluster,
} from "../../api/gen/envoy/config/route/v3/route_components_pb.js";
import type { UriTemplateMatchConfig } from "../../api/gen/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.js";
import type { UriTemplateRewriteConfig } from "../../api/gen/envoy/extensions/path/rewrite/uri_template/v3/uri_template_rewrite_pb.js";
import {
	type ClusterSpecifier,
	compileUriRewrite,
	compileUriTemplate,
	type ForwardConfig,
	type HashPolicy,
	type HostRewrite,
	type MirrorPolicy,
	type PathRewrite,
	type UpgradePolicy,
} from "../../engine/router/index.ts";
import { readFilterConfigs } from "./filter-overrides.ts";
import { readSteps } from "./header-mutation.ts";
import { readRegexSubstitution } from "./matchers.ts";
import { readRateLimits } from "./rate-limits.ts";
import { readHedgePolicy, readInternalRedirectPolicy, readRetryPolicy } from "./retry.ts";
import { type Scope, toWireText } from "./scope.ts";
import {
	readFormat,
	readHeaderMutations,
	readMetadataMatch,
	readRuntimeFraction,
	toMs,
	unpackExtension,
} from "./values.ts";

const notFoundStatuses: Readonly<Record<number, number>> = {
	[RouteAction_ClusterNotFoundResponseCode.SERVICE_UNAVAILABLE]: 503,
	[RouteAction_ClusterNotFoundResponseCode.NOT_FOUND]: 404,
	[RouteAction_ClusterNotFoundResponseCode.INTERNAL_SERVER_ERROR]: 500,
};

/** Translates a route that forwards. */
export function readForwardAction(message: RouteAction, match: RouteMatch | undefined, scope: Scope): ForwardConfig {
	const { maxStreamDuration } = message;
	return {
		kind: "forward",
		cluster: readClusterSpecifier(message, scope),
		clusterNotFoundStatus: notFoundStatuses[message.clusterNotFoundResponseCode] ?? 503,
		metadataMatch: readMetadataMatch(message.metadataMatch),
		pathRewrite: readPathRewrite(message, match, scope),
		hostRewrite: readHostRewrite(message, scope),
		appendXForwardedHost: message.appendXForwardedHost,
		timeoutMs: toMs(message.timeout, 15_000),
		idleTimeoutMs: toMs(message.idleTimeout, undefined),
		maxStreamDurationMs: toMs(maxStreamDuration?.maxStreamDuration, undefined),
		grpcTimeoutHeaderMaxMs: toMs(maxStreamDuration?.grpcTimeoutHeaderMax ?? message.maxGrpcTimeout, undefined),
		boundsOnlyGrpc: maxStreamDuration?.grpcTimeoutHeaderMax === undefined,
		grpcTimeoutHeaderOffsetMs: toMs(maxStreamDuration?.grpcTimeoutHeaderOffset ?? message.grpcTimeoutOffset, 0),
		retryPolicy: readRetryPolicy(message.retryPolicy, scope.at("retry_policy")),
		hedgePolicy: readHedgePolicy(message.hedgePolicy),
		mirrorPolicies: readMirrorPolicies(message.requestMirrorPolicies, scope),
		priority: message.priority === RoutingPriority.HIGH ? "high" : "default",
		hashPolicies: message.hashPolicy.map((policy, index) => readHashPolicy(policy, scope.at("hash_policy", index))),
		upgrades: readUpgrades(message.upgradeConfigs, scope),
		internalRedirect: readInternalRedirectPolicy(message.internalRedirectPolicy, scope.at("internal_redirect_policy")),
		rateLimits: readRateLimits(message.rateLimits, scope),
		includesVirtualHostRateLimits: message.includeVhRateLimits ?? false,
	};
}

function readClusterSpecifier(message: RouteAction, scope: Scope): ClusterSpecifier {
	const specifier = message.clusterSpecifier;
	switch (specifier.case) {
		case "cluster":
			return { kind: "name", name: specifier.value };
		case "clusterHeader":
			return { kind: "header", header: specifier.value.toLowerCase() };
		case "weightedClusters":
			return readWeightedClusters(specifier.value, scope.at("weighted_clusters"));
		default:
			return { kind: "name", name: "" };
	}
}

function readWeightedClusters(message: WeightedCluster, scope: Scope): ClusterSpecifier {
	const clusters = message.clusters.map((cluster, index) => {
		const at = scope.at("clusters", index);
		if ((cluster.name === "") === (cluster.clusterHeader === ""))
			at.report("exactly one of name or cluster_header must be set");
		return {
			name: cluster.name,
			clusterHeader: cluster.clusterHeader.toLowerCase(),
			weight: cluster.weight ?? 0,
			metadataMatch: readMetadataMatch(cluster.metadataMatch),
			headers: readHeaderMutations(cluster, at),
			hostRewriteLiteral:
				cluster.hostRewriteSpecifier.case === "hostRewriteLiteral"
					? toWireText(cluster.hostRewriteSpecifier.value)
					: "",
			filterConfigs: readFilterConfigs(cluster.typedPerFilterConfig, at),
		};
	});
	const totalWeight = clusters.reduce((sum, cluster) => sum + cluster.weight, 0);
	if (totalWeight === 0) scope.report("the sum of weights must be greater than 0");
	if (totalWeight > 0xffff_ffff) scope.report(`the sum of weights exceeds 4294967295: ${totalWeight}`);
	return {
		kind: "weighted",
		clusters,
		totalWeight,
		runtimeKeyPrefix: message.runtimeKeyPrefix,
		randomValueHeader:
			message.randomValueSpecifier.case === "headerName" ? message.randomValueSpecifier.value.toLowerCase() : "",
		usesHashPolicy: message.randomValueSpecifier.case === "useHashPolicy" && message.randomValueSpecifier.value.value,
	};
}

function readPathRewrite(message: RouteAction, match: RouteMatch | undefined, scope: Scope): PathRewrite | undefined {
	if (message.prefixRewrite !== "" && message.regexRewrite !== undefined) {
		scope.report("only one of prefix_rewrite and regex_rewrite may be set");
	}
	if (message.pathRewritePolicy !== undefined) {
		return readTemplateRewrite(message.pathRewritePolicy.typedConfig, match, scope.at("path_rewrite_policy"));
	}
	if (message.pathRewrite !== "") {
		return { kind: "format", value: readFormat(message.pathRewrite, scope.at("path_rewrite"), "") };
	}
	if (message.regexRewrite !== undefined) {
		return { kind: "regex", ...readRegexSubstitution(message.regexRewrite, scope.at("regex_rewrite")) };
	}
	return message.prefixRewrite === "" ? undefined : { kind: "prefix", replacement: toWireText(message.prefixRewrite) };
}

/** The rewrite of a template uses what the template of the match caught. */
function readTemplateRewrite(
	any: Any | undefined,
	match: RouteMatch | undefined,
	scope: Scope,
): PathRewrite | undefined {
	const config = unpackExtension(any, scope.at("typed_config"));
	if (config?.$typeName !== "envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig") {
		if (config !== undefined) scope.report(`path rewrite policy ${config.$typeName} is not supported`);
		return undefined;
	}
	const specifier = match?.pathSpecifier;
	const policy = specifier?.case === "pathMatchPolicy" ? specifier.value.typedConfig : undefined;
	const template = policy === undefined ? undefined : unpackExtension(policy, scope);
	if (template?.$typeName !== "envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig") {
		scope.report("needs a path_match_policy of the same kind");
		return undefined;
	}
	const compiled = compileUriTemplate(toWireText((template as UriTemplateMatchConfig).pathTemplate));
	if (!compiled.ok) return undefined;
	const text = toWireText((config as UriTemplateRewriteConfig).pathTemplateRewrite);
	const rewrite = compileUriRewrite(text, compiled.value.variables);
	if (!rewrite.ok) {
		scope.at("typed_config").at("path_template_rewrite").report(rewrite.problem);
		return undefined;
	}
	return { kind: "template", regex: compiled.value.regex, parts: rewrite.value };
}

function readHostRewrite(message: RouteAction, scope: Scope): HostRewrite | undefined {
	const specifier = message.hostRewriteSpecifier;
	switch (specifier.case) {
		case "hostRewriteLiteral":
			return specifier.value === "" ? undefined : { kind: "literal", value: toWireText(specifier.value) };
		case "hostRewrite":
			return { kind: "format", value: readFormat(specifier.value, scope.at("host_rewrite"), "") };
		case "autoHostRewrite":
			return specifier.value.value ? { kind: "auto" } : undefined;
		case "hostRewriteHeader":
			return { kind: "header", header: specifier.value.toLowerCase() };
		case "hostRewritePathRegex":
			return { kind: "path-regex", ...readRegexSubstitution(specifier.value, scope.at("host_rewrite_path_regex")) };
		default:
			return undefined;
	}
}

export function readMirrorPolicies(messages: readonly RouteAction_RequestMirrorPolicy[], scope: Scope): MirrorPolicy[] {
	return messages.map((message, index) => {
		if (message.cluster === "" && message.clusterHeader === "") {
			scope.at("request_mirror_policies", index).report("one of cluster or cluster_header must be set");
		}
		return {
			cluster: message.cluster,
			clusterHeader: message.clusterHeader.toLowerCase(),
			fraction: readRuntimeFraction(message.runtimeFraction),
			traceSampled: message.traceSampled,
			appendShadowSuffix: !message.disableShadowHostSuffixAppend,
			hostRewrite: toWireText(message.hostRewriteLiteral),
			headerMutations: readSteps(
				message.requestHeadersMutations,
				scope.at("request_mirror_policies", index),
				"request_headers_mutations",
			),
		};
	});
}

/** Translates one part of what consistent hashing goes by. */
export function readHashPolicy(message: RouteAction_HashPolicy, scope: Scope): HashPolicy {
	const { terminal, policySpecifier: specifier } = message;
	switch (specifier.case) {
		case "header": {
			const { headerName, regexRewrite } = specifier.value;
			const rewrite =
				regexRewrite === undefined
					? undefined
					: readRegexSubstitution(regexRewrite, scope.at("header").at("regex_rewrite"));
			return {
				kind: "header",
				terminal,
				name: headerName.toLowerCase(),
				regex: rewrite?.regex,
				substitution: rewrite?.substitution ?? "",
			};
		}
		case "cookie": {
			const ttlMs = toMs(specifier.value.ttl, undefined);
			return {
				kind: "cookie",
				terminal,
				name: specifier.value.name,
				ttlSeconds: ttlMs === undefined ? undefined : Math.floor(ttlMs / 1000),
				path: specifier.value.path,
				attributes: specifier.value.attributes
					.map(({ name, value }) => (value === "" ? `; ${name}` : `; ${name}=${value}`))
					.join(""),
			};
		}
		case "queryParameter":
			return { kind: "query-parameter", terminal, name: toWireText(specifier.value.name) };
		case "filterState":
			return { kind: "filter-state", terminal, key: specifier.value.key };
		default:
			if (specifier.case === "connectionProperties" && !specifier.value.sourceIp) {
				scope.at("connection_properties").report("source_ip must be true");
			}
			return { kind: "source-ip", terminal };
	}
}

function readUpgrades(
	messages: readonly RouteAction_UpgradeConfig[],
	scope: Scope,
): ReadonlyMap<string, UpgradePolicy> {
	const upgrades = new Map<string, UpgradePolicy>();
	for (const [index, message] of messages.entries()) {
		const at = scope.at("upgrade_configs", index);
		const type = message.upgradeType.toLowerCase();
		if (upgrades.has(type)) at.report(`duplicate upgrade ${message.upgradeType}`);
		if (message.connectConfig !== undefined && type !== "connect")
			at.at("connect_config").report("only CONNECT upgrades take it");
		const proxyProtocol = message.connectConfig?.proxyProtocolConfig;
		upgrades.set(type, {
			enabled: message.enabled ?? true,
			connect:
				message.connectConfig === undefined
					? undefined
					: {
							allowPost: message.connectConfig.allowPost,
							proxyProtocolVersion:
								proxyProtocol === undefined ? 0 : proxyProtocol.version === ProxyProtocolConfig_Version.V2 ? 2 : 1,
						},
		});
	}
	return upgrades;
}
