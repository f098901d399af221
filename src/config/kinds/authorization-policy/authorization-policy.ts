import type { AuthorizationPolicy, AuthorizationRule, ValueMatch } from "../../../model/index.ts";
import { type Node, toJson } from "../../document/node.ts";
import { list } from "../../schema/collections.ts";
import { workloadSelector } from "../../schema/kubernetes.ts";
import { defaulted, object, optional, required } from "../../schema/object.ts";
import { oneOf, quote, string } from "../../schema/scalars.ts";
import { refine, type Schema } from "../../schema/schema.ts";
import { securityVersions } from "../istio/api-versions.ts";
import { defineKind, type ObjectContext } from "../kind.ts";
import { readTarget, targetFields, toTargets } from "../policy-target.ts";
import { toSelector } from "../selector.ts";
import { findConditionFault, isConditionKey } from "./condition.ts";
import { accounts, ipBlocks, methodWarning, paths, patterns, ports, principalWarning } from "./value-match.ts";

const source = notEmpty(
	object({
		principals: optional(
			patterns(principalWarning),
			"Identities, `<trust domain>/ns/<namespace>/sa/<service account>`",
		),
		notPrincipals: optional(patterns(principalWarning), "Identities it is not for; plain text callers match"),
		namespaces: optional(patterns(), "Namespaces of the caller"),
		notNamespaces: optional(patterns(), "Namespaces it is not for; plain text callers match"),
		serviceAccounts: optional(
			accounts(),
			"Service accounts of the caller, `name` in this namespace or `namespace/name`",
		),
		notServiceAccounts: optional(accounts(), "Service accounts it is not for; plain text callers match"),
		trustDomains: optional(patterns(), "Trust domains of the caller"),
		notTrustDomains: optional(patterns(), "Trust domains it is not for; plain text callers match"),
		requestPrincipals: optional(patterns(), "`issuer/subject` of the caller's JSON web token"),
		notRequestPrincipals: optional(patterns(), "Token identities it is not for; callers without a token match"),
		ipBlocks: optional(ipBlocks(), "Addresses of the peer, single or as CIDR blocks"),
		notIpBlocks: optional(ipBlocks(), "Addresses of the peer it is not for"),
		remoteIpBlocks: optional(ipBlocks(), "Addresses of the original client, from X-Forwarded-For or PROXY headers"),
		notRemoteIpBlocks: optional(ipBlocks(), "Addresses of the original client it is not for"),
	}),
);

const operation = notEmpty(
	object({
		hosts: optional(patterns(), "Host of the request (HTTP)"),
		notHosts: optional(patterns(), "Hosts it is not for"),
		ports: optional(ports(), "Ports of the workload, as text"),
		notPorts: optional(ports(), "Ports it is not for"),
		methods: optional(patterns(methodWarning), "Methods of the request (HTTP)"),
		notMethods: optional(patterns(methodWarning), "Methods it is not for"),
		paths: optional(paths(), "Paths of the request (HTTP); `{*}` stands for one segment, `{**}` for several"),
		notPaths: optional(paths(), "Paths it is not for"),
	}),
);

const condition = refine(
	object({
		key: required(
			string({ maxLength: 1024 }),
			"`source.ip`, `remote.ip`, `source.namespace`, `source.principal`, `source.serviceAccount`, `source.trustDomain`, `request.headers[name]`, `request.auth.principal`, `request.auth.audiences`, `request.auth.presenter`, `request.auth.claims[name]`, `destination.ip`, `destination.port`, `connection.sni`, `experimental.envoy.filters.<filter>[<key>]`",
		),
		values: optional(list(string(), { min: 1, max: 1000 }), "Values that it may have"),
		notValues: optional(list(string(), { min: 1, max: 1000 }), "Values that it must not have"),
	}),
	(value, _node, reader) => {
		if (value.values === undefined && value.notValues === undefined)
			return reader.refuse("must have values or notValues");
		if (!isConditionKey(value.key))
			reader.field("key").warn(`${quote(value.key)} is no known attribute: the rule never matches`);
		for (const [name, values] of [
			["values", value.values],
			["notValues", value.notValues],
		] as const)
			for (const [index, text] of (values ?? []).entries()) {
				const fault = findConditionFault(value.key, text);
				if (fault !== undefined) return reader.field(name).item(index).refuse(fault);
			}
		return value;
	},
);

const rule = object({
	from: optional(
		list(object({ source: required(source, "What must hold of the caller, all of it") }), { min: 1, max: 512 }),
		"Callers, any of them; all when absent",
	),
	to: optional(
		list(object({ operation: required(operation, "What must hold of the request, all of it") }), { min: 1, max: 512 }),
		"Requests, any of them; all when absent",
	),
	when: optional(list(condition, { max: 512 }), "Attributes that must have these values, all of them"),
});

const spec = refine(
	object({
		selector: optional(
			workloadSelector(),
			"Workloads it is for; without it all of the namespace, and in the root namespace all of the mesh",
		),
		action: defaulted(
			oneOf(["ALLOW", "DENY", "AUDIT", "CUSTOM"]),
			"ALLOW",
			"`CUSTOM` is judged first, then `DENY`; where any `ALLOW` policy is in force, what none allows is denied; `AUDIT` only marks requests",
			"ALLOW",
		),
		rules: optional(
			list(rule, { max: 512, salvage: "this rule is left out" }),
			"What it is about, any of them. An ALLOW policy without rules allows nothing; a rule `{}` matches everything",
		),
		...targetFields,
		provider: optional(
			object({ name: required(string({ maxLength: 253 }), "One of `extensionProviders` of the MeshConfig") }),
			"Who decides about what a CUSTOM policy matches",
		),
	}),
	(value, _node, reader) => {
		if (value.action === "DENY" && (value.rules ?? []).length === 0)
			reader
				.field("rules")
				.warn("a DENY policy without rules denies nothing; to deny everything write an ALLOW policy with spec: {}");
		if (value.action === "CUSTOM" && value.provider === undefined)
			return reader.field("provider").refuse("is required for the action CUSTOM");
		if (value.action !== "CUSTOM" && value.provider !== undefined)
			return reader.field("provider").refuse(`belongs to the action CUSTOM, not to ${value.action}`);
		return value;
	},
);

/** `security.istio.io/v1` AuthorizationPolicy. */
export const authorizationPolicyKind = defineKind({
	name: "AuthorizationPolicy",
	apiVersions: securityVersions,
	aliases: ["authorizationpolicies", "ap", "authz"],
	doc: "Who may call a workload, and how. `spec: {}` is an ALLOW policy without rules: it denies everything.",
	example: `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: orders-from-web, namespace: shop }
spec:
  selector: { matchLabels: { app: orders } }
  action: ALLOW
  rules:
    - from:
        - source: { principals: [cluster.local/ns/shop/sa/web] }
      to:
        - operation: { methods: [POST], paths: [/orders] }
`,
	naming: "subdomain",
	spec,
	toModel: (value, context): AuthorizationPolicy => ({
		namespace: context.namespace,
		name: context.name,
		selector: toSelector(value.selector),
		targets: toTargets(value),
		action: value.action,
		provider: value.provider?.name,
		isDryRun: isTrue(context.annotations["istio.io/dry-run"]) ? true : undefined,
		rules: (value.rules ?? []).map(toRule),
		createdAt: context.createdAt,
		source: context.source,
	}),
	failClosed,
});

/** An ALLOW policy without its bad rules allows less. One that denies, or asks somebody else, denies everything that it is for: for whom
 *  its bad rules were nobody knows. */
function failClosed(
	node: Node,
	context: ObjectContext,
	value: AuthorizationPolicy | undefined,
): AuthorizationPolicy | undefined {
	const written = toJson(node) as { readonly action?: unknown } | null;
	const action = written?.action ?? "ALLOW";
	if (action === "AUDIT" || (action === "ALLOW" && value !== undefined)) return undefined;
	const isDenying = action === "DENY" || action === "CUSTOM";
	const everything: AuthorizationRule = { from: [], to: [], when: [], path: "spec.rules[0]" };
	const { namespace, name, createdAt, source: place } = context;
	return {
		namespace,
		name,
		...readTarget(node),
		action: isDenying ? "DENY" : "ALLOW",
		rules: isDenying ? [everything] : [],
		createdAt,
		source: place,
	};
}

function toRule(value: RuleSpec, index: number): AuthorizationRule {
	return {
		from: (value.from ?? []).map(({ source: from }) => ({
			principals: toMatch(from.principals, from.notPrincipals),
			namespaces: toMatch(from.namespaces, from.notNamespaces),
			serviceAccounts: toMatch(from.serviceAccounts, from.notServiceAccounts),
			trustDomains: toMatch(from.trustDomains, from.notTrustDomains),
			requestPrincipals: toMatch(from.requestPrincipals, from.notRequestPrincipals),
			ipBlocks: toMatch(from.ipBlocks, from.notIpBlocks),
			remoteIpBlocks: toMatch(from.remoteIpBlocks, from.notRemoteIpBlocks),
		})),
		to: (value.to ?? []).map(({ operation: to }) => ({
			hosts: toMatch(to.hosts, to.notHosts),
			ports: toMatch(to.ports, to.notPorts),
			methods: toMatch(to.methods, to.notMethods),
			paths: toMatch(to.paths, to.notPaths),
		})),
		when: (value.when ?? []).map(({ key, values, notValues }) => ({ key, ...toMatch(values, notValues) })),
		path: `spec.rules[${index}]`,
	};
}

type RuleSpec = typeof rule extends Schema<infer T> ? T : never;

function toMatch(values: readonly string[] | undefined, notValues: readonly string[] | undefined): ValueMatch {
	return { values: values ?? [], notValues: notValues ?? [] };
}

/** As Go reads a truth value. */
function isTrue(text: string | undefined): boolean {
	return text !== undefined && /^(1|t|T|TRUE|true|True)$/.test(text);
}

/** Refuses an object without any field: in a policy it is far more often a slip than meant. */
function notEmpty<T>(schema: Schema<T>): Schema<T> {
	return refine(schema, (value, node, reader) => {
		if (node.kind === "map" && node.entries.size > 0) return value;
		return reader.refuse(
			"must have at least one field: an empty one would match everything, and leaving it out says so",
		);
	});
}
