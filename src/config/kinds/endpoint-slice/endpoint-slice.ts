import type { EndpointSlice } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { dnsSubdomain } from "../../schema/kubernetes.ts";
import { defaulted, ignored, object, openObject, optional, required } from "../../schema/object.ts";
import { boolean, integer, oneOf, string } from "../../schema/scalars.ts";
import { defineKind } from "../kind.ts";

const serviceLabel = "kubernetes.io/service-name";

const endpoint = openObject({
	addresses: required(
		list(string({ maxLength: 253 }), { min: 1, max: 100 }),
		"Addresses of the endpoint; the first is used",
	),
	conditions: optional(
		openObject({
			ready: defaulted(boolean(), true, "Whether it gets traffic"),
			serving: optional(boolean(), "Whether it would be ready if it were not terminating"),
			terminating: defaulted(boolean(), false, "Whether it is ending"),
		}),
		"Ready when absent",
	),
	hostname: optional(string({ maxLength: 63 }), "Name of the endpoint below a headless service"),
	nodeName: optional(dnsSubdomain(), "Node it runs on, for its locality"),
	zone: optional(string({ maxLength: 253 }), "Its zone, where the node does not say it"),
	targetRef: optional(
		openObject({
			kind: optional(string(), "Only `Pod` is followed"),
			name: optional(string(), "Name of the Pod"),
			namespace: optional(string(), "Namespace of the Pod"),
		}),
		"The Pod behind it; without it the Pod of the same address",
	),
});

const port = openObject({
	name: defaulted(string({ minLength: 0, maxLength: 63 }), "", "Name of the Service's port"),
	port: optional(integer({ min: 1, max: 65_535 }), "Port of the endpoints"),
	protocol: defaulted(string({ maxLength: 16 }), "TCP", "Transport; only TCP ports are used"),
});

/** `discovery.k8s.io/v1` EndpointSlice. */
export const endpointSliceKind = defineKind({
	name: "EndpointSlice",
	apiVersions: ["discovery.k8s.io/v1"],
	aliases: ["endpointslices"],
	doc: `Endpoints of a Service, the one that the label \`${serviceLabel}\` names. A Service with slices has their endpoints, whatever its selector says.`,
	example: `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: reviews-1, namespace: shop, labels: { kubernetes.io/service-name: reviews } }
addressType: IPv4
ports: [{ name: http, port: 8080, protocol: TCP }]
endpoints:
  - addresses: [10.0.0.7]
    conditions: { ready: true }
`,
	naming: "subdomain",
	body: "document",
	spec: object({
		addressType: required(
			oneOf(["IPv4", "IPv6"], { FQDN: "endpoints by name are entries of a ServiceEntry" }),
			"What its addresses are",
		),
		ports: defaulted(list(port, { max: 100 }), [], "Ports of its endpoints"),
		endpoints: defaulted(list(endpoint, { max: 1000 }), [], "The endpoints"),
		status: ignored("Written by Kubernetes; accepted, without effect"),
	}),
	toModel: (value, context): EndpointSlice => ({
		namespace: context.namespace,
		name: context.name,
		serviceName: context.labels[serviceLabel],
		ports: value.ports.flatMap(({ name, port: number, protocol }) =>
			number === undefined || protocol !== "TCP" ? [] : [{ name, port: number }],
		),
		endpoints: value.endpoints.map(({ addresses, conditions, hostname, nodeName, zone, targetRef }) => ({
			addresses,
			isReady: conditions?.ready ?? true,
			isServing: conditions?.serving ?? conditions?.ready ?? true,
			isTerminating: conditions?.terminating ?? false,
			nodeName,
			zone,
			hostname,
			pod:
				targetRef?.kind === "Pod" && targetRef.name !== undefined
					? { namespace: targetRef.namespace ?? context.namespace, name: targetRef.name }
					: undefined,
		})),
		createdAt: context.createdAt,
		source: context.source,
	}),
});
