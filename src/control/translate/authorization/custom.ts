import type { MessageInitShape } from "@bufbuild/protobuf";
import { ApiVersion } from "../../../api/gen/envoy/config/core/v3/config_source_pb.js";
import type { GrpcServiceSchema } from "../../../api/gen/envoy/config/core/v3/grpc_service_pb.js";
import { ExtAuthzSchema as HttpExtAuthzSchema } from "../../../api/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js";
import { RBACSchema as HttpRbacSchema } from "../../../api/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js";
import { ExtAuthzSchema as NetworkExtAuthzSchema } from "../../../api/gen/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.js";
import { RBACSchema as NetworkRbacSchema } from "../../../api/gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js";
import type { AuthorizationPolicy, ExtensionProvider } from "../../../model/index.ts";
import type { HttpFilterInit } from "../http-connection-manager.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { duration, extension, stringMatcher } from "../messages.ts";
import { outboundClusterName } from "../names.ts";
import { compilePolicies, type EnforcementPoint } from "./policies.ts";

const shadowPrefix = "istio_ext_authz_";

/** For each provider a filter that finds out which rule matches, and one that asks the provider when one does. What names an unknown
 *  provider is denied (Istio). */
export function customHttpFilters(
	index: MeshIndex,
	policies: readonly AuthorizationPolicy[],
	point: EnforcementPoint,
): HttpFilterInit[] {
	return groupByProvider(index, policies).flatMap(({ name, provider, enforced, tried }) => {
		if (provider === undefined) {
			if (enforced.length === 0) return [];
			const rules = compilePolicies(index, enforced, "CUSTOM", point, (rule) => `${ruleName(name, rule)}${badSuffix}`);
			return [extension("envoy.filters.http.rbac", HttpRbacSchema, { rules })];
		}
		const shadowRules = compilePolicies(index, enforced, "CUSTOM", point, (rule) => ruleName(name, rule));
		const dryRun =
			tried.length === 0
				? []
				: [
						extension("envoy.filters.http.rbac", HttpRbacSchema, {
							shadowRules: compilePolicies(index, tried, "CUSTOM", point, (rule) => ruleName(name, rule)),
							shadowRulesStatPrefix: "istio_dry_run_custom_",
						}),
					];
		if (enforced.length === 0) return dryRun;
		return [
			...dryRun,
			extension("envoy.filters.http.rbac", HttpRbacSchema, { shadowRules, shadowRulesStatPrefix: shadowPrefix }),
			extension("envoy.filters.http.ext_authz", HttpExtAuthzSchema, translateProvider(name, provider)),
		];
	});
}

/** The same for connections. A provider that is asked over HTTP has nothing to say of them (Istio). */
export function customNetworkFilters(
	index: MeshIndex,
	policies: readonly AuthorizationPolicy[],
	point: EnforcementPoint,
	statPrefix: string,
) {
	return groupByProvider(index, policies).flatMap(({ name, provider, enforced }) => {
		if (enforced.length === 0 || provider?.protocol === "http") return [];
		if (provider === undefined) {
			const rules = compilePolicies(index, enforced, "CUSTOM", point, (rule) => `${ruleName(name, rule)}${badSuffix}`);
			return [extension("envoy.filters.network.rbac", NetworkRbacSchema, { statPrefix, rules })];
		}
		return [
			extension("envoy.filters.network.rbac", NetworkRbacSchema, {
				statPrefix,
				shadowRules: compilePolicies(index, enforced, "CUSTOM", point, (rule) => ruleName(name, rule)),
				shadowRulesStatPrefix: shadowPrefix,
			}),
			extension("envoy.filters.network.ext_authz", NetworkExtAuthzSchema, {
				statPrefix,
				failureModeAllow: provider.failOpen,
				transportApiVersion: ApiVersion.V3,
				grpcService: grpcService(provider),
				filterEnabledMetadata: matchedRule("envoy.filters.network.rbac", name),
			}),
		];
	});
}

/** The clusters that policies of a mesh may ask. */
export function providerClusterName({ service, port }: ExtensionProvider): string {
	return outboundClusterName(service.slice(service.indexOf("/") + 1), port);
}

const badSuffix = "-deny-due-to-bad-CUSTOM-action";

function ruleName(provider: string, rule: string): string {
	return `istio-ext-authz-${provider}-${rule}`;
}

interface ProviderGroup {
	readonly name: string;
	readonly provider: ExtensionProvider | undefined;
	readonly enforced: readonly AuthorizationPolicy[];
	readonly tried: readonly AuthorizationPolicy[];
}

function groupByProvider(index: MeshIndex, policies: readonly AuthorizationPolicy[]): ProviderGroup[] {
	const { extensionProviders } = index.mesh.settings;
	const groups = Map.groupBy(policies, ({ provider }) => provider ?? "");
	return [...groups]
		.sort(([a], [b]) => (a < b ? -1 : 1))
		.map(([name, own]) => ({
			name,
			provider: extensionProviders.find((provider) => provider.name === name),
			enforced: own.filter(({ isDryRun }) => isDryRun !== true),
			tried: own.filter(({ isDryRun }) => isDryRun === true),
		}));
}

type ExtAuthzInit = Extract<MessageInitShape<typeof HttpExtAuthzSchema>, { readonly $typeName?: undefined }>;

function translateProvider(name: string, provider: ExtensionProvider): ExtAuthzInit {
	const { body, statusOnError, headersToCheck } = provider;
	return {
		transportApiVersion: ApiVersion.V3,
		failureModeAllow: provider.failOpen,
		clearRouteCache: provider.clearRouteCache,
		...(statusOnError !== undefined && { statusOnError: { code: statusOnError } }),
		...(body !== undefined && {
			withRequestBody: {
				maxRequestBytes: body.maxBytes,
				allowPartialMessage: body.allowPartial,
				packAsBytes: body.asBytes,
			},
		}),
		...(headersToCheck.length > 0 && { allowedHeaders: headerList(headersToCheck) }),
		filterEnabledMetadata: matchedRule("envoy.filters.http.rbac", name),
		services:
			provider.protocol === "http"
				? { case: "httpService", value: httpService(provider) }
				: { case: "grpcService", value: grpcService(provider) },
	};
}

function httpService(provider: ExtensionProvider) {
	const { additionalHeaders, headersUpstream, headersDownstreamOnDeny, headersDownstreamOnAllow } = provider;
	return {
		serverUri: {
			uri: `http://${provider.service.slice(provider.service.indexOf("/") + 1)}`,
			httpUpstreamType: { case: "cluster" as const, value: providerClusterName(provider) },
			timeout: duration(provider.timeoutMs),
		},
		pathPrefix: provider.pathPrefix,
		...(additionalHeaders.length > 0 && {
			authorizationRequest: {
				headersToAdd: additionalHeaders.map(([key, value]) => ({ key: key.toLowerCase(), value })),
			},
		}),
		authorizationResponse: {
			...(headersUpstream.length > 0 && { allowedUpstreamHeaders: headerList(headersUpstream) }),
			...(headersDownstreamOnDeny.length > 0 && { allowedClientHeaders: headerList(headersDownstreamOnDeny) }),
			...(headersDownstreamOnAllow.length > 0 && {
				allowedClientHeadersOnSuccess: headerList(headersDownstreamOnAllow),
			}),
		},
	};
}

function grpcService(provider: ExtensionProvider): MessageInitShape<typeof GrpcServiceSchema> {
	const clusterName = providerClusterName(provider);
	// A cluster's name is no authority: '|' is not allowed there.
	const authority = clusterName.replaceAll("|", "_.");
	return {
		targetSpecifier: { case: "envoyGrpc", value: { clusterName, authority } },
		timeout: duration(provider.timeoutMs),
	};
}

/** Names of headers, `x-*` and `*-x` for all that begin or end so. */
function headerList(names: readonly string[]) {
	const pattern = (name: string) => {
		if (name === "*") return stringMatcher("regex", ".+");
		if (name.startsWith("*")) return stringMatcher("suffix", name.slice(1), true);
		return name.endsWith("*") ? stringMatcher("prefix", name.slice(0, -1), true) : stringMatcher("exact", name, true);
	};
	return { patterns: names.map(pattern) };
}

/** Whether the filter before found a rule of this provider. */
function matchedRule(filter: string, provider: string) {
	return {
		filter,
		path: [{ segment: { case: "key" as const, value: `${shadowPrefix}shadow_effective_policy_id` } }],
		value: {
			matchPattern: {
				case: "stringMatch" as const,
				value: stringMatcher("prefix", ruleName(provider, "")),
			},
		},
	};
}
