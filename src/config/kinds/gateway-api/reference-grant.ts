import type { ReferenceGrant } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { dnsLabel } from "../../schema/kubernetes.ts";
import { object, optional, required } from "../../schema/object.ts";
import { string } from "../../schema/scalars.ts";
import { defineKind } from "../kind.ts";
import { gatewayGroup, group, kindName } from "./reference.ts";

const spec = object({
	from: required(
		list(
			object({
				group: required(group(), "Group of the objects that refer"),
				kind: required(kindName(), "Kind of the objects that refer, such as HTTPRoute or Gateway"),
				namespace: required(dnsLabel(), "Their namespace"),
			}),
			{ min: 1, max: 16 },
		),
		"Who may refer",
	),
	to: required(
		list(
			object({
				group: required(group(), "Group of the objects referred to; empty for Services and Secrets"),
				kind: required(kindName(), "Kind of the objects referred to"),
				name: optional(string({ maxLength: 253 }), "Name of the one object; all of the kind when absent"),
			}),
			{ min: 1, max: 16 },
		),
		"What may be referred to, in the grant's own namespace",
	),
});

/** `gateway.networking.k8s.io/v1` ReferenceGrant. */
export const referenceGrantKind = defineKind({
	name: "ReferenceGrant",
	apiVersions: [`${gatewayGroup}/v1`, `${gatewayGroup}/v1beta1`, `${gatewayGroup}/v1alpha2`],
	aliases: ["referencegrants", "refgrant"],
	doc: "Lets Gateways and routes of another namespace refer to Secrets and Services of its own.",
	example: `apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: { name: from-edge, namespace: shop }
spec:
  from: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: edge }]
  to: [{ group: "", kind: Service }]
`,
	naming: "subdomain",
	spec,
	toModel: (value, { namespace, name, source }): ReferenceGrant => ({
		namespace,
		name,
		from: value.from,
		to: value.to.map(({ group: of, kind, name: only }) => ({
			group: of,
			kind,
			...(only !== undefined && { name: only }),
		})),
		source,
	}),
});
