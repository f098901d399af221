import type { HttpRoute, RouteRule } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { ignored, object, optional } from "../../schema/object.ts";
import { gatewayGroup, hostname, parentReferences, toParent } from "../gateway-api/reference.ts";
import { defineKind } from "../kind.ts";
import { anyRequest } from "./match.ts";
import { listReferences, routeRule, toRouteRule } from "./rule.ts";

const spec = object({
	parentRefs: parentReferences,
	hostnames: optional(
		list(hostname(), { max: 16 }),
		"Hosts of a Gateway's listeners that the route is for, all of them when absent; without effect with a Service (GEP-1426)",
	),
	useDefaultGateways: ignored(
		"There are no default Gateways: name one in parentRefs",
		"is without effect: there are no default Gateways, name one in parentRefs",
	),
	rules: optional(
		list(routeRule, { min: 1, max: 1000, salvage: "this rule is left out, the other rules are served" }),
		"What happens to which requests. The most specific match of all rules wins, then the older route, then its name. Without the field every request is answered with 500",
	),
});

/** What the field is by default: every request, and no backend. */
const defaultRule: RouteRule = { matches: [anyRequest], backends: [], path: "spec.rules" };

/** `gateway.networking.k8s.io/v1` HTTPRoute, with Gateway and Service parents (GAMMA). */
export const httpRouteKind = defineKind({
	name: "HTTPRoute",
	apiVersions: [`${gatewayGroup}/v1`, `${gatewayGroup}/v1beta1`],
	aliases: ["httproutes"],
	doc: "Where HTTP requests to a Gateway or a Service go: by path, header, query and method, split by weight. A rule with a problem is left out alone.",
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
	toModel: (value, { namespace, name, createdAt, source }): HttpRoute => ({
		kind: "HTTPRoute",
		namespace,
		name,
		parents: value.parentRefs.map((reference) => toParent(reference, namespace)),
		hostnames: value.hostnames ?? [],
		rules: value.rules?.map((rule) => toRouteRule(rule, namespace)) ?? [defaultRule],
		references: (value.rules ?? []).flatMap((rule) => listReferences(rule, namespace)),
		createdAt,
		source,
	}),
});
