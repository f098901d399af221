import type { ClusterNode } from "../../../model/index.ts";
import { ignored, object } from "../../schema/object.ts";
import { defineKind } from "../kind.ts";

/** `v1` Node. */
export const nodeKind = defineKind({
	name: "Node",
	apiVersions: ["v1"],
	aliases: ["nodes"],
	doc: "A machine of a cluster, for the locality of the Pods on it: the labels `topology.kubernetes.io/region`, `topology.kubernetes.io/zone` and `topology.istio.io/subzone`.",
	example: `apiVersion: v1
kind: Node
metadata:
  name: node-a
  labels: { topology.kubernetes.io/region: eu, topology.kubernetes.io/zone: eu-1 }
`,
	naming: "subdomain",
	body: "document",
	spec: object({
		spec: ignored("Written by Kubernetes; accepted, without effect"),
		status: ignored("Written by Kubernetes; accepted, without effect"),
	}),
	toModel: (_value, { name, labels }): ClusterNode => ({ name, labels }),
});
