import type { Namespace } from "../../../model/index.ts";
import { ignored, object } from "../../schema/object.ts";
import { defineKind } from "../kind.ts";

/** `v1` Namespace. */
export const namespaceKind = defineKind({
	name: "Namespace",
	apiVersions: ["v1"],
	aliases: ["namespaces", "ns"],
	doc: "A namespace, for its labels: Gateways choose routes by them. A namespace needs no object to exist.",
	example: `apiVersion: v1
kind: Namespace
metadata: { name: shop, labels: { team: shop } }
`,
	naming: "label",
	body: "document",
	spec: object({
		spec: ignored("Written by Kubernetes; accepted, without effect"),
		status: ignored("Written by Kubernetes; accepted, without effect"),
	}),
	// As Kubernetes labels every namespace by itself.
	toModel: (_value, { name, labels }): Namespace => ({
		name,
		labels: { ...labels, "kubernetes.io/metadata.name": name },
	}),
});
