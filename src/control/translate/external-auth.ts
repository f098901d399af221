import { createHash } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { ApiVersion } from "../../api/gen/envoy/config/core/v3/config_source_pb.js";
import { RBAC_Action } from "../../api/gen/envoy/config/rbac/v3/rbac_pb.js";
import {
	ExtAuthzPerRouteSchema,
	ExtAuthzSchema,
} from "../../api/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js";
import { RBACPerRouteSchema, RBACSchema } from "../../api/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js";
import { ConfigSchema as SetMetadataSchema } from "../../api/gen/envoy/extensions/filters/http/set_metadata/v3/set_metadata_pb.js";
import type { ExternalAuth, HttpRoute, RouteRule, Service } from "../../model/index.ts";
import { listExternalAuths } from "./backend-shares.ts";
import type { HttpFilterInit } from "./http-connection-manager.ts";
import type { MeshIndex } from "./mesh-index.ts";
import { duration, extension, packAny, stringMatcher } from "./messages.ts";
import { hostOf, outboundClusterName } from "./names.ts";

const filterPrefix = "amime.external_auth.";
/** Namespace of the metadata that says which authorizers a listener has. */
const presence = "amime.external_auth";
const presenceFilterName = `${filterPrefix}here`;
/** Name of the filter that refuses what a listener could not ask about. */
export const authorizerGuardName = "amime.external_auth_guard";
/** What names its refusals, in response code details: `rbac_access_denied_matched_policy[no_external_authorizer_yet]`. */
const guardPolicy = "no_external_authorizer_yet";
/** What an authorizer may take; the Gateway API says nothing of it, and Envoy's own 200 ms is short for one that asks others. */
const timeoutMs = 10_000;

/** What asks the authorizers that routes name, behind what refuses when a listener does not have them. Routes come to connections that are
 *  open, filters do not: such a connection, and a listener that a proxy stays with since it refused its successor, would ask nobody. So
 *  every listener has the guard, off except where a route turns it on, and those with authorizers say which. */
export function externalAuthFilters(index: MeshIndex, routes: Iterable<HttpRoute>): HttpFilterInit[] {
	const filters = authorizerFilters(index, routes);
	return [...(filters.length === 0 ? [] : [presenceFilter(filters)]), guard, ...filters];
}

/** A filter for each authorizer that routes name, off except where a route turns it on: which headers an authorizer sees is said by
 *  the filter, not by the route, so that none can stand for two. */
function authorizerFilters(index: MeshIndex, routes: Iterable<HttpRoute>): HttpFilterInit[] {
	const filters = new Map<string, HttpFilterInit>();
	for (const { rules } of new Set(routes))
		for (const auth of rules.flatMap(listExternalAuths)) {
			const cluster = authorizerClusterName(index, auth);
			if (cluster === undefined) continue;
			const name = filterNameOf(auth, cluster);
			filters.set(name, { ...extension(name, ExtAuthzSchema, translateAuth(auth, cluster)), disabled: true });
		}
	return [...filters].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, filter]) => filter);
}

function presenceFilter(filters: readonly HttpFilterInit[]): HttpFilterInit {
	const value = Object.fromEntries(filters.map(({ name }) => [name, true]));
	return extension(presenceFilterName, SetMetadataSchema, {
		metadata: [{ metadataNamespace: presence, value, allowOverwrite: true }],
	});
}

const guard: HttpFilterInit = { ...extension(authorizerGuardName, RBACSchema, {}), disabled: true };

/** The rules that ask by a filter, by the field of the ExternalAuth where it can be told. */
export function findAskingRules(
	index: MeshIndex,
	filterName: string,
): { readonly route: HttpRoute; readonly path: string }[] {
	if (!filterName.startsWith(filterPrefix)) return [];
	return index.mesh.httpRoutes.flatMap((route) =>
		route.rules.flatMap((rule) => {
			const found = listExternalAuths(rule).find((auth) => {
				const cluster = authorizerClusterName(index, auth);
				return cluster !== undefined && filterNameOf(auth, cluster) === filterName;
			});
			return found === undefined ? [] : [{ route, path: pathOf(route, rule, found) }];
		}),
	);
}

function pathOf({ references }: HttpRoute, rule: RouteRule, { destination }: ExternalAuth): string {
	const suffix = ".backendRef";
	const own = references.find(
		({ path, namespace, name }) =>
			path.startsWith(`${rule.path}.`) &&
			path.endsWith(`.externalAuth${suffix}`) &&
			(destination.kind !== "service" ||
				(destination.service.namespace === namespace && destination.service.name === name)),
	);
	return own === undefined ? rule.path : own.path.slice(0, -suffix.length);
}

/** The routes of services, whoever they are for. */
export function routesOfServices(index: MeshIndex, services: Iterable<Service>): HttpRoute[] {
	return [...services].flatMap((service) => index.routesOf(service));
}

/** The clusters that routes ask. */
export function authorizerClusterNames(index: MeshIndex, routes: Iterable<HttpRoute>): string[] {
	const auths = [...routes].flatMap(({ rules }) => rules.flatMap(listExternalAuths));
	return [...new Set(auths.flatMap((auth) => authorizerClusterName(index, auth) ?? []))];
}

/** What the listeners depend on of all authorizers of a mesh: the same text while they stay the same. */
export function describeExternalAuths(index: MeshIndex): string {
	return index.remember("external auths", () =>
		authorizerFilters(index, index.mesh.httpRoutes)
			.map(({ name }) => name)
			.join(),
	);
}

/** What a route says to the filter of its authorizer; undefined where there is none. */
export function externalAuthConfig(index: MeshIndex, auth: ExternalAuth): Readonly<Record<string, Any>> | undefined {
	const cluster = authorizerClusterName(index, auth);
	if (cluster === undefined) return undefined;
	const name = filterNameOf(auth, cluster);
	return {
		[authorizerGuardName]: refuseWithout(name),
		[name]: packAny(ExtAuthzPerRouteSchema, { override: { case: "checkSettings", value: {} } }),
	};
}

/** Refuses requests of listeners that do not have a filter. */
function refuseWithout(filterName: string): Any {
	const isAbsent = {
		filter: presence,
		path: [{ segment: { case: "key" as const, value: filterName } }],
		value: { matchPattern: { case: "boolMatch" as const, value: true } },
		invert: true,
	};
	const policy = {
		permissions: [{ rule: { case: "any" as const, value: true } }],
		principals: [{ identifier: { case: "metadata" as const, value: isAbsent } }],
	};
	return packAny(RBACPerRouteSchema, {
		rbac: { rules: { action: RBAC_Action.DENY, policies: { [guardPolicy]: policy } } },
	});
}

/** Whether what a route says to filters asks an authorizer. */
export function asksAuthorizer(typedPerFilterConfig: Readonly<Record<string, unknown>>): boolean {
	return Object.keys(typedPerFilterConfig).some((name) => name.startsWith(filterPrefix));
}

function filterNameOf(auth: ExternalAuth, cluster: string): string {
	const { protocol, maxBodyBytes } = auth;
	const whole = JSON.stringify([cluster, protocol, maxBodyBytes]);
	return filterPrefix + createHash("sha256").update(whole).digest("hex").slice(0, 16);
}

/** Undefined for what can never be asked. */
function authorizerClusterName(index: MeshIndex, { destination, port }: ExternalAuth): string | undefined {
	if (destination.kind === "unusable" || port === undefined) return undefined;
	if (destination.kind === "host") return outboundClusterName(destination.host, port);
	const host = index.service(destination.service)?.aliasOf ?? hostOf(destination.service, index.mesh.settings);
	return outboundClusterName(host, port);
}

type ExtAuthzInit = Extract<MessageInitShape<typeof ExtAuthzSchema>, { readonly $typeName?: undefined }>;

function translateAuth({ protocol, maxBodyBytes }: ExternalAuth, cluster: string): ExtAuthzInit {
	return {
		transportApiVersion: ApiVersion.V3,
		statPrefix: "external_auth",
		...(maxBodyBytes !== undefined && { withRequestBody: { maxRequestBytes: maxBodyBytes } }),
		...(protocol.allowedHeaders.length > 0 && { allowedHeaders: headerList(protocol.allowedHeaders) }),
		...(protocol.kind === "http" && {
			decoderHeaderMutationRules: { disallowSystem: true, disallowExpression: { regex: ownHeaders } },
		}),
		services:
			protocol.kind === "grpc"
				? { case: "grpcService", value: grpcService(cluster) }
				: { case: "httpService", value: httpService(protocol, cluster) },
	};
}

function grpcService(clusterName: string) {
	// A cluster's name is no authority: '|' is not allowed there.
	const authority = clusterName.replaceAll("|", "_.");
	return {
		targetSpecifier: { case: "envoyGrpc" as const, value: { clusterName, authority } },
		timeout: duration(timeoutMs),
	};
}

function httpService(
	{ pathPrefix, allowedResponseHeaders }: Extract<ExternalAuth["protocol"], { readonly kind: "http" }>,
	cluster: string,
) {
	return {
		serverUri: {
			uri: `http://${cluster.slice(cluster.lastIndexOf("|") + 1)}`,
			httpUpstreamType: { case: "cluster" as const, value: cluster },
			timeout: duration(timeoutMs),
		},
		pathPrefix,
		authorizationResponse: {
			allowedUpstreamHeaders:
				allowedResponseHeaders.length > 0
					? headerList(allowedResponseHeaders)
					: { patterns: [stringMatcher("regex", "[^:].*")] },
		},
	};
}

/** What an answer says of its own connection and body: never true of the request. Short, for Envoy bounds the size of expressions;
 *  the host may not change by default. */
const ownHeaders = "connection|keep-alive|proxy-.*|te|trailer|transfer-.*|upgrade|content-.*";

function headerList(names: readonly string[]) {
	return { patterns: names.map((name) => stringMatcher("exact", name, true)) };
}
