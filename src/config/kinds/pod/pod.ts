import type { Pod } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { dnsSubdomain } from "../../schema/kubernetes.ts";
import { defaulted, emptiable, object, openObject, optional, required } from "../../schema/object.ts";
import { integer, string } from "../../schema/scalars.ts";
import { refine } from "../../schema/schema.ts";
import { defineKind } from "../kind.ts";

const container = openObject({
	ports: defaulted(
		list(
			openObject({
				name: defaulted(
					string({ minLength: 0, maxLength: 63 }),
					"",
					"Name of the port, which Services may use as target",
				),
				containerPort: required(integer({ min: 1, max: 65_535 }), "Port the application listens on"),
				protocol: defaulted(string({ maxLength: 16 }), "TCP", "Transport; only TCP ports are used"),
			}),
			{ max: 100 },
		),
		[],
		"Ports of the container",
	),
});

/** Templates write an empty name for the namespace's own account. */
const accountName = refine(
	string({
		format: "an RFC 1123 subdomain, or nothing",
		pattern: /^([a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*)?$/,
		minLength: 0,
		maxLength: 253,
	}),
	(name) => (name === "" ? "default" : name),
);

interface Container {
	readonly ports: readonly { readonly name: string; readonly containerPort: number; readonly protocol: string }[];
}

/** `spec` of a Pod, and of the template of Pods. */
export const podSpec = openObject({
	nodeName: optional(dnsSubdomain(), "Node it runs on, for its locality"),
	serviceAccountName: emptiable(defaulted(accountName, "default", "Account in its identity", "default")),
	containers: defaulted(list(container, { max: 100 }), [], "Its containers, for their ports"),
});

const status = openObject({
	phase: optional(string({ maxLength: 32 }), "A Pod that Succeeded or Failed is gone"),
	podIP: optional(string({ minLength: 0, maxLength: 64 }), "Its address; a Pod without one is not there yet"),
	conditions: defaulted(
		list(
			openObject({
				type: required(string({ maxLength: 128 }), "Of the condition"),
				status: required(string({ maxLength: 32 }), "`True`, `False` or `Unknown`"),
			}),
			{ max: 100 },
		),
		[],
		"The condition Ready decides whether it gets traffic",
	),
});

/** The ports that its containers declare. */
export function portsOf({ containers }: { readonly containers: readonly Container[] }): Pod["ports"] {
	return containers
		.flatMap(({ ports }) => ports)
		.filter(({ protocol }) => protocol === "TCP")
		.map(({ name, containerPort }) => ({ name, port: containerPort }));
}

/** `v1` Pod. */
export const podKind = defineKind({
	name: "Pod",
	apiVersions: ["v1"],
	aliases: ["pods", "po"],
	doc: "A running copy of a workload in a cluster: its labels, identity, address and node. Its proxy is the one whose node id names it. The label `istio-locality: region.zone.subzone` wins over the locality of its node.",
	example: `apiVersion: v1
kind: Pod
metadata: { name: reviews-7d9, namespace: shop, labels: { app: reviews } }
spec: { nodeName: node-a, serviceAccountName: reviews }
status:
  podIP: 10.0.0.7
  conditions: [{ type: Ready, status: "True" }]
`,
	naming: "subdomain",
	body: "document",
	spec: object({
		spec: required(podSpec, "What runs, and where"),
		status: optional(status, "Written by Kubernetes: where it is reached, and whether it is ready"),
	}),
	toModel: ({ spec: wanted, status: found }, context): Pod => ({
		namespace: context.namespace,
		name: context.name,
		labels: context.labels,
		annotations: context.annotations,
		serviceAccount: wanted.serviceAccountName,
		nodeName: wanted.nodeName,
		address: found?.podIP === "" ? undefined : found?.podIP,
		isReady: found?.conditions.some(({ type, status: value }) => type === "Ready" && value === "True") ?? false,
		hasEnded: found?.phase === "Succeeded" || found?.phase === "Failed",
		ports: portsOf(wanted),
		createdAt: context.createdAt,
		source: context.source,
	}),
});
