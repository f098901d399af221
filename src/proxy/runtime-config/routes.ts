import type { Any } from "@bufbuild/protobuf/wkt";
import {
	type DirectResponseAction,
	type RedirectAction,
	RedirectAction_RedirectResponseCode,
	type Route,
	type RouteMatch as RouteMatchMessage,
	type VirtualHost,
	VirtualHost_TlsRequirementType,
} from "../../api/gen/envoy/config/route/v3/route_components_pb.js";
import type { RouteConfiguration } from "../../api/gen/envoy/config/route/v3/route_pb.js";
import type { UriTemplateMatchConfig } from "../../api/gen/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.js";
import {
	compileUriTemplate,
	type DirectResponseConfig,
	type PathMatch,
	type RedirectConfig,
	type RouteActionConfig,
	type RouteConfig,
	type RouteMatch,
	type RouteTableConfig,
	type VirtualHostConfig,
	VirtualHostIndex,
} from "../../engine/router/index.ts";
import { readBodyFormat } from "./body-format.ts";
import { readFilterConfigs } from "./filter-overrides.ts";
import {
	readHeaderMatchers,
	readMetadataMatchers,
	readQueryMatchers,
	readRegex,
	readRegexSubstitution,
	readStringMatcher,
} from "./matchers.ts";
import { readRateLimits } from "./rate-limits.ts";
import { readHedgePolicy, readRetryPolicy } from "./retry.ts";
import { readForwardAction, readMirrorPolicies } from "./route-action.ts";
import { type Scope, toWireText } from "./scope.ts";
import {
	readDataSourceNow,
	readFormat,
	readHeaderMutations,
	readMetadata,
	readRuntimeFraction,
	unpackExtension,
} from "./values.ts";

const defaultMaxDirectResponseBytes = 4096;

/** Translates a route configuration. `validateClusters` is what the message's unset field means: true inline, false over RDS. */
export function readRouteConfiguration(
	message: RouteConfiguration,
	scope: Scope,
	validateClusters: boolean,
): RouteTableConfig {
	const maxBodyBytes = message.maxDirectResponseBodySizeBytes ?? defaultMaxDirectResponseBytes;
	const table: RouteTableConfig = {
		name: message.name,
		virtualHosts: message.virtualHosts.map((host, index) =>
			readVirtualHost(host, scope.at("virtual_hosts", index), maxBodyBytes),
		),
		ignorePortInHostMatching: message.ignorePortInHostMatching,
		ignorePathParameters: message.ignorePathParametersInPathMatching,
		virtualHostHeader: message.vhostHeader.toLowerCase(),
		mostSpecificHeaderMutationsWins: message.mostSpecificHeaderMutationsWins,
		internalOnlyHeaders: message.internalOnlyHeaders.map((name) => name.toLowerCase()),
		headers: readHeaderMutations(message, scope),
		mirrorPolicies: readMirrorPolicies(message.requestMirrorPolicies, scope),
		filterConfigs: readFilterConfigs(message.typedPerFilterConfig, scope),
		metadata: readMetadata(message.metadata),
	};
	checkUniqueHosts(message, scope);
	if (message.validateClusters ?? validateClusters) checkClusters(table, scope);
	return table;
}

function checkUniqueHosts(message: RouteConfiguration, scope: Scope): void {
	const domains = new VirtualHostIndex<true>();
	for (const [index, host] of message.virtualHosts.entries()) {
		const at = scope.at("virtual_hosts", index);
		for (const [position, domain] of host.domains.entries()) {
			if (!domains.add(domain, true)) at.at("domains", position).report(`duplicate domain ${domain}`);
		}
	}
}

function checkClusters(table: RouteTableConfig, scope: Scope): void {
	const { hasCluster } = scope.options;
	if (hasCluster === undefined) return;
	for (const [hostIndex, host] of table.virtualHosts.entries()) {
		for (const [routeIndex, { action }] of host.routes.entries()) {
			if (action.kind !== "forward") continue;
			const at = scope.at("virtual_hosts", hostIndex).at("routes", routeIndex).at("route");
			const check = (name: string, place: Scope): void => {
				if (name !== "" && !hasCluster(name)) place.report(`unknown cluster '${name}'`);
			};
			if (action.cluster.kind === "name") check(action.cluster.name, at.at("cluster"));
			if (action.cluster.kind === "weighted") {
				for (const [index, weighted] of action.cluster.clusters.entries()) {
					check(weighted.name, at.at("weighted_clusters").at("clusters", index).at("name"));
				}
			}
			for (const [index, mirror] of action.mirrorPolicies.entries()) {
				check(mirror.cluster, at.at("request_mirror_policies", index).at("cluster"));
			}
		}
	}
}

const tlsRequirements: Readonly<Record<number, VirtualHostConfig["requireTls"]>> = {
	[VirtualHost_TlsRequirementType.NONE]: "none",
	[VirtualHost_TlsRequirementType.EXTERNAL_ONLY]: "external-only",
	[VirtualHost_TlsRequirementType.ALL]: "all",
};

function readVirtualHost(message: VirtualHost, scope: Scope, maxBodyBytes: number): VirtualHostConfig {
	return {
		name: message.name,
		domains: message.domains,
		routes: message.routes.map((route, index) => readRoute(route, scope.at("routes", index), maxBodyBytes)),
		requireTls: tlsRequirements[message.requireTls] ?? "none",
		virtualClusters: message.virtualClusters.map((cluster, index) => ({
			name: cluster.name,
			headers: readHeaderMatchers(cluster.headers, scope.at("virtual_clusters", index), "headers"),
		})),
		headers: readHeaderMutations(message, scope),
		includeRequestAttemptCount: message.includeRequestAttemptCount,
		includeAttemptCountInResponse: message.includeAttemptCountInResponse,
		includeIsTimeoutRetryHeader: message.includeIsTimeoutRetryHeader,
		retryPolicy: readRetryPolicy(message.retryPolicy, scope.at("retry_policy")),
		hedgePolicy: readHedgePolicy(message.hedgePolicy),
		mirrorPolicies: readMirrorPolicies(message.requestMirrorPolicies, scope),
		requestBufferLimitBytes: readBufferLimit(message),
		filterConfigs: readFilterConfigs(message.typedPerFilterConfig, scope),
		metadata: readMetadata(message.metadata),
		rateLimits: readRateLimits(message.rateLimits, scope),
	};
}

function readRoute(message: Route, scope: Scope, maxBodyBytes: number): RouteConfig {
	return {
		name: message.name,
		match: readRouteMatch(message.match, scope.at("match")),
		action: readAction(message, scope, maxBodyBytes),
		metadata: readMetadata(message.metadata),
		decoratorOperation: message.decorator?.operation ?? "",
		decoratorPropagate: message.decorator?.propagate ?? true,
		headers: readHeaderMutations(message, scope),
		requestBufferLimitBytes: readBufferLimit(message),
		statPrefix: message.statPrefix,
		filterConfigs: readFilterConfigs(message.typedPerFilterConfig, scope),
	};
}

/** The newer field wins. */
function readBufferLimit(message: {
	requestBodyBufferLimit?: bigint | undefined;
	perRequestBufferLimitBytes?: number | undefined;
}): number {
	const { requestBodyBufferLimit: limit } = message;
	return limit === undefined ? (message.perRequestBufferLimitBytes ?? -1) : Number(limit);
}

function readAction(message: Route, scope: Scope, maxBodyBytes: number): RouteActionConfig {
	const { action } = message;
	switch (action.case) {
		case "route":
			return readForwardAction(action.value, message.match, scope.at("route"));
		case "redirect":
			return readRedirect(action.value, scope.at("redirect"));
		case "directResponse":
			return readDirectResponse(action.value, scope.at("direct_response"), maxBodyBytes);
		default:
			return { kind: "non-forwarding" };
	}
}

export function readRouteMatch(message: RouteMatchMessage | undefined, scope: Scope): RouteMatch {
	return {
		path: readPathMatch(message, scope),
		runtimeFraction: readRuntimeFraction(message?.runtimeFraction),
		headers: readHeaderMatchers(message?.headers ?? [], scope, "headers"),
		queryParameters: readQueryMatchers(message?.queryParameters ?? [], scope, "query_parameters"),
		grpc: message?.grpc !== undefined,
		tls:
			message?.tlsContext === undefined
				? undefined
				: { presented: message.tlsContext.presented, validated: message.tlsContext.validated },
		dynamicMetadata: readMetadataMatchers(message?.dynamicMetadata ?? [], scope, "dynamic_metadata"),
		cookies: (message?.cookies ?? []).map(({ name, stringMatch, invertMatch }, index) => ({
			name,
			matcher: readStringMatcher(stringMatch, scope.at("cookies", index).at("string_match")),
			invert: invertMatch,
		})),
		filterState: (message?.filterState ?? []).flatMap(({ key, matcher }, index) => {
			if (matcher.case !== "stringMatch") return [];
			const at = scope.at("filter_state", index).at("string_match");
			return [{ key, matcher: readStringMatcher(matcher.value, at) }];
		}),
	};
}

function readPathMatch(message: RouteMatchMessage | undefined, scope: Scope): PathMatch {
	const specifier = message?.pathSpecifier;
	const ignoreCase = message?.caseSensitive === false;
	const fold = (text: string): string => (ignoreCase ? toWireText(text).toLowerCase() : toWireText(text));
	switch (specifier?.case) {
		case "prefix":
			return { kind: "prefix", value: fold(specifier.value), ignoreCase };
		case "path":
			return { kind: "exact", value: fold(specifier.value), ignoreCase };
		case "pathSeparatedPrefix":
			return { kind: "separated-prefix", value: fold(specifier.value), ignoreCase };
		case "safeRegex":
			return { kind: "regex", regex: readRegex(specifier.value, scope.at("safe_regex")) };
		case "pathMatchPolicy":
			return readPathTemplate(specifier.value.typedConfig, scope.at("path_match_policy"));
		case "connectMatcher":
			return { kind: "connect" };
		default:
			return { kind: "prefix", value: "/", ignoreCase: false };
	}
}

function readPathTemplate(any: Any | undefined, scope: Scope): PathMatch {
	const config = unpackExtension(any, scope.at("typed_config"));
	const nothing = /(?!)/;
	if (config?.$typeName !== "envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig") {
		if (config !== undefined) scope.report(`path match policy ${config.$typeName} is not supported`);
		return { kind: "template", regex: nothing };
	}
	const compiled = compileUriTemplate(toWireText((config as UriTemplateMatchConfig).pathTemplate));
	if (!compiled.ok) scope.at("typed_config").at("path_template").report(compiled.problem);
	return { kind: "template", regex: compiled.ok ? compiled.value.regex : nothing };
}

const redirectStatuses: Readonly<Record<number, number>> = {
	[RedirectAction_RedirectResponseCode.MOVED_PERMANENTLY]: 301,
	[RedirectAction_RedirectResponseCode.FOUND]: 302,
	[RedirectAction_RedirectResponseCode.SEE_OTHER]: 303,
	[RedirectAction_RedirectResponseCode.TEMPORARY_REDIRECT]: 307,
	[RedirectAction_RedirectResponseCode.PERMANENT_REDIRECT]: 308,
};

function readRedirect(message: RedirectAction, scope: Scope): RedirectConfig {
	const scheme = message.schemeRewriteSpecifier;
	return {
		kind: "redirect",
		status: redirectStatuses[message.responseCode] ?? 301,
		scheme: scheme.case === "schemeRedirect" ? scheme.value : "",
		https: scheme.case === "httpsRedirect" && scheme.value,
		host: toWireText(message.hostRedirect),
		port: message.portRedirect,
		path: readRedirectPath(message, scope),
		stripQuery: message.stripQuery,
	};
}

function readRedirectPath(message: RedirectAction, scope: Scope): RedirectConfig["path"] {
	const specifier = message.pathRewriteSpecifier;
	switch (specifier.case) {
		case "pathRedirect":
			return specifier.value === "" ? undefined : { kind: "path", value: toWireText(specifier.value) };
		case "pathRewrite":
			return { kind: "format", value: readFormat(specifier.value, scope.at("path_rewrite"), "") };
		case "prefixRewrite":
			return { kind: "prefix", replacement: toWireText(specifier.value) };
		case "regexRewrite":
			return { kind: "regex", ...readRegexSubstitution(specifier.value, scope.at("regex_rewrite")) };
		default:
			return undefined;
	}
}

function readDirectResponse(message: DirectResponseAction, scope: Scope, maxBodyBytes: number): DirectResponseConfig {
	const body = readDataSourceNow(message.body, scope.at("body")) ?? new Uint8Array(0);
	if (body.length > maxBodyBytes) {
		scope.at("body").report(`response body size is ${body.length} bytes; maximum is ${maxBodyBytes}`);
	}
	return {
		kind: "direct-response",
		status: message.status,
		body,
		bodyFormat: readBodyFormat(message.bodyFormat, scope.at("body_format")),
	};
}
