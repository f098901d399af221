import type { EnvoyFilter, EnvoyPatch } from "../../../model/index.ts";
import { toJson } from "../../document/node.ts";
import { list, map } from "../../schema/collections.ts";
import { labels } from "../../schema/kubernetes.ts";
import { defaulted, ignored, object, optional, required } from "../../schema/object.ts";
import { integer, oneOf, string } from "../../schema/scalars.ts";
import { refine, type Schema } from "../../schema/schema.ts";
import { defineKind } from "../kind.ts";
import { targetFields, toTargets } from "../policy-target.ts";
import { toSelector } from "../selector.ts";

/** Empty text says nothing, as in Istio. */
const text = () => string({ minLength: 0, maxLength: 1024 });
const port = () => integer({ min: 0, max: 65_535 });

const json: Schema<unknown> = {
	description: { type: "any" },
	read: (node, reader) =>
		node.kind === "map" ? toJson(node) : reader.refuse("must be a map: a message of Envoy's API"),
};

const filterChain = object({
	name: optional(text(), "Name of the chain"),
	sni: optional(text(), "A server name that the chain is for"),
	transportProtocol: optional(text(), "`raw_buffer` or `tls`"),
	applicationProtocols: optional(text(), "Protocols of ALPN, comma-separated, all of them"),
	destinationPort: optional(port(), "Port that the chain is for"),
	filter: optional(
		object({
			name: optional(text(), "Name of the network filter"),
			subFilter: optional(object({ name: optional(text(), "Its name") }), "A filter in the connection manager"),
		}),
		"A network filter of the chain",
	),
});

const listener = object({
	portNumber: optional(port(), "Port of the listener, or of the workload for what comes in"),
	portName: ignored("Without effect, as in Istio"),
	name: optional(text(), "Name of the listener"),
	listenerFilter: optional(text(), "Name of a listener filter"),
	filterChain: optional(filterChain, "A chain of the listener"),
});

const route = object({
	name: optional(text(), "Name of the route"),
	action: defaulted(oneOf(["ANY", "ROUTE", "REDIRECT", "DIRECT_RESPONSE"]), "ANY", "What the route does", "ANY"),
});

const routeConfiguration = object({
	portNumber: optional(port(), "Port that the route configuration is for"),
	portName: optional(text(), "Name of the port of a Gateway's server"),
	gateway: optional(text(), "`namespace/name` of the Gateway"),
	name: optional(text(), "Name of the route configuration"),
	vhost: optional(
		object({
			name: optional(text(), "Name of the virtual host, `host:port`"),
			domainName: optional(text(), "A domain that the virtual host has"),
			route: optional(route, "A route of the virtual host"),
		}),
		"A virtual host",
	),
});

const cluster = object({
	portNumber: optional(port(), "Port of the service"),
	service: optional(text(), "Full host of the service"),
	subset: optional(text(), "Subset of the service"),
	name: optional(text(), "Name of the cluster"),
});

const places = [
	"LISTENER",
	"FILTER_CHAIN",
	"NETWORK_FILTER",
	"HTTP_FILTER",
	"LISTENER_FILTER",
	"ROUTE_CONFIGURATION",
	"VIRTUAL_HOST",
	"HTTP_ROUTE",
	"CLUSTER",
] as const;

const unsupportedPlaces = {
	EXTENSION_CONFIG: "filters are given with their configuration: use HTTP_FILTER or NETWORK_FILTER",
	BOOTSTRAP: "proxies start before they ask: change the bootstrap",
};

const operations = [
	"MERGE",
	"MERGE_AND_REPLACE_LIST",
	"ADD",
	"REMOVE",
	"INSERT_BEFORE",
	"INSERT_AFTER",
	"INSERT_FIRST",
	"REPLACE",
] as const;

const fields = object({
	applyTo: required(oneOf(places, unsupportedPlaces), "What is patched"),
	match: optional(
		object({
			context: defaulted(
				oneOf(["ANY", "SIDECAR_INBOUND", "SIDECAR_OUTBOUND", "GATEWAY"]),
				"ANY",
				"Which side of which proxies",
				"ANY",
			),
			proxy: optional(
				object({
					proxyVersion: optional(text(), "Regular expression on the version in the proxy's metadata (`ISTIO_VERSION`)"),
					metadata: optional(map(text(), { format: "a key", pattern: /^.{1,256}$/ }), "Values of the proxy's metadata"),
				}),
				"Which proxies",
			),
			listener: optional(listener, "Which listeners, chains and filters"),
			routeConfiguration: optional(routeConfiguration, "Which route configurations, virtual hosts and routes"),
			cluster: optional(cluster, "Which clusters"),
			waypoint: ignored("There are no waypoints"),
		}),
		"Where it is patched; everywhere when absent",
	),
	patch: required(
		object({
			operation: required(oneOf(operations, { INVALID: "name an operation" }), "What is done"),
			value: optional(json, "The message, or the part of it that is merged, as JSON of Envoy's API"),
			filterClass: ignored("Filters are put where the operation says"),
		}),
		"The change",
	),
});

/** Operations that make sense, by place (Istio, EnvoyFilter.Patch.Operation). */
const listed: readonly string[] = ["NETWORK_FILTER", "HTTP_FILTER", "LISTENER_FILTER", "HTTP_ROUTE"];
const replaceable: readonly string[] = ["NETWORK_FILTER", "HTTP_FILTER", "LISTENER_FILTER", "VIRTUAL_HOST"];

const patch: Schema<EnvoyPatch> = refine(
	fields,
	({ applyTo, match, patch: change }, _node, reader): EnvoyPatch | undefined => {
		const { operation, value } = change;
		const at = reader.field("patch");
		if (operation !== "REMOVE" && value === undefined) return at.field("value").refuse(`is required for ${operation}`);
		const isOrdered = operation.startsWith("INSERT_");
		if (isOrdered && !listed.includes(applyTo))
			return at.field("operation").refuse(`${operation} is for ${listed.join(", ")}, not for ${applyTo}: use ADD`);
		if (operation === "REPLACE" && !replaceable.includes(applyTo))
			return at.field("operation").refuse(`REPLACE is for ${replaceable.join(", ")}, not for ${applyTo}: use MERGE`);
		if (applyTo === "ROUTE_CONFIGURATION" && !operation.startsWith("MERGE"))
			return at.field("operation").refuse("route configurations can only be merged with: use MERGE");
		const version = match?.proxy?.proxyVersion || undefined;
		if (version !== undefined && !isRegex(version))
			return reader.field("match").field("proxy").field("proxyVersion").refuse("is no regular expression");
		return {
			applyTo,
			context: match?.context ?? "ANY",
			...(version !== undefined && { proxyVersion: version }),
			proxyMetadata: match?.proxy?.metadata ?? {},
			...dropEmpty({
				...(match?.listener !== undefined && { listener: match.listener as EnvoyPatch["listener"] & object }),
				...(match?.routeConfiguration !== undefined && {
					routeConfiguration: match.routeConfiguration as EnvoyPatch["routeConfiguration"] & object,
				}),
				...(match?.cluster !== undefined && { cluster: match.cluster as EnvoyPatch["cluster"] & object }),
			}),
			operation,
			...(operation !== "REMOVE" && { value }),
			path: reader.path,
		};
	},
);

/** Without fields that are empty text, at any depth. */
function dropEmpty<T extends object>(fields: T): T {
	const kept = Object.entries(fields).filter(([, value]) => value !== "");
	const isMap = (value: unknown): value is object => typeof value === "object" && value !== null;
	return Object.fromEntries(kept.map(([name, value]) => [name, isMap(value) ? dropEmpty(value) : value])) as T;
}

function isRegex(source: string): boolean {
	try {
		return new RegExp(source).source !== "";
	} catch (error) {
		if (error instanceof SyntaxError) return false;
		throw error;
	}
}

/** `networking.istio.io/v1alpha3` EnvoyFilter. */
export const envoyFilterKind = defineKind({
	name: "EnvoyFilter",
	apiVersions: ["networking.istio.io/v1alpha3"],
	aliases: ["envoyfilters", "ef"],
	doc: "Changes to what proxies are given, in the terms of Envoy's API. A patch that cannot be applied is left out alone.",
	example: `apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: buffer, namespace: shop }
spec:
  workloadSelector: { labels: { app: orders } }
  configPatches:
    - applyTo: HTTP_FILTER
      match:
        context: SIDECAR_INBOUND
        listener: { filterChain: { filter: { name: envoy.filters.network.http_connection_manager } } }
      patch:
        operation: INSERT_FIRST
        value:
          name: envoy.filters.http.buffer
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer
            max_request_bytes: 1048576
`,
	naming: "subdomain",
	spec: object({
		workloadSelector: optional(
			object({ labels: optional(labels(), "Labels, all of them") }),
			"Workloads it is for; its namespace, or the mesh in the root namespace, when absent",
		),
		...targetFields,
		configPatches: optional(
			list(patch, { max: 1000, salvage: "this patch is left out, the others are applied" }),
			"Changes, in this order",
		),
		priority: defaulted(
			integer({ min: -2_147_483_648, max: 2_147_483_647 }),
			0,
			"Lower ones are applied first; with equal ones those of the root namespace, then the older",
		),
	}),
	toModel: (value, context): EnvoyFilter => {
		const selector = toSelector(value.workloadSelector?.labels);
		const targets = toTargets(value);
		return {
			namespace: context.namespace,
			name: context.name,
			...(selector !== undefined && { selector }),
			...(targets !== undefined && { targets }),
			priority: value.priority,
			patches: value.configPatches ?? [],
			createdAt: context.createdAt,
			source: context.source,
		};
	},
});
