import type { BackendRef, StreamRoute, StreamRule } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { ignored, type ObjectOf, object, optional, required } from "../../schema/object.ts";
import { refine } from "../../schema/schema.ts";
import { defineKind, type ObjectContext } from "../kind.ts";
import {
	backendFields,
	checkBackend,
	gatewayGroup,
	hostname,
	parentReferences,
	sectionName,
	toBackendReference,
	toDestination,
	toParent,
	weight,
} from "./reference.ts";

const backend = refine(object({ ...backendFields, weight }), (value, _node, reader) => {
	const checked = checkBackend(value, reader);
	return checked === undefined ? undefined : { ...checked, path: reader.path };
});

const rule = refine(
	object({
		name: optional(sectionName(), "Name of the rule, for explanations"),
		backendRefs: required(list(backend, { min: 1, max: 16 }), "Services that get the connections, by weight"),
	}),
	(value, _node, reader) => ({ ...value, path: reader.path }),
);

const commonFields = {
	parentRefs: parentReferences,
	useDefaultGateways: ignored(
		"There are no default Gateways: name one in parentRefs",
		"is without effect: there are no default Gateways, name one in parentRefs",
	),
	rules: required(list(rule, { min: 1, max: 16 }), "Where connections go; the first rule serves"),
};

const tlsSpec = object({
	...commonFields,
	hostnames: optional(
		list(hostname(), { max: 16 }),
		"Server names of connections; all that the listener has when absent",
	),
});

const tcpSpec = object(commonFields);

function toRoute(
	kind: StreamRoute["kind"],
	value: ObjectOf<typeof commonFields>,
	hostnames: readonly string[],
	{ namespace, name, createdAt, source }: ObjectContext,
): StreamRoute {
	return {
		kind,
		namespace,
		name,
		parents: value.parentRefs.map((reference) => toParent(reference, namespace)),
		hostnames,
		rules: value.rules.map(
			(item): StreamRule => ({
				...(item.name !== undefined && { name: item.name }),
				matches: hostnames.length === 0 ? [] : [{ sniHosts: hostnames, destinationSubnets: [] }],
				backends: item.backendRefs.map(
					(reference): BackendRef => ({
						destination: toDestination(reference, namespace),
						...(reference.port !== undefined && { port: reference.port }),
						weight: reference.weight,
					}),
				),
				path: item.path,
			}),
		),
		references: value.rules.flatMap((item) =>
			item.backendRefs.map((reference) => toBackendReference(reference, namespace)),
		),
		createdAt,
		source,
	};
}

/** `gateway.networking.k8s.io/v1` TLSRoute. */
export const tlsRouteKind = defineKind({
	name: "TLSRoute",
	apiVersions: [`${gatewayGroup}/v1`, `${gatewayGroup}/v1alpha3`, `${gatewayGroup}/v1alpha2`],
	aliases: ["tlsroutes"],
	doc: "Where TLS connections go, by the server name that the client asks for.",
	example: `apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: { name: vault, namespace: shop }
spec:
  parentRefs: [{ name: public, namespace: edge }]
  hostnames: [vault.example.com]
  rules:
    - backendRefs: [{ name: vault, port: 443 }]
`,
	naming: "subdomain",
	spec: tlsSpec,
	toModel: (value, context): StreamRoute => toRoute("TLSRoute", value, value.hostnames ?? [], context),
});

/** `gateway.networking.k8s.io/v1` TCPRoute. */
export const tcpRouteKind = defineKind({
	name: "TCPRoute",
	apiVersions: [`${gatewayGroup}/v1`, `${gatewayGroup}/v1alpha2`],
	aliases: ["tcproutes"],
	doc: "Where the connections of a listener or of a Service's port go.",
	example: `apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: { name: database, namespace: shop }
spec:
  parentRefs: [{ name: public, namespace: edge, sectionName: database }]
  rules:
    - backendRefs: [{ name: database, port: 5432 }]
`,
	naming: "subdomain",
	spec: tcpSpec,
	toModel: (value, context): StreamRoute => toRoute("TCPRoute", value, [], context),
});
