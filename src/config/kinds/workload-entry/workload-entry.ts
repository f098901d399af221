import type { WorkloadEntry, WorkloadGroup } from "../../../model/index.ts";
import { list, map } from "../../schema/collections.ts";
import { labels } from "../../schema/kubernetes.ts";
import { object, openObject, optional, required } from "../../schema/object.ts";
import { string } from "../../schema/scalars.ts";
import { refine } from "../../schema/schema.ts";
import { networkingVersions } from "../istio/api-versions.ts";
import { defineKind } from "../kind.ts";
import { addressField, endpointFields, toEndpoint } from "./endpoint.ts";
import { probe } from "./probe.ts";

const entrySpec = refine(object({ address: addressField, ...endpointFields }), (value, _node, reader) =>
	value.address === undefined ? reader.field("address").refuse("is required") : { ...value, address: value.address },
);

const entryStatus = openObject({
	conditions: optional(
		list(
			openObject({
				type: required(string({ maxLength: 128 }), "Of the condition"),
				status: required(string({ maxLength: 32 }), "`True`, `False` or `Unknown`"),
			}),
			{ max: 100 },
		),
		'With the annotation `proxy.istio.io/health-checks-enabled: "true"` it gets traffic while Healthy is `True`',
	),
});

/** Where health checks are asked for, a workload is unhealthy until it was found healthy (Istio). */
function isUnready(
	annotations: Readonly<Record<string, string>>,
	conditions: readonly { readonly type: string; readonly status: string }[],
): boolean {
	const isAsked = /^(1|t|true)$/i.test(annotations["proxy.istio.io/health-checks-enabled"] ?? "");
	return isAsked && !conditions.some(({ type, status }) => type === "Healthy" && status === "True");
}

/** `networking.istio.io/v1` WorkloadEntry. */
export const workloadEntryKind = defineKind({
	name: "WorkloadEntry",
	apiVersions: networkingVersions,
	aliases: ["workloadentries", "we"],
	doc: "A workload outside the cluster, that Services and ServiceEntries select by label.",
	example: `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: vm-1, namespace: shop }
spec:
  address: 10.0.0.7
  labels: { app: billing, version: v1 }
  serviceAccount: billing
`,
	naming: "subdomain",
	body: "document",
	spec: object({
		spec: required(entrySpec, "What it is"),
		status: optional(entryStatus, "Written by whoever checks its health"),
	}),
	toModel: ({ spec: value, status }, context): WorkloadEntry => ({
		namespace: context.namespace,
		name: context.name,
		address: value.address,
		...toEndpoint(value, context.labels),
		...(isUnready(context.annotations, status?.conditions ?? []) && { isUnready: true }),
		createdAt: context.createdAt,
		source: context.source,
	}),
});

const groupSpec = object({
	metadata: optional(
		object({
			labels: optional(labels(), "Labels of the workloads"),
			annotations: optional(
				map(string({ minLength: 0 }), { format: "an annotation", pattern: /^\S+$/ }),
				"Notes for the workloads",
			),
		}),
		"What every registered workload is given",
	),
	template: required(object({ address: addressField, ...endpointFields }), "What the workloads have in common"),
	probe: optional(
		probe,
		"How the control plane finds out whether a registered workload can serve; it is believed when absent",
	),
});

/** `networking.istio.io/v1` WorkloadGroup. */
export const workloadGroupKind = defineKind({
	name: "WorkloadGroup",
	apiVersions: networkingVersions,
	aliases: ["workloadgroups", "wg"],
	doc: "What workloads outside the cluster that register themselves (`PUT /v1/instances/NAMESPACE/NAME` with `group`) have in common.",
	example: `apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: { name: billing, namespace: shop }
spec:
  metadata: { labels: { app: billing } }
  template: { serviceAccount: billing, ports: { http: 8080 } }
`,
	naming: "subdomain",
	spec: groupSpec,
	toModel: (value, context): WorkloadGroup => {
		const template = toEndpoint(value.template, value.metadata?.labels ?? {});
		return {
			namespace: context.namespace,
			name: context.name,
			labels: template.labels,
			template,
			...(value.probe !== undefined && { probe: value.probe }),
			createdAt: context.createdAt,
			source: context.source,
		};
	},
});
