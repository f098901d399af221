import type { AuthorizationPolicy, AuthorizationRule, ValueMatch } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { workloadSelector } from "../../schema/kubernetes.ts";
import { defaulted, object, optional, refused, required } from "../../schema/object.ts";
import { oneOf } from "../../schema/scalars.ts";
import { refine, type Schema } from "../../schema/schema.ts";
import { defineKind } from "../kind.ts";
import { toSelector } from "../selector.ts";
import { methodWarning, pathWarning, patterns, ports, principalWarning } from "./value-match.ts";

const byAddress = "addresses are not compared; name workloads by principals or namespaces";
const byToken = "JSON web tokens are not read; name workloads by principals or namespaces";

const source = notEmpty(
	object({
		principals: optional(
			patterns(principalWarning),
			"Identities, `<trust domain>/ns/<namespace>/sa/<service account>`",
		),
		notPrincipals: optional(patterns(principalWarning), "Identities it is not for; plain text callers match"),
		namespaces: optional(patterns(), "Namespaces of the caller"),
		notNamespaces: optional(patterns(), "Namespaces it is not for; plain text callers match"),
		serviceAccounts: refused("write principals, cluster.local/ns/<namespace>/sa/<service account>"),
		notServiceAccounts: refused("write notPrincipals, cluster.local/ns/<namespace>/sa/<service account>"),
		requestPrincipals: refused(byToken),
		notRequestPrincipals: refused(byToken),
		ipBlocks: refused(byAddress),
		notIpBlocks: refused(byAddress),
		remoteIpBlocks: refused(byAddress),
		notRemoteIpBlocks: refused(byAddress),
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
		paths: optional(patterns(pathWarning), "Paths of the request (HTTP)"),
		notPaths: optional(patterns(pathWarning), "Paths it is not for"),
	}),
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
	when: refused("conditions are not evaluated; say it with from and to"),
});

const spec = refine(
	object({
		selector: optional(
			workloadSelector(),
			"Workloads it is for; without it all of the namespace, and in the root namespace all of the mesh",
		),
		action: defaulted(
			oneOf(["ALLOW", "DENY"], {
				AUDIT: "nothing audits; use ALLOW or DENY",
				CUSTOM: "there are no external authorizers; use ALLOW or DENY",
			}),
			"ALLOW",
			"`DENY` is judged first; where any `ALLOW` policy is in force, what none allows is denied",
			"ALLOW",
		),
		rules: optional(
			list(rule, { max: 512 }),
			"What it is about, any of them. An ALLOW policy without rules allows nothing; a rule `{}` matches everything",
		),
		targetRef: refused("use selector"),
		targetRefs: refused("use selector"),
		provider: refused("there are no external authorizers"),
	}),
	(value, _node, reader) => {
		if (value.action === "DENY" && (value.rules ?? []).length === 0)
			reader
				.field("rules")
				.warn("a DENY policy without rules denies nothing; to deny everything write an ALLOW policy with spec: {}");
		return value;
	},
);

/** `security.istio.io/v1` AuthorizationPolicy. */
export const authorizationPolicyKind = defineKind({
	name: "AuthorizationPolicy",
	apiVersions: ["security.istio.io/v1", "security.istio.io/v1beta1"],
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
		action: value.action,
		rules: (value.rules ?? []).map(toRule),
		createdAt: context.createdAt,
		source: context.source,
	}),
});

function toRule(value: RuleSpec, index: number): AuthorizationRule {
	return {
		from: (value.from ?? []).map(({ source: from }) => ({
			principals: toMatch(from.principals, from.notPrincipals),
			namespaces: toMatch(from.namespaces, from.notNamespaces),
		})),
		to: (value.to ?? []).map(({ operation: to }) => ({
			hosts: toMatch(to.hosts, to.notHosts),
			ports: toMatch(to.ports, to.notPorts),
			methods: toMatch(to.methods, to.notMethods),
			paths: toMatch(to.paths, to.notPaths),
		})),
		path: `spec.rules[${index}]`,
	};
}

type RuleSpec = typeof rule extends Schema<infer T> ? T : never;

function toMatch(values: readonly string[] | undefined, notValues: readonly string[] | undefined): ValueMatch {
	return { values: values ?? [], notValues: notValues ?? [] };
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
