import {
	type AuthorizationPolicy,
	formatObjectName,
	matchesLabels,
	type PolicyTarget,
	type RateLimitPolicy,
	type RequestAuthentication,
} from "../../../model/index.ts";
import { providerClusterName } from "../authorization/custom.ts";
import {
	authorizationHttpFilters,
	authorizationNetworkFilters,
	summarizeAuthorization,
} from "../authorization/filters.ts";
import { pathOptions } from "../inbound/inbound-filters.ts";
import { denialAccessLogs, inboundLocalReplies, triedAccessLogs } from "../local-reply.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { distinctByName, limitHttpFilters, limitsComparePaths } from "../rate-limit/filters.ts";
import { assumedRouters, policiesFor, policiesOnRoutes } from "../rate-limit/find.ts";
import { jwtHttpFilters } from "../request-authentication/jwt-filter.ts";
import { keySetClusterName } from "../request-authentication/key-set-cluster.ts";
import type { GatewayNode } from "./gateway-node.ts";
import type { Server } from "./server.ts";

/** The policies that servers of a proxy enforce: of its namespace and the root namespace, by selector, or by the Gateway they name. */
export interface GatewayPolicies {
	readonly authorizations: readonly AuthorizationPolicy[];
	readonly authentications: readonly RequestAuthentication[];
	readonly limits: readonly RateLimitPolicy[];
	/** For some of the routes. */
	readonly routeLimits: readonly RateLimitPolicy[];
}

export function findGatewayPolicies(index: MeshIndex, node: GatewayNode, servers: readonly Server[]): GatewayPolicies {
	const namespaces = [...new Set([index.mesh.settings.rootNamespace, node.namespace])];
	const covers = (policy: Covering): boolean =>
		policy.targets === undefined
			? policy.selector === undefined || matchesLabels(policy.selector, node.labels)
			: policy.targets.some((target) => servers.some((server) => isTarget(target, policy, server)));
	return {
		authorizations: namespaces.flatMap((namespace) => index.authorizationPoliciesIn(namespace)).filter(covers),
		authentications: namespaces.flatMap((namespace) => index.requestAuthenticationsIn(namespace)).filter(covers),
		routeLimits: policiesOnRoutes(
			index,
			servers.flatMap(({ attached }) => (attached?.httpRoutes ?? []).map(({ route }) => route)),
		),
		limits: policiesFor(index, node.namespace).filter(({ namespace, selector, targets }) =>
			targets === undefined
				? selector === undefined || matchesLabels(selector, node.labels)
				: targets.some(
						({ kind, name, sectionName }) =>
							kind === "Gateway" &&
							servers.some(
								({ gateway, owner, section }) =>
									gateway?.name === name &&
									gateway.namespace === namespace &&
									(sectionName === undefined || (sectionName === section && owner.kind === "Gateway")),
							),
					),
		),
	};
}

type Covering = Pick<AuthorizationPolicy, "namespace" | "selector" | "targets">;

function isTarget({ group, kind, name }: PolicyTarget, policy: Covering, { gateway }: Server): boolean {
	const isGateway = group === "gateway.networking.k8s.io" && kind === "Gateway";
	return isGateway && name === gateway?.name && policy.namespace === gateway.namespace;
}

/** What policies add to an HTTP connection manager. */
export function enforceHttp(
	index: MeshIndex,
	node: GatewayNode,
	{ authorizations, authentications, limits, routeLimits }: GatewayPolicies,
) {
	const { kind } = node;
	const place = {
		kind,
		audience: "outside" as const,
		node: `gateway ${formatObjectName(node)}`,
		proxiesOf: () => assumedRouters,
	};

	const { allowPolicies, isEnforced, comparesPaths } = summarizeAuthorization(authorizations);
	const tokenFilters = jwtHttpFilters(index, authentications, true);
	const denials = { allowPolicies, isEnforced, checksTokens: tokenFilters.length > 0 };
	return {
		filters: [
			...tokenFilters,
			...authorizationHttpFilters(index, authorizations, { port: { kind: "any" }, isTcp: false }),
			...distinctByName([
				...limitHttpFilters(index, limits, place),
				...limitHttpFilters(index, routeLimits, { ...place, onRoutes: true }),
			]),
		],
		accessLogs: [...denialAccessLogs(kind, denials), ...triedAccessLogs(authorizations)],
		options: {
			...pathOptions(
				index.mesh.settings.pathNormalization,
				comparesPaths || limitsComparePaths([...limits, ...routeLimits]),
			),
			localReplyConfig: inboundLocalReplies({
				kind,
				audience: "outside",
				allowPolicies,
				isEnforced,
				marksUnprocessed: false,
			}),
		},
	};
}

/** The network filters of policies before bytes are passed on. */
export function enforceStream(index: MeshIndex, { authorizations }: GatewayPolicies, statPrefix: string) {
	return authorizationNetworkFilters(index, authorizations, { port: { kind: "any" }, isTcp: true }, statPrefix);
}

/** The clusters that policies ask: external authorizers, and services that keys come from. */
export function clustersOfPolicies(index: MeshIndex, { authorizations, authentications }: GatewayPolicies): string[] {
	const names = new Set(authorizations.flatMap(({ provider }) => provider ?? []));
	const providers = index.mesh.settings.extensionProviders.filter(({ name }) => names.has(name));
	const keySets = authentications.flatMap(({ rules }) =>
		rules.flatMap(({ keys }) => (keys.kind === "remote" ? [keySetClusterName(index, keys.uri)] : [])),
	);
	return [...providers.map(providerClusterName), ...keySets];
}
