import type { HttpRoute, RouteParent } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { dnsLabel } from "../../schema/kubernetes.ts";
import { defaulted, ignored, object, optional, required } from "../../schema/object.ts";
import { integer, oneOf, string } from "../../schema/scalars.ts";
import { defineKind } from "../kind.ts";
import { routeRule, toRouteRule } from "./rule.ts";

const parent = object({
	group: defaulted(
		oneOf([""], { "gateway.networking.k8s.io": 'a Service is in the core group, write group: ""' }),
		"",
		'Group of the parent\'s kind: `""`, the core group',
	),
	kind: required(
		oneOf(["Service"], { Gateway: "there are no gateways; attach the route to a Service" }),
		"Kind of the parent",
		'write kind: Service (and group: ""); without it a Gateway is meant',
	),
	name: required(dnsLabel(), "Name of the Service"),
	namespace: optional(dnsLabel(), "Namespace of the Service; that of the route when absent"),
	port: optional(integer({ min: 1, max: 65_535 }), "Port of the Service; every HTTP port when absent"),
	sectionName: optional(string({ maxLength: 253 }), "Name of the port of the Service, instead of its number"),
});

const spec = object({
	parentRefs: required(list(parent, { min: 1, max: 32 }), "Services whose clients the route is for"),
	hostnames: ignored(
		"Hosts of a Gateway's listener",
		"is without effect: a route of a Service is for the names of that Service (Gateway API, GEP-1426)",
	),
	rules: required(
		list(routeRule, { min: 1, max: 1000, salvage: "this rule is left out, the other rules are served" }),
		"What happens to which requests. The most specific match of all rules wins, then the older route, then its name",
	),
});

/** An HTTPRoute as its document says it: a parent may name its port instead of numbering it (buildMesh numbers it). */
export interface HttpRouteDocument extends HttpRoute {
	readonly parents: readonly (RouteParent & { readonly portName?: string })[];
}

/** `gateway.networking.k8s.io/v1` HTTPRoute with Service parents (GAMMA). */
export const httpRouteKind = defineKind({
	name: "HTTPRoute",
	apiVersions: ["gateway.networking.k8s.io/v1", "gateway.networking.k8s.io/v1beta1"],
	aliases: ["httproutes"],
	doc: "Where HTTP requests to a Service go: by path, header, query and method, split by weight. A rule with a problem is left out alone.",
	example: `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: reviews, namespace: shop }
spec:
  parentRefs:
    - { group: "", kind: Service, name: reviews }
  rules:
    - matches:
        - headers: [{ name: x-canary, value: "yes" }]
      backendRefs:
        - { name: reviews-v2, port: 80 }
    - backendRefs:
        - { name: reviews-v1, port: 80, weight: 90 }
        - { name: reviews-v2, port: 80, weight: 10 }
`,
	naming: "subdomain",
	spec,
	toModel: (value, context): HttpRouteDocument => ({
		namespace: context.namespace,
		name: context.name,
		parents: value.parentRefs.map((ref) => ({
			service: { namespace: ref.namespace ?? context.namespace, name: ref.name },
			port: ref.port,
			portName: ref.sectionName,
		})),
		rules: value.rules.map((rule) => toRouteRule(rule, context.namespace)),
		createdAt: context.createdAt,
		source: context.source,
	}),
});
