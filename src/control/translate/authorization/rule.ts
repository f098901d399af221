import type {
	AuthorizationAction,
	AuthorizationCondition,
	AuthorizationOperation,
	AuthorizationRule,
	AuthorizationSource,
	InstancePort,
	ValueMatch,
	Workload,
} from "../../../model/index.ts";
import { isPortNumber } from "../port.ts";
import {
	type Algebra,
	authenticated,
	destinationIp,
	destinationPort,
	directRemoteIp,
	filterMetadata,
	type PermissionInit,
	type PrincipalInit,
	pathTemplate,
	permissions,
	principals,
	pseudoHeader,
	remoteIp,
	requestHeader,
	serverName,
	tokenClaim,
	tokenPrincipal,
	urlPath,
} from "./terms.ts";
import {
	matchAllowedPath,
	matchAllowedTemplate,
	matchHost,
	matchNamespace,
	matchPath,
	matchPrincipal,
	matchServiceAccount,
	matchTemplateWithParameters,
	matchText,
	matchTrustDomain,
} from "./value.ts";

/** Where rules are enforced: at one port of a workload, or at whatever port a connection was for. */
export type EnforcedPort =
	| { readonly kind: "one"; readonly port: InstancePort; readonly workload: Workload | undefined }
	| { readonly kind: "any" };

export interface RuleContext {
	readonly action: AuthorizationAction;
	/** Only connections are seen, no requests. */
	readonly isTcp: boolean;
	/** Values mean what they say and nothing more: no ports behind hosts, no parameters in paths (Istio). */
	readonly isExact: boolean;
	/** The mesh's own, and its aliases. */
	readonly trustDomains: readonly string[];
	/** Whether workloads of related trust domains may call as well. Their namespaces and service accounts are not ours: a rule that lets in
	 *  means our own, one that keeps out means any (Istio, where every trust domain has one root, always means any). */
	readonly hasRelations: boolean;
	/** Of the policy. */
	readonly namespace: string;
	readonly port: EnforcedPort;
}

export interface CompiledRule {
	readonly permissions: readonly PermissionInit[];
	readonly principals: readonly PrincipalInit[];
}

/** Compiles a rule; undefined when it can match nothing here: it is for other ports, an ALLOW rule asks connections what only requests
 *  have, or a condition is not known. Other actions leave out what connections do not have, and so match more (Istio). */
export function compileRule(rule: AuthorizationRule, context: RuleContext): CompiledRule | undefined {
	if (rule.when.some(({ key }) => findCondition(key) === undefined)) return undefined;
	const shared = conditionsOf(rule.when, context);
	const from = rule.from.length === 0 ? [[]] : rule.from.map((source) => sourceAttributes(source, context));
	const to = rule.to.length === 0 ? [[]] : rule.to.map((operation) => operationAttributes(operation, context));
	const compiledFrom = from.map((attributes) => conjoin(principals, [...attributes, ...shared.principals], context));
	const compiledTo = to.map((attributes) => conjoin(permissions, [...attributes, ...shared.permissions], context));
	if (compiledFrom.includes("refused") || compiledTo.includes("refused")) return undefined;
	const usable = compiledTo.filter((term) => term !== "never" && term !== "refused");
	if (usable.length === 0) return undefined;
	return { permissions: usable, principals: compiledFrom.filter((term) => term !== "never" && term !== "refused") };
}

/** One thing that is compared. */
interface Attribute<T> extends ValueMatch {
	/** Only requests have it. */
	readonly isOfRequests: boolean;
	/** `anyForm`: take what applications take for the same, because a match restricts. */
	compile(value: string, anyForm: boolean, restricts: boolean): readonly T[] | boolean;
}

function conjoin<T>(
	algebra: Algebra<T>,
	attributes: readonly Attribute<T>[],
	{ action, isTcp, isExact }: RuleContext,
): T | "never" | "refused" {
	const terms: T[] = [];
	for (const { values, notValues, isOfRequests, compile } of attributes) {
		if (values.length + notValues.length === 0) continue;
		if (isOfRequests && isTcp) {
			if (action === "ALLOW") return "refused";
			continue;
		}
		const isRestricting = action !== "ALLOW";
		const anyOf = (list: readonly string[], restricts: boolean): T | boolean => {
			const compiled = list.map((value) => compile(value, restricts && !isExact, restricts));
			if (compiled.includes(true)) return true;
			const known = compiled.flatMap((one) => (typeof one === "boolean" ? [] : one));
			return known.length > 0 && algebra.or(known);
		};
		if (values.length > 0) {
			const term = anyOf(values, isRestricting);
			if (term === false) return "never";
			if (term !== true) terms.push(term);
		}
		if (notValues.length > 0) {
			const term = anyOf(notValues, !isRestricting);
			if (term === true) return "never";
			if (term !== false) terms.push(algebra.not(term));
		}
	}
	return terms.length === 0 ? algebra.any : algebra.and(terms);
}

function sourceAttributes(source: AuthorizationSource, context: RuleContext): Attribute<PrincipalInit>[] {
	const { trustDomains, namespace } = context;
	return [
		{
			...source.principals,
			isOfRequests: false,
			compile: (value) => matchPrincipal(value, trustDomains).map(authenticated),
		},
		{
			...source.trustDomains,
			isOfRequests: false,
			compile: (value) => matchTrustDomain(value, trustDomains).map(authenticated),
		},
		{ ...source.requestPrincipals, isOfRequests: true, compile: (value) => [tokenPrincipal(value)] },
		{
			...source.namespaces,
			isOfRequests: false,
			compile: (value, _, restricts) => matchNamespace(value, domainsOf(context, restricts)).map(authenticated),
		},
		{
			...source.serviceAccounts,
			isOfRequests: false,
			compile: (value, _, restricts) =>
				matchServiceAccount(value, namespace, domainsOf(context, restricts)).map(authenticated),
		},
		{ ...source.remoteIpBlocks, isOfRequests: false, compile: (value) => [remoteIp(value)] },
		{ ...source.ipBlocks, isOfRequests: false, compile: (value) => [directRemoteIp(value)] },
	];
}

function operationAttributes(operation: AuthorizationOperation, context: RuleContext): Attribute<PermissionInit>[] {
	return [
		{
			...operation.hosts,
			isOfRequests: true,
			compile: (value, anyForm) => matchHost(value, anyForm).map((matcher) => pseudoHeader(":authority", matcher)),
		},
		{ ...operation.methods, isOfRequests: true, compile: (value) => [pseudoHeader(":method", matchText(value))] },
		{
			...operation.paths,
			isOfRequests: true,
			compile: (value, anyForm, restricts) => {
				const isTemplate = /\{\*\*?\}/.test(value);
				if (!restricts && !context.isExact) {
					const allowed = isTemplate ? matchAllowedTemplate(value) : matchAllowedPath(value);
					return [allowed === undefined ? pathTemplate(value) : urlPath(allowed)];
				}
				if (!isTemplate) return matchPath(value, anyForm).map(urlPath);
				return [pathTemplate(value), ...(anyForm ? [urlPath(matchTemplateWithParameters(value))] : [])];
			},
		},
		{ ...operation.ports, isOfRequests: false, compile: (value) => comparePort(value, context.port) },
	];
}

function comparePort(value: string, place: EnforcedPort): readonly PermissionInit[] | boolean {
	if (value === "*") return true;
	return place.kind === "one"
		? isPortNumber(place.port, Number(value), place.workload)
		: [destinationPort(Number(value))];
}

type ConditionKind =
	| {
			readonly kind: "principal";
			readonly isOfRequests: boolean;
			compile(value: string, context: RuleContext, restricts: boolean): readonly PrincipalInit[];
	  }
	| { readonly kind: "permission"; compile(value: string, context: RuleContext): readonly PermissionInit[] | boolean };

function conditionsOf(conditions: readonly AuthorizationCondition[], context: RuleContext) {
	const found = {
		principals: [] as Attribute<PrincipalInit>[],
		permissions: [] as Attribute<PermissionInit>[],
	};
	for (const { key, values, notValues } of conditions) {
		const condition = findCondition(key);
		if (condition?.kind === "principal")
			found.principals.push({
				values,
				notValues,
				isOfRequests: condition.isOfRequests,
				compile: (value, _, restricts) => condition.compile(value, context, restricts),
			});
		else if (condition !== undefined)
			found.permissions.push({
				values,
				notValues,
				isOfRequests: false,
				compile: (value) => condition.compile(value, context),
			});
	}
	return found;
}

const plainConditions: ReadonlyMap<string, ConditionKind> = new Map<string, ConditionKind>([
	["source.ip", ofPeer((value) => [directRemoteIp(value)])],
	["remote.ip", ofPeer((value) => [remoteIp(value)])],
	[
		"source.namespace",
		ofPeer((value, context, restricts) => matchNamespace(value, domainsOf(context, restricts)).map(authenticated)),
	],
	["source.principal", ofPeer((value, { trustDomains }) => matchPrincipal(value, trustDomains).map(authenticated))],
	[
		"source.serviceAccount",
		ofPeer((value, context, restricts) =>
			matchServiceAccount(value, context.namespace, domainsOf(context, restricts)).map(authenticated),
		),
	],
	["source.trustDomain", ofPeer((value, { trustDomains }) => matchTrustDomain(value, trustDomains).map(authenticated))],
	["request.auth.principal", ofRequest((value) => [tokenPrincipal(value)])],
	["request.auth.audiences", ofRequest((value) => [tokenClaim(["aud"], value)])],
	["request.auth.presenter", ofRequest((value) => [tokenClaim(["azp"], value)])],
	["destination.ip", { kind: "permission", compile: (value) => [destinationIp(value)] }],
	["destination.port", { kind: "permission", compile: (value, { port }) => comparePort(value, port) }],
	["connection.sni", { kind: "permission", compile: (value) => [serverName(value)] }],
]);

/** Whose namespaces and service accounts a rule means; undefined for those of any trust domain. */
function domainsOf({ hasRelations, trustDomains }: RuleContext, restricts: boolean): readonly string[] | undefined {
	return hasRelations && !restricts ? trustDomains : undefined;
}

function ofPeer(
	compile: (value: string, context: RuleContext, restricts: boolean) => readonly PrincipalInit[],
): ConditionKind {
	return { kind: "principal", isOfRequests: false, compile };
}

function ofRequest(compile: (value: string, context: RuleContext) => readonly PrincipalInit[]): ConditionKind {
	return { kind: "principal", isOfRequests: true, compile };
}

/** What a condition's key means; undefined for an unknown one. */
function findCondition(key: string): ConditionKind | undefined {
	const plain = plainConditions.get(key);
	if (plain !== undefined) return plain;
	const header = /^request\.headers\[([^[\]\r\n]+)\]$/.exec(key)?.[1];
	if (header !== undefined) return ofRequest((value) => [requestHeader(header.toLowerCase(), value)]);
	const claims = /^request\.auth\.claims((?:\[[^[\]]+\])+)$/.exec(key)?.[1];
	if (claims !== undefined) {
		const path = claims.slice(1, -1).split("][");
		return ofRequest((value) => [tokenClaim(path, value)]);
	}
	const [, filter, name] = /^experimental\.(envoy\.filters\.[^[\]]+)\[([^[\]]+)\]$/.exec(key) ?? [];
	if (filter === undefined || name === undefined) return undefined;
	return { kind: "permission", compile: (value) => [filterMetadata(filter, name, value)] };
}
