import type { ListenerSet } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { dnsLabel } from "../../schema/kubernetes.ts";
import { defaulted, object, optional, required } from "../../schema/object.ts";
import { string } from "../../schema/scalars.ts";
import { refine } from "../../schema/schema.ts";
import { defineKind } from "../kind.ts";
import { areNamesUnique, listener, toListener } from "./listener.ts";
import { gatewayGroup, group, kindName } from "./reference.ts";

const parentRef = refine(
	object({
		group: defaulted(group(), gatewayGroup, "Group of the Gateway", gatewayGroup),
		kind: defaulted(kindName(), "Gateway", "Gateway", "Gateway"),
		name: required(string({ maxLength: 253 }), "Name of the Gateway"),
		namespace: optional(dnsLabel(), "Its namespace; that of the ListenerSet when absent"),
	}),
	(value, _node, reader) => {
		if (value.group === gatewayGroup && value.kind === "Gateway") return value;
		return reader.field("kind").refuse(`must be a Gateway of ${gatewayGroup}`);
	},
);

const spec = refine(
	object({
		parentRef: required(parentRef, "Gateway that the listeners are added to; its allowedListeners must take them"),
		listeners: required(
			list(listener, { min: 1, max: 64, salvage: "this listener is left out, the other listeners serve" }),
			"Ports, hosts and protocols that are added; those of the Gateway, and of older ListenerSets, come first",
		),
	}),
	(value, _node, reader) => (areNamesUnique(value.listeners, reader) ? value : undefined),
);

/** `gateway.networking.k8s.io/v1` ListenerSet, and its experimental version `gateway.networking.x-k8s.io` XListenerSet (GEP-1713). */
export const listenerSetKind = defineKind({
	name: "ListenerSet",
	apiVersions: [`${gatewayGroup}/v1`, "gateway.networking.x-k8s.io/v1alpha1"],
	aliases: ["listenersets", "lset", "xlistenerset", "xlistenersets"],
	doc: "Listeners that are added to a Gateway from another object, which may be in another namespace; routes name it in parentRefs. Also written as `kind: XListenerSet`.",
	example: `apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: { name: shop, namespace: shop }
spec:
  parentRef: { name: public, namespace: edge }
  listeners:
    - { name: https, hostname: shop.example.com, port: 443, protocol: HTTPS, tls: { certificateRefs: [{ name: shop }] } }
`,
	naming: "subdomain",
	spec,
	toModel: (value, { namespace, name, createdAt, source }): ListenerSet => ({
		namespace,
		name,
		parent: { namespace: value.parentRef.namespace ?? namespace, name: value.parentRef.name },
		listeners: value.listeners.map((item) => toListener(item, namespace)),
		createdAt,
		source,
	}),
});
