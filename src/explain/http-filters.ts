import type { ObjectRef, Provenance } from "../control/provenance/index.ts";
import { authorizerGuardName } from "../control/translate/index.ts";
import { getHeader } from "../core/index.ts";
import type { FaultConfig } from "../engine/fault/index.ts";
import { matchMetadata, matchRequestHeaders, matchString } from "../engine/matcher/index.ts";
import type { RouteEntry } from "../engine/router/index.ts";
import { computeShare, emptyRuntime } from "../engine/runtime/index.ts";
import type { ExtAuthzConfig, HttpFilterConfig, HttpFilterOverride } from "../proxy/runtime-config/index.ts";
import { explainRbac } from "./authorization.ts";
import type { Ending, PolicyExplanation, TokenExplanation } from "./explanation.ts";
import type { PreparedRequest } from "./http-request.ts";
import { explainLimit } from "./limits.ts";
import type { ProxyView } from "./proxy-view.ts";
import { judgeTokens } from "./token.ts";

/** What filters need to know beside the request. */
export interface FilterContext {
	readonly proxy: ProxyView;
	readonly provenance: Provenance;
	readonly claims: Readonly<Record<string, unknown>> | undefined;
	readonly external: "allow" | "deny";
	readonly nowSeconds: number;
	/** The rules of RequestAuthentications behind the providers of tokens. */
	readonly tokenRules: readonly ObjectRef[];
	/** The ALLOW policies of the instance, whether a rule of them can match or not. */
	readonly allowPolicies: readonly ObjectRef[];
	/** Whose policies are judged, for messages: `orders`. */
	readonly name: string;
}

/** What filters came to. */
export interface FilterResult {
	readonly policies: PolicyExplanation[];
	tokens?: TokenExplanation;
	readonly faults: string[];
	readonly notes: string[];
	/** Routes are looked for again: filters wrote what they match on. */
	isRouteStale: boolean;
	end?: Ending;
}

/** Runs a chain's filters over a request in their order, up to the one that ends it. */
export function runFilters(
	filters: readonly HttpFilterConfig[],
	{ request, stream }: PreparedRequest,
	entry: RouteEntry | undefined,
	context: FilterContext,
): FilterResult {
	const result: FilterResult = { policies: [], faults: [], notes: [], isRouteStale: false };
	for (const filter of filters) {
		if (result.end !== undefined) break;
		const override = entry?.filterConfigs.get(filter.name) as HttpFilterOverride | undefined;
		if (override?.kind === "disabled" || (filter.disabled && override === undefined)) continue;
		// Routes and listeners are of one snapshot here: it never refuses.
		if (filter.name === authorizerGuardName) continue;
		switch (filter.kind) {
			case "rbac":
				judgePolicies(filter.config, override, { request, stream }, result, context);
				break;
			case "jwt-authn": {
				if (filter.config.bypassCorsPreflight && isPreflight(request)) break;
				const judged = judgeTokens(
					filter.config,
					request,
					stream,
					context.claims,
					context.nowSeconds,
					context.tokenRules,
				);
				if (judged === undefined) break;
				const { payloads, clearsRouteCache, ...tokens } = judged;
				result.tokens = tokens;
				if (tokens.status !== "OK") {
					result.end = refuseToken(tokens, context);
					break;
				}
				const values = Object.fromEntries(payloads.map(({ key, payload }) => [key, payload]));
				if (payloads.length > 0) addMetadata(stream, "envoy.filters.http.jwt_authn", values);
				result.isRouteStale ||= clearsRouteCache;
				break;
			}
			case "ext-authz":
				askProvider(filter.config, stream, result, context);
				break;
			case "fault":
				injectFault(override?.kind === "fault" ? override.config : filter.config, { request, stream }, result);
				break;
			case "cors":
				if (override?.kind === "cors") answerPreflight(override.config, { request, stream }, result);
				break;
			case "local-rate-limit":
			case "rate-limit-quota": {
				const told = explainLimit(filter, { request, stream }, context.provenance);
				if (told !== undefined) result.notes.push(told);
				break;
			}
			case "rate-limit":
				result.notes.push(`requests may be limited (filter ${filter.name})`);
				break;
			default:
				break;
		}
	}
	return result;
}

function judgePolicies(
	config: Parameters<typeof explainRbac>[0],
	override: HttpFilterOverride | undefined,
	{ stream }: PreparedRequest,
	result: FilterResult,
	{ provenance, name, allowPolicies }: FilterContext,
): void {
	const active = override?.kind === "rbac" ? override.config : config;
	if (active === undefined) return;
	const explained = explainRbac(active, stream, provenance);
	result.policies.push(...explained);
	for (const { action, policy } of explained)
		if (action === "CUSTOM" && policy !== undefined)
			addMetadata(stream, "envoy.filters.http.rbac", {
				[`${active.shadowRulesStatPrefix}shadow_effective_policy_id`]: policy,
			});
	const denying = explained.find(({ isDryRun, verdict }) => !isDryRun && verdict === "denied");
	if (denying !== undefined) result.end = describeDenial(denying, name, 403, allowPolicies);
}

/** Why a policy denies, and what to change.
 *  @param status 0 for a connection that is closed */
export function describeDenial(
	policy: PolicyExplanation,
	name: string,
	status: number,
	allowPolicies: readonly ObjectRef[],
): Ending {
	const head = { outcome: "denied" as const, status, ...(status === 403 && { flags: "-" }) };
	if (policy.object !== undefined || policy.action === "DENY") {
		const { object } = policy;
		const what =
			object === undefined
				? (policy.policy ?? "a policy")
				: `${object.kind} ${object.namespace}/${object.name} ${object.path}`;
		return {
			...head,
			summary: `denied by ${what} (${policy.action}) in front of ${name}`,
			fix: `change ${what}, so that it does not match this call`,
			because: object === undefined ? [] : [object],
		};
	}
	const rules = policy.rules.filter(({ failed }) => failed.length > 0);
	const nearest = [...rules].sort((a, b) => countConditions(a.failed) - countConditions(b.failed))[0];
	const tried = rules.flatMap(({ object }) => object ?? []);
	if (nearest === undefined)
		return {
			...head,
			summary: `denied: there are ALLOW policies in front of ${name} and none has a rule that could match here`,
			fix: "add an ALLOW rule for this caller",
			because: allowPolicies,
		};
	const where =
		nearest.object === undefined
			? nearest.policy
			: `${nearest.object.kind} ${nearest.object.namespace}/${nearest.object.name} ${nearest.object.path}`;
	return {
		...head,
		summary: `denied: no ALLOW policy in front of ${name} matches; the nearest is ${where}, which wants ${nearest.failed.join(" and ")}`,
		fix: `change ${where}, or add an ALLOW rule for this caller`,
		because: nearest.object === undefined ? tried : [nearest.object, ...tried.filter((one) => one !== nearest.object)],
	};
}

function countConditions(failed: readonly string[]): number {
	return failed.reduce((sum, text) => sum + text.split(" and ").length, 0);
}

function refuseToken({ status, requirement, objects }: TokenExplanation, { name }: FilterContext): Ending {
	return {
		outcome: "denied",
		status: status === "Audiences in Jwt are not allowed" ? 403 : 401,
		summary: `denied: ${status} (${name} wants ${requirement})`,
		fix: "send a token that the RequestAuthentication admits, or change its rules",
		because: objects,
	};
}

function askProvider(
	config: ExtAuthzConfig,
	stream: PreparedRequest["stream"],
	result: FilterResult,
	context: FilterContext,
): void {
	if (config.enabledMetadata !== undefined && !matchMetadata(config.enabledMetadata, stream.dynamicMetadata)) return;
	const custom = result.policies.find(({ action, verdict }) => action === "CUSTOM" && verdict === "matched");
	const because = custom?.object === undefined ? [] : [custom.object];
	const { service } = config;
	const target = service.kind === "http" ? undefined : service.service.target;
	const cluster = service.kind === "http" ? service.cluster : target?.kind === "cluster" ? target.name : undefined;
	const who = `the external authorization service ${describeProvider(cluster, context)}`;
	if (cluster !== undefined && context.proxy.cluster(cluster) === undefined && !config.allowsFailure) {
		result.end = {
			outcome: "denied",
			status: config.statusOnError,
			flags: "UAEX",
			summary: `denied: ${who} is not known to the proxy`,
			fix:
				custom === undefined
					? "correct the backendRef of the route's ExternalAuth filter"
					: "correct the service of the extension provider in MeshConfig",
			because,
		};
		return;
	}
	const how = service.kind === "http" ? "HTTP" : "gRPC";
	result.notes.push(`${who} is asked over ${how}; taken to ${context.external === "deny" ? "deny" : "allow"}`);
	if (context.external === "deny")
		result.end = {
			outcome: "denied",
			status: 403,
			flags: "UAEX",
			summary: `denied by ${who}`,
			fix: `ask it why, or change ${custom === undefined ? "the route's ExternalAuth filter" : "the CUSTOM policy"}`,
			because,
		};
}

/** `Service shop/auth port 80`, for a cluster that is known. */
function describeProvider(cluster: string | undefined, { provenance }: FilterContext): string {
	if (cluster === undefined) return "that the filter names";
	const [object] = provenance.ofCluster(cluster);
	if (object === undefined) return cluster;
	const { kind, namespace, name } = object;
	return `${kind} ${namespace}/${name} port ${cluster.split("|")[1]}`;
}

function injectFault({ delay, abort, headers }: FaultConfig, { request }: PreparedRequest, result: FilterResult): void {
	if (!matchRequestHeaders(headers, request)) return;
	if (delay?.fixedMs !== undefined) {
		const share = computeShare(delay.fraction, emptyRuntime);
		if (share > 0) result.faults.push(`${formatShare(share)} wait ${delay.fixedMs} ms`);
	}
	if (abort === undefined || abort.status.kind === "header") return;
	const share = computeShare(abort.fraction, emptyRuntime);
	if (share === 0) return;
	const status = abort.status.kind === "http" ? abort.status.status : 200;
	const text = abort.status.kind === "http" ? String(status) : `gRPC status ${abort.status.status}`;
	result.faults.push(`${formatShare(share)} get ${text}`);
	if (share >= 1)
		result.end = {
			outcome: "answered",
			status,
			flags: "FI",
			summary: `the route injects a fault into every request: ${text}`,
			fix: "remove the fault from the route",
			because: [],
		};
}

function formatShare(share: number): string {
	return `${Number((Math.min(share, 1) * 100).toFixed(4))} %`;
}

function isPreflight({ method, headers }: PreparedRequest["request"]): boolean {
	return method === "OPTIONS" && ["origin", "access-control-request-method"].every((name) => getHeader(headers, name));
}

type CorsOverride = Extract<HttpFilterOverride, { readonly kind: "cors" }>["config"];

/** A preflight from an origin that the route allows is answered by the proxy, and so is any other unless it goes on. */
function answerPreflight(policy: CorsOverride, { request }: PreparedRequest, result: FilterResult): void {
	const origin = getHeader(request.headers, "origin");
	if (origin === undefined || !isPreflight(request) || computeShare(policy.enabled, emptyRuntime) < 1) return;
	const isAllowed = policy.allowOrigins.some((matcher) => matchString(matcher, origin));
	if (!isAllowed && policy.forwardNotMatchingPreflights !== false) return;
	result.end = {
		outcome: "answered",
		status: 200,
		summary: `the route's CORS policy answers the preflight (origin ${isAllowed ? "allowed" : "not allowed"})`,
		because: [],
	};
}

function addMetadata(
	stream: PreparedRequest["stream"],
	namespace: string,
	values: Readonly<Record<string, unknown>>,
): void {
	stream.dynamicMetadata ??= new Map();
	const before = (stream.dynamicMetadata.get(namespace) ?? {}) as Readonly<Record<string, unknown>>;
	stream.dynamicMetadata.set(namespace, { ...before, ...values });
}
