import type { GatewayClass } from "../../../model/index.ts";
import { dnsLabel } from "../../schema/kubernetes.ts";
import { ignored, object, optional, required } from "../../schema/object.ts";
import { string } from "../../schema/scalars.ts";
import { defineKind } from "../kind.ts";
import { gatewayGroup, group, kindName } from "./reference.ts";

const spec = object({
	controllerName: required(
		string({
			format: "a controller name such as amime.dev/gateway-controller",
			pattern: /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/,
			maxLength: 253,
		}),
		"Who looks after Gateways of the class: amime.dev/gateway-controller, or istio.io/gateway-controller",
	),
	parametersRef: optional(
		object({
			group: required(group(), "Group of the kind"),
			kind: required(kindName(), "Kind of the object"),
			name: required(string({ maxLength: 253 }), "Name of the object"),
			namespace: optional(dnsLabel(), "Namespace of the object"),
		}),
		"Settings of the class; there are none, so a reference is reported in the status",
	),
	description: ignored("What it is for, for people"),
});

/** `gateway.networking.k8s.io/v1` GatewayClass. */
export const gatewayClassKind = defineKind({
	name: "GatewayClass",
	apiVersions: [`${gatewayGroup}/v1`, `${gatewayGroup}/v1beta1`],
	aliases: ["gatewayclasses", "gc"],
	doc: "A name for Gateways that this control plane looks after. The classes `amime` and `istio` are there without an object.",
	example: `apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: public }
spec:
  controllerName: amime.dev/gateway-controller
`,
	naming: "subdomain",
	spec,
	toModel: (value, { name, namespace, createdAt, source }): GatewayClass => ({
		namespace,
		name,
		controllerName: value.controllerName,
		...(value.parametersRef !== undefined && {
			parametersRef: { ...value.parametersRef, namespace: value.parametersRef.namespace ?? "" },
		}),
		createdAt,
		source,
	}),
});
