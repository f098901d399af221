import {
	type BackendReference,
	type Destination,
	isGatewayParent,
	isListenerSetParent,
	isServiceEntryParent,
	isServiceParent,
	type ObjectReference,
	type ParentReference,
} from "../../../model/index.ts";
import type { Node } from "../../document/node.ts";
import { list } from "../../schema/collections.ts";
import { dnsLabel } from "../../schema/kubernetes.ts";
import { defaulted, type ObjectOf, object, optional, required } from "../../schema/object.ts";
import { integer, string } from "../../schema/scalars.ts";
import { type Reader, refine, type Schema } from "../../schema/schema.ts";

/** The group of the kinds of the Gateway API. */
export const gatewayGroup = "gateway.networking.k8s.io";

/** `group` of a reference; empty is the core group. */
export function group(): Schema<string> {
	return string({
		format: "an API group such as gateway.networking.k8s.io",
		pattern: /^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
		minLength: 0,
		maxLength: 253,
	});
}

/** `kind` of a reference. */
export function kindName(): Schema<string> {
	return string({ format: "a kind such as Service", pattern: /^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$/, maxLength: 63 });
}

/** Name of a listener, port or rule. */
export function sectionName(): Schema<string> {
	return string({
		format: "a section name: lower case letters, digits, '-' and '.'",
		pattern: /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/,
		maxLength: 253,
	});
}

/** A host, `*.` in front allowed; read in lower case. */
export function hostname(): Schema<string> {
	return string({
		format: "a host such as shop.example.com or *.example.com, in lower case, without a port and no IP address",
		pattern: /^(?!\d+\.\d+\.\d+\.\d+$)(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
		maxLength: 253,
	});
}

/** One host, no wildcard. */
export function preciseHostname(): Schema<string> {
	return string({
		format: "a host such as shop.example.com, in lower case, without a wildcard or a port and no IP address",
		pattern: /^(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
		maxLength: 253,
	});
}

export const port = integer({ min: 1, max: 65_535 });

const objectName = string({ maxLength: 253 });

/** `weight` of a backend. */
export const weight = defaulted(
	integer({ min: 0, max: 1_000_000 }),
	1,
	"Share of the traffic, relative to the other backends; 0 gets none",
);

const parentFields = {
	group: optional(
		group(),
		`Group of the parent's kind; that of the Gateway API for a Gateway or a ListenerSet, empty for a Service`,
	),
	kind: defaulted(
		kindName(),
		"Gateway",
		"Kind of the parent: Gateway, ListenerSet, Service, or Istio's ServiceEntry",
		"Gateway",
	),
	name: required(objectName, "Name of the parent"),
	namespace: optional(dnsLabel(), "Namespace of the parent; that of the route when absent"),
	port: optional(port, "Port of the Service, or of the Gateway's listeners; all when absent"),
	sectionName: optional(sectionName(), "Name of the listener of the Gateway, or of the port of the Service"),
};

/** One of `parentRefs` of a route. */
const parentReference: Schema<ParentReferenceSpec> = refine(object(parentFields), (value, node, reader) => {
	const parent = {
		...value,
		// A Service without a group can only be meant to be one.
		group: value.group ?? (value.kind === "Service" ? "" : gatewayGroup),
		written: writtenOf(node),
	};
	if (isGatewayParent(parent) || isListenerSetParent(parent) || isServiceParent(parent) || isServiceEntryParent(parent))
		return parent;
	if (value.kind === "Service") return reader.field("group").refuse('a Service is in the core group, write group: ""');
	if (value.kind === "Gateway")
		return reader
			.field("group")
			.refuse(`a Gateway is in the group ${gatewayGroup}; to bind to Istio's Gateway write a VirtualService`);
	reader.warn(`a parent of kind ${parent.group}/${value.kind} is not known here; the reference is left to others`);
	return parent;
});

/** One of `parentRefs` as read. */
export type ParentReferenceSpec = Omit<ObjectOf<typeof parentFields>, "group"> & {
	readonly group: string;
	/** The reference as the document has it. */
	readonly written: Readonly<Record<string, string | number>>;
};

/** `parentRefs` of a route. */
export const parentReferences = defaulted(
	list(parentReference, { max: 32 }),
	[],
	"Gateways whose listeners the route is for, and Services whose clients it is for; a route without any has no effect",
);

function writtenOf(node: Node): Record<string, string | number> {
	if (node.kind !== "map") return {};
	const pairs = [...node.entries].flatMap(([name, { value }]): [string, string | number][] =>
		value.kind === "scalar" && (typeof value.value === "string" || typeof value.value === "number")
			? [[name, value.value]]
			: [],
	);
	return Object.fromEntries(pairs);
}

/** A parent as the model has it. `namespace` is that of the route. */
export function toParent(value: ParentReferenceSpec, namespace: string): ParentReference {
	return {
		group: value.group,
		kind: value.kind,
		namespace: value.namespace ?? namespace,
		name: value.name,
		...(value.sectionName !== undefined && { sectionName: value.sectionName }),
		...(value.port !== undefined && { port: value.port }),
		written: value.written,
	};
}

export const backendFields = {
	group: defaulted(group(), "", "Group of the backend's kind; the core group by default", '""'),
	kind: defaulted(kindName(), "Service", "Kind of the backend; a Service by default", "Service"),
	name: required(objectName, "Name of the backend"),
	namespace: optional(
		dnsLabel(),
		"Namespace of the backend; that of the route when absent. Another one takes a ReferenceGrant there",
	),
	port: optional(port, "Port of the backend; required for a Service"),
};

/** `backendRef` as read. */
export type BackendSpec = ObjectOf<typeof backendFields>;

/** Says when a Service is named without a port; the backend is refused. */
export function checkBackend<T extends BackendSpec>(value: T, reader: Reader): T | undefined {
	if (value.group !== "" || value.kind !== "Service" || value.port !== undefined) return value;
	return reader.field("port").refuse("is required: the port of the Service");
}

/** What a reference means to the rules: a Service, a host of the mesh (Istio's `Hostname`), or nothing that can be used. */
export function toDestination(value: BackendSpec, namespace: string): Destination {
	const { group: of, kind, name } = value;
	if (of === "" && kind === "Service")
		return { kind: "service", service: { namespace: value.namespace ?? namespace, name } };
	if (of === "networking.istio.io" && kind === "Hostname") return { kind: "host", host: name };
	return { kind: "unusable", reason: `backends of kind ${of === "" ? "" : `${of}/`}${kind} are not supported` };
}

/** A backend as the status of its route speaks of it. */
export function toBackendReference(
	value: BackendSpec & { readonly path: string },
	namespace: string,
): BackendReference {
	return {
		group: value.group,
		kind: value.kind,
		name: value.name,
		namespace: value.namespace ?? namespace,
		...(value.port !== undefined && { port: value.port }),
		path: value.path,
	};
}

/** A reference to an object, of `kind` of the core group unless it says otherwise. */
export function objectReference(kind: string, doc: string) {
	return object({
		group: defaulted(group(), "", "Group of the kind; the core group by default", '""'),
		kind: defaulted(kindName(), kind, `Kind of the object; ${kind} by default`, kind),
		name: required(objectName, doc),
		namespace: optional(
			dnsLabel(),
			"Namespace of it; the object's own when absent. Another one takes a ReferenceGrant there",
		),
	});
}

/** A reference as the model has it. */
export function toReference(
	value: {
		readonly group: string;
		readonly kind: string;
		readonly name: string;
		readonly namespace?: string | undefined;
	},
	namespace: string,
): ObjectReference {
	return { group: value.group, kind: value.kind, name: value.name, namespace: value.namespace ?? namespace };
}
