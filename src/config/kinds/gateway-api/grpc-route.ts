import type { HttpRoute, NamedMatch, PathMatch, RouteMatch } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { defaulted, ignored, type ObjectOf, object, optional } from "../../schema/object.ts";
import { oneOf, string } from "../../schema/scalars.ts";
import { type Reader, refine } from "../../schema/schema.ts";
import { grpcFilters } from "../http-route/filter.ts";
import { headerMatches } from "../http-route/match.ts";
import { readPattern } from "../http-route/path.ts";
import { grpcBackends, listReferences, toCommonRule } from "../http-route/rule.ts";
import { defineKind } from "../kind.ts";
import { gatewayGroup, hostname, parentReferences, sectionName, toParent } from "./reference.ts";
import { checkSession, sessionPersistence } from "./session-persistence.ts";

const methodFields = {
	type: defaulted(
		oneOf(["Exact", "RegularExpression"]),
		"Exact",
		"How service and method are compared; RE2 must match all of it",
		"Exact",
	),
	service: optional(string({ maxLength: 1024 }), "Full name of the service, such as shop.v1.Reviews; any when absent"),
	method: optional(string({ maxLength: 1024 }), "Name of the method; any when absent"),
};

const method = refine(object(methodFields), (value, _node, reader) => toPath(value, reader));

/** A call is the path `/service/method`. */
function toPath({ type, service, method: name }: ObjectOf<typeof methodFields>, reader: Reader): PathMatch | undefined {
	if (service === undefined && name === undefined) return reader.refuse("must have a service or a method");
	if (type === "RegularExpression") {
		const parts = [service, name].map((part) => (part === undefined ? "[^/]+" : `(?:${part})`));
		return readPattern(`/${parts.join("/")}`, reader);
	}
	if (service !== undefined && !/^[A-Za-z_][A-Za-z_.0-9]*$/.test(service))
		return reader.field("service").refuse("is no name of a gRPC service: letters, digits, '_' and '.'");
	if (name !== undefined && !/^[A-Za-z_][A-Za-z_0-9]*$/.test(name))
		return reader.field("method").refuse("is no name of a gRPC method: letters, digits and '_'");
	if (service === undefined) return { kind: "regex", value: `/[^/]+/${name}` };
	return name === undefined
		? { kind: "startsWith", value: `/${service}/` }
		: { kind: "exact", value: `/${service}/${name}` };
}

const anyCall: PathMatch = { kind: "prefix", value: "/" };

const match = refine(
	object({
		method: optional(method, "Service and method of the call"),
		headers: optional(headerMatches, "Metadata of the call, all of it"),
	}),
	(value): RouteMatch => ({ path: value.method ?? anyCall, headers: value.headers ?? noHeaders, queryParams: [] }),
);

const noHeaders: readonly NamedMatch[] = [];

const rule = refine(
	object({
		name: optional(sectionName(), "Name of the rule, for explanations"),
		matches: optional(list(match, { max: 64 }), "Calls it is for, any of them; all when absent"),
		filters: optional(grpcFilters, "Changes to metadata, and mirrors"),
		backendRefs: grpcBackends,
		sessionPersistence: optional(sessionPersistence, "Keeps a client at the backend that it had"),
	}),
	(value, _node, reader) => (checkSession(value, reader) ? { ...value, path: reader.path } : undefined),
);

const spec = object({
	parentRefs: parentReferences,
	hostnames: optional(list(hostname(), { max: 16 }), "Hosts of a Gateway's listeners; all of them when absent"),
	useDefaultGateways: ignored(
		"There are no default Gateways: name one in parentRefs",
		"is without effect: there are no default Gateways, name one in parentRefs",
	),
	rules: optional(
		list(rule, { min: 1, max: 1000, salvage: "this rule is left out, the other rules are served" }),
		"What happens to which calls. The most specific match of all rules wins, then the older route, then its name; none when absent",
	),
});

/** `gateway.networking.k8s.io/v1` GRPCRoute. */
export const grpcRouteKind = defineKind({
	name: "GRPCRoute",
	apiVersions: [`${gatewayGroup}/v1`, `${gatewayGroup}/v1alpha2`],
	aliases: ["grpcroutes"],
	doc: "Where gRPC calls to a Gateway or a Service go: by service, method and metadata, split by weight.",
	example: `apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: { name: ratings, namespace: shop }
spec:
  parentRefs: [{ name: public, namespace: edge }]
  hostnames: [ratings.example.com]
  rules:
    - matches: [{ method: { service: shop.v1.Ratings, method: Get } }]
      backendRefs: [{ name: ratings, port: 9000 }]
`,
	naming: "subdomain",
	spec,
	toModel: (value, { namespace, name, createdAt, source }): HttpRoute => ({
		kind: "GRPCRoute",
		namespace,
		name,
		parents: value.parentRefs.map((reference) => toParent(reference, namespace)),
		hostnames: value.hostnames ?? [],
		rules: (value.rules ?? []).map((item) => {
			const matches = item.matches ?? [];
			return {
				...toCommonRule(item, namespace),
				matches: matches.length === 0 ? [{ path: anyCall, headers: noHeaders, queryParams: [] }] : matches,
			};
		}),
		references: (value.rules ?? []).flatMap((item) => listReferences(item, namespace)),
		createdAt,
		source,
	}),
});
