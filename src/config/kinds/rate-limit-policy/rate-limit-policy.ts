import type { RateLimitPolicy, RateLimitTarget } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { workloadSelector } from "../../schema/kubernetes.ts";
import { defaulted, object, optional, refused, required } from "../../schema/object.ts";
import { oneOf, quote, string } from "../../schema/scalars.ts";
import { refine, type Schema } from "../../schema/schema.ts";
import { defineKind } from "../kind.ts";
import { toSelector } from "../selector.ts";
import { limit } from "./limit.ts";

const gatewayApi = "gateway.networking.k8s.io";
const groups = { Service: "", Gateway: gatewayApi, HTTPRoute: gatewayApi, GRPCRoute: gatewayApi } as const;

const target: Schema<RateLimitTarget> = refine(
	object({
		group: defaulted(
			string({ minLength: 0, maxLength: 253 }),
			"",
			"Group of the target's kind; `gateway.networking.k8s.io` but for a Service",
		),
		kind: required(
			oneOf(["Service", "Gateway", "HTTPRoute", "GRPCRoute"]),
			"`Service`: its workloads limit what comes in; `Gateway`, `HTTPRoute`, `GRPCRoute`: the proxies that route limit",
		),
		name: required(string({ maxLength: 253 }), "Name of the target"),
		namespace: refused("a policy is attached in its own namespace"),
		sectionName: optional(
			string({ maxLength: 253 }),
			"One port of the Service, listener of the Gateway or rule of the route, by its name",
		),
	}),
	({ group, kind, name, sectionName }, _node, reader) => {
		if (group !== groups[kind])
			return reader.field("group").refuse(`must be ${quote(groups[kind])} for the kind ${kind}, not ${quote(group)}`);
		return { kind, name, ...(sectionName !== undefined && { sectionName }), path: reader.path };
	},
);

const spec = refine(
	object({
		selector: optional(
			workloadSelector(),
			"Workloads it is for, and gateways; without selector and targetRefs all of the namespace, and in the root namespace all of the mesh",
		),
		targetRefs: optional(
			list(target, { min: 1, max: 16 }),
			"Objects that it is attached to, in the place of a selector",
		),
		limits: required(
			list(limit, { min: 1, max: 32, salvage: "this limit is left out" }),
			"How many requests may pass. Every limit that matches a request counts it; one that is used up refuses it with 429",
		),
	}),
	(value, _node, reader) => {
		if (value.selector !== undefined && value.targetRefs !== undefined)
			return reader.field("targetRefs").refuse("stands in the place of a selector: keep one of them");
		for (const [index, { name }] of value.limits.entries()) {
			const first = value.limits.findIndex((other) => other.name === name);
			if (first !== index)
				return reader
					.field("limits")
					.item(index)
					.field("name")
					.refuse(`${quote(name)} is there twice, first as item ${first}`);
		}
		return value;
	},
);

/** `amime.dev/v1alpha1` RateLimitPolicy. */
export const rateLimitPolicyKind = defineKind({
	name: "RateLimitPolicy",
	apiVersions: ["amime.dev/v1alpha1"],
	aliases: ["ratelimitpolicies", "ratelimit", "ratelimits", "rl"],
	doc: "How many requests may pass: at workloads, gateways or routes; for all, or for each caller, header or claim. A local limit is each proxy's own, a global one is shared by all proxies.",
	example: `apiVersion: amime.dev/v1alpha1
kind: RateLimitPolicy
metadata: { name: orders, namespace: shop }
spec:
  targetRefs:
    - { kind: Service, name: orders }
  limits:
    - name: per-caller
      keys: [{ type: Principal }]
      requests: 100
      unit: Second
      scope: Global
    - name: writes
      match: { methods: [POST], paths: [{ value: /orders }] }
      requests: 20
      unit: Second
      burst: 40
`,
	naming: "subdomain",
	spec,
	toModel: (value, context): RateLimitPolicy => {
		const selector = toSelector(value.selector);
		return {
			namespace: context.namespace,
			name: context.name,
			...(selector !== undefined && { selector }),
			...(value.targetRefs !== undefined && { targets: value.targetRefs }),
			limits: value.limits,
			createdAt: context.createdAt,
			source: context.source,
		};
	},
});
