import type { MessageInitShape } from "@bufbuild/protobuf";
import {
	RouteAction_ClusterNotFoundResponseCode as NotFoundCode,
	type RouteActionSchema,
	type RouteSchema,
} from "../../api/gen/envoy/config/route/v3/route_components_pb.js";
import {
	type BackendRef,
	type Destination,
	formatObjectName,
	type Mirror,
	type ObjectName,
	type RouteMatch,
	type RouteRule,
} from "../../model/index.ts";
import type { Client } from "./client.ts";
import { type HostPolicy, resolveHostPolicy } from "./destination-rule.ts";
import { leavesMesh, markEgress } from "./egress-log.ts";
import { externalAuthConfig } from "./external-auth.ts";
import { translateHashPolicy } from "./load-balancer.ts";
import type { MeshIndex } from "./mesh-index.ts";
import { duration, fractionalPercent } from "./messages.ts";
import { hostOf, outboundClusterName } from "./names.ts";
import { resolveRetry } from "./retry.ts";
import { type RuleSemantics, translateHeaders, translateRedirect, translateRewrite } from "./route-filter.ts";
import { perFilterConfig } from "./route-per-filter.ts";
import { sessionConfig, splitCookie } from "./session-persistence.ts";

type RouteActionInit = Extract<MessageInitShape<typeof RouteActionSchema>, { readonly $typeName?: undefined }>;
type RouteInit = Extract<MessageInitShape<typeof RouteSchema>, { readonly $typeName?: undefined }>;

/** Where a rule is put to use. */
export interface RouteContext {
	readonly index: MeshIndex;
	readonly client: Client;
	/** Port of the listener, or of the service that was called. */
	readonly port: number;
	/** Whether clients speak TLS to the listener; false by default. */
	readonly isTls?: boolean;
	/** `mesh`, or `namespace/name` of the gateway. */
	readonly gateway: string;
	/** Whose rules it follows where they differ: a destination that is not there is a 503 in Istio, a 500 in the Gateway API. */
	readonly semantics: RuleSemantics;
	/** The object that the rule is of, for what is said of it. */
	readonly owner: ObjectName & { readonly kind: string };
}

/** What becomes of a request that matched: everything of a route but its match. */
export function translateRule(context: RouteContext, rule: RouteRule, match: RouteMatch): Partial<RouteInit> {
	const headers = translateHeaders(rule.requestHeaders, rule.responseHeaders);
	const authorization = resolveAuthorizer(context, rule);
	if (authorization.fault !== undefined) return { ...headers, ...refuse(context, rule, authorization.fault) };
	const { typedPerFilterConfig } = perFilterConfig(rule);
	const common = {
		...headers,
		typedPerFilterConfig: {
			...typedPerFilterConfig,
			...authorization.config,
			...sessionConfig(context.owner, rule, match),
		},
	};
	if (rule.redirect !== undefined)
		return {
			...common,
			action: {
				case: "redirect",
				value: translateRedirect(rule.redirect, match.path, context),
			},
		};
	if (rule.directResponse !== undefined) return { ...common, action: directResponse(rule.directResponse) };
	const backends = rule.backends.map((backend) => resolveBackend(context, backend));
	const weighted = backends.filter(({ backend }) => backend.weight > 0);
	if (context.semantics === "gateway-api" && !weighted.some(({ fault }) => fault === undefined))
		return { ...common, ...noBackend(context, rule, weighted) };
	const single = backends.length === 1 ? backends[0] : weighted.length === 1 ? weighted[0] : undefined;
	const leads = [
		...weighted,
		...(rule.mirrors ?? []).map((mirror) => resolveBackend(context, { ...mirror, weight: 1 })),
	];
	const isOutside = leads.some(({ host }) => leavesMesh(context.index, host));
	return {
		...common,
		...(isOutside && { typedPerFilterConfig: { ...common.typedPerFilterConfig, ...markEgress("allowed") } }),
		...(single !== undefined && mergeHeaders(headers, single.backend)),
		action: { case: "route", value: forward(context, rule, match, single === undefined ? weighted : [single]) },
	};
}

/** What asks the authorizer of a rule. Who cannot be asked cannot allow. */
function resolveAuthorizer(
	context: RouteContext,
	{ externalAuth }: RouteRule,
): { readonly config?: ReturnType<typeof externalAuthConfig>; readonly fault?: string } {
	if (externalAuth === undefined) return {};
	const config = externalAuthConfig(context.index, externalAuth);
	const { fault = config === undefined ? "no port" : undefined } = resolveBackend(context, {
		...externalAuth,
		weight: 1,
	});
	return fault === undefined ? { config } : { fault: `nobody can authorize requests: ${fault}` };
}

function forward(
	context: RouteContext,
	rule: RouteRule,
	match: RouteMatch,
	backends: readonly ResolvedBackend[],
): RouteActionInit {
	const hashes = backends.flatMap(
		({ policy, backend, port }) => findConsistentHash(policy, backend.subset, port) ?? [],
	);
	const single = backends.length === 1 ? backends[0]!.backend : undefined;
	const rewrite = { hostname: single?.hostname, ...rule.rewrite };
	return {
		clusterSpecifier: clusterSpecifier(backends, (cluster) => splitCookie(context.owner, rule, match, cluster)),
		// A share of a backend that does not exist is answered with 500 (Gateway API) or 503 (Istio).
		...(context.semantics === "gateway-api" && { clusterNotFoundResponseCode: NotFoundCode.INTERNAL_SERVER_ERROR }),
		timeout: duration(rule.timeoutMs ?? 0),
		// A gRPC client's own deadline counts, up to the route's.
		maxGrpcTimeout: duration(rule.timeoutMs ?? 0),
		...retryPolicy(context, rule, hashes.length > 0),
		...translateRewrite(
			{
				...(rewrite.hostname !== undefined && { hostname: rewrite.hostname }),
				...(rewrite.path !== undefined && { path: rewrite.path }),
			},
			match.path,
		),
		requestMirrorPolicies: (rule.mirrors ?? []).flatMap((mirror) => mirrorPolicy(context, mirror) ?? []),
		hashPolicy: hashes.map(translateHashPolicy),
	};
}

function retryPolicy({ index }: RouteContext, rule: RouteRule, isHashed: boolean): Partial<RouteActionInit> {
	const retry = resolveRetry(index.mesh.settings, rule.retry, rule.backendTimeoutMs, isHashed);
	return retry === undefined ? {} : { retryPolicy: retry };
}

function mirrorPolicy(context: RouteContext, mirror: Mirror) {
	const { cluster, fault } = resolveBackend(context, { ...mirror, weight: 1 });
	if (fault !== undefined) return undefined;
	return {
		cluster,
		runtimeFraction: { defaultValue: fractionalPercent(mirror.percent) },
		traceSampled: false,
		// What is mirrored says what it was sent to.
		disableShadowHostSuffixAppend: true,
	};
}

/** A backend with the cluster it means. */
interface ResolvedBackend {
	readonly backend: BackendRef;
	readonly cluster: string;
	/** Empty where it names none. */
	readonly host: string;
	readonly port: number;
	readonly policy: HostPolicy | undefined;
	/** Why the backend cannot be used. */
	readonly fault?: string;
}

function resolveBackend(context: RouteContext, backend: BackendRef): ResolvedBackend {
	const { index, client } = context;
	const { destination } = backend;
	if (destination.kind === "unusable")
		return { backend, cluster: "", host: "", port: 0, policy: undefined, fault: destination.reason };
	const service = findDestination(index, client, destination);
	const named = destination.kind === "service" ? hostOf(destination.service, index.mesh.settings) : destination.host;
	const host = service?.aliasOf ?? named;
	const port = backend.port ?? (usesRequestPort(context) ? context.port : portOf(service, context.port));
	const cluster = outboundClusterName(host, port, backend.subset);
	const name =
		destination.kind === "service" ? `Service ${formatObjectName(destination.service)}` : `host ${destination.host}`;
	if (service === undefined) return { backend, cluster, host, port, policy: undefined, fault: `no ${name}` };
	const policy = resolveHostPolicy(index, named, service.namespace, client);
	const hasPort = service.ports.some((candidate) => candidate.port === port);
	return { backend, cluster, host, port, policy, ...(!hasPort && { fault: `${name} has no port ${port}` }) };
}

/** The service a destination names, as the client sees it. */
export function findDestination(
	index: MeshIndex,
	client: Client,
	destination: Exclude<Destination, { readonly kind: "unusable" }>,
) {
	return destination.kind === "service"
		? index.service(destination.service)
		: index.serviceByHost(destination.host, client.namespace);
}

/** A sidecar of captured traffic sends to the port that the client connected to, whatever ports the destination has (Istio). */
function usesRequestPort({ client, gateway, semantics }: RouteContext): boolean {
	return client.isCaptured && gateway === "mesh" && semantics === "istio";
}

/** A backend without a port means the request's, or the only one. */
function portOf(service: { readonly ports: readonly { readonly port: number }[] } | undefined, port: number): number {
	return service?.ports.length === 1 ? service.ports[0]!.port : port;
}

/** What requests to a cluster are hashed by: said for the subset's port, the subset, the port, the host (Istio). */
export function findConsistentHash(policy: HostPolicy | undefined, subset: string | undefined, port: number) {
	const own = policy?.subsets.find(({ name }) => name === subset)?.trafficPolicy;
	return (
		own?.portLevel?.[port]?.loadBalancer?.consistentHash ??
		own?.loadBalancer?.consistentHash ??
		policy?.trafficPolicy.portLevel?.[port]?.loadBalancer?.consistentHash ??
		policy?.trafficPolicy.loadBalancer?.consistentHash
	);
}

/** @param cookieOf what an answer of one of several backends sets */
function clusterSpecifier(
	backends: readonly ResolvedBackend[],
	cookieOf: (cluster: string) => string | undefined,
): RouteActionInit["clusterSpecifier"] {
	if (backends.length === 1) return { case: "cluster", value: backends[0]!.cluster };
	return {
		case: "weightedClusters",
		value: {
			clusters: backends.map(({ backend, cluster }) => ({
				name: cluster === "" ? unusableCluster : cluster,
				weight: backend.weight,
				...withCookie(translateHeaders(backend.requestHeaders, backend.responseHeaders), cookieOf(cluster)),
				...(backend.hostname !== undefined && {
					hostRewriteSpecifier: { case: "hostRewriteLiteral" as const, value: backend.hostname },
				}),
			})),
		},
	};
}

function withCookie(headers: ReturnType<typeof translateHeaders>, cookie: string | undefined) {
	if (cookie === undefined) return headers;
	const { responseHeadersToAdd } = translateHeaders(undefined, { set: [], add: [["set-cookie", cookie]], remove: [] });
	return { ...headers, responseHeadersToAdd: [...headers.responseHeadersToAdd, ...responseHeadersToAdd] };
}

/** Stands for a backend that may not be used: there is never such a cluster. */
const unusableCluster = "unusable_backend";

function directResponse({ status, body }: NonNullable<RouteRule["directResponse"]>): RouteInit["action"] {
	return {
		case: "directResponse",
		value: {
			status,
			...(body !== undefined && {
				body: {
					specifier:
						typeof body === "string"
							? { case: "inlineString" as const, value: body }
							: { case: "inlineBytes" as const, value: body },
				},
			}),
		},
	};
}

/** Status 500, saying why (Gateway API: no usable backend). */
function noBackend(context: RouteContext, rule: RouteRule, weighted: readonly ResolvedBackend[]): Partial<RouteInit> {
	const faults = weighted.map(({ fault }) => fault).filter((fault) => fault !== undefined);
	const why =
		faults.length > 0 ? faults.join(", ") : rule.backends.length > 0 ? "every weight is 0" : "the rule has no backend";
	return refuse(context, rule, why);
}

function refuse({ owner }: RouteContext, rule: RouteRule, why: string): Partial<RouteInit> {
	const body = `${owner.kind} ${owner.namespace}/${owner.name} ${rule.path}: ${why}\n`;
	return { action: directResponse({ status: 500, body: body.slice(0, 4000) }) };
}

/** Header changes of the only backend of a rule, after the rule's own. */
function mergeHeaders(
	rule: ReturnType<typeof translateHeaders>,
	backend: BackendRef,
): ReturnType<typeof translateHeaders> {
	const own = translateHeaders(backend.requestHeaders, backend.responseHeaders);
	return {
		requestHeadersToAdd: [...rule.requestHeadersToAdd, ...own.requestHeadersToAdd],
		requestHeadersToRemove: [...rule.requestHeadersToRemove, ...own.requestHeadersToRemove],
		responseHeadersToAdd: [...rule.responseHeadersToAdd, ...own.responseHeadersToAdd],
		responseHeadersToRemove: [...rule.responseHeadersToRemove, ...own.responseHeadersToRemove],
	};
}
