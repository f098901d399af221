import type { PodTemplate } from "../../../model/index.ts";
import { annotations, labels } from "../../schema/kubernetes.ts";
import { defaulted, emptiable, openObject, optional, required } from "../../schema/object.ts";
import { integer } from "../../schema/scalars.ts";
import { defineKind } from "../kind.ts";
import { podSpec, portsOf } from "./pod.ts";

const spec = openObject({
	replicas: defaulted(integer({ min: 0, max: 1_000_000 }), 1, "How many Pods there are to be; not read of a DaemonSet"),
	template: required(
		openObject({
			metadata: optional(
				openObject({
					labels: emptiable(optional(labels(), "Labels of its Pods, which Services and policies select by")),
					annotations: emptiable(optional(annotations(), "Notes of its Pods; `sidecar.istio.io/inject` is read")),
				}),
				"What its Pods are known by",
			),
			spec: required(podSpec, "What its Pods run"),
		}),
		"What its Pods are",
	),
});

const doc =
	"Starts nothing: `amime up` runs Workloads, and of a cluster the Pods count. `analyze`, `explain`, `verify` and `diff` of a folder take its Pods to run, each with a sidecar unless `sidecar.istio.io/inject` is `false`.";

function defineTemplate<Name extends "Deployment" | "StatefulSet" | "DaemonSet">(
	name: Name,
	aliases: readonly string[],
) {
	return defineKind({
		name,
		apiVersions: ["apps/v1"],
		aliases,
		doc,
		example: `apiVersion: apps/v1
kind: ${name}
metadata: { name: reviews-v1, namespace: shop }
spec:
  selector: { matchLabels: { app: reviews, version: v1 } }
  template:
    metadata: { labels: { app: reviews, version: v1 } }
    spec:
      serviceAccountName: reviews
      containers: [{ name: reviews, image: reviews, ports: [{ containerPort: 9080 }] }]
`,
		naming: "subdomain",
		spec,
		toModel: ({ replicas, template }, { namespace, name: own, createdAt, source }): PodTemplate => ({
			namespace,
			name: own,
			replicas: name === "DaemonSet" ? 1 : replicas,
			labels: template.metadata?.labels ?? {},
			annotations: template.metadata?.annotations ?? {},
			serviceAccount: template.spec.serviceAccountName,
			ports: portsOf(template.spec),
			createdAt,
			source,
		}),
	});
}

/** `apps/v1` Deployment. */
export const deploymentKind = defineTemplate("Deployment", ["deployments", "deploy"]);
/** `apps/v1` StatefulSet. */
export const statefulSetKind = defineTemplate("StatefulSet", ["statefulsets", "sts"]);
/** `apps/v1` DaemonSet. */
export const daemonSetKind = defineTemplate("DaemonSet", ["daemonsets", "ds"]);
