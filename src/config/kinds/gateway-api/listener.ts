import type { AllowedNamespaces, AllowedRoutes, GatewayListener, ListenerTls } from "../../../model/index.ts";
import { list, map } from "../../schema/collections.ts";
import { defaulted, type ObjectOf, object, optional, required } from "../../schema/object.ts";
import { oneOf, string } from "../../schema/scalars.ts";
import { type Reader, refine, type Schema } from "../../schema/schema.ts";
import { labelSelector } from "./label-selector.ts";
import {
	gatewayGroup,
	group,
	hostname,
	kindName,
	objectReference,
	port,
	sectionName,
	toReference,
} from "./reference.ts";

const optionKey = {
	format: "an option such as example.com/tls-option",
	pattern: /^[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?$/,
};

const tlsFields = {
	mode: defaulted(
		oneOf(["Terminate", "Passthrough"]),
		"Terminate",
		"Whether the proxy ends TLS or passes it on",
		"Terminate",
	),
	certificateRefs: optional(
		list(objectReference("Secret", "Name of the Secret"), { max: 64 }),
		"Secrets with the certificates that clients see, of type kubernetes.io/tls",
	),
	options: optional(
		map(string({ minLength: 0, maxLength: 4096 }), optionKey),
		"`gateway.istio.io/tls-terminate-mode` (MUTUAL, OPTIONAL_MUTUAL, ISTIO_MUTUAL, ISTIO_SIMPLE) and `gateway.istio.io/tls-cipher-suites`; others have no effect",
	),
};

/** Which namespaces objects may be of that attach. */
export const allowedNamespaces = (fallback: "Same" | "None", doc: string): Schema<AllowedNamespaces> =>
	refine(
		object({
			from: defaulted(oneOf(["All", "Same", "Selector", "None"]), fallback, doc, fallback),
			selector: optional(labelSelector, "Which namespaces, with from: Selector"),
		}),
		({ from, selector }, _node, reader): AllowedNamespaces | undefined => {
			if (from === "Selector" && selector === undefined)
				return reader.field("selector").refuse("is required with from: Selector");
			return { from, ...(selector !== undefined && { selector }) };
		},
	);

const listenerFields = {
	name: required(sectionName(), "Name of the listener, unique in the Gateway"),
	hostname: optional(hostname(), "Host that it is for; every host when absent"),
	port: required(port, "Port that clients use: the port of the Service in front of the proxies"),
	protocol: required(string({ maxLength: 255 }), "HTTP, HTTPS, TLS or TCP"),
	tls: optional(object(tlsFields), "How TLS is ended"),
	allowedRoutes: optional(
		object({
			namespaces: optional(
				allowedNamespaces("Same", "Namespaces of routes"),
				"Namespaces that routes may come from; the Gateway's own when absent",
			),
			kinds: optional(
				list(
					object({
						group: defaulted(group(), gatewayGroup, "Group of the kind", gatewayGroup),
						kind: required(kindName(), "A kind of routes"),
					}),
					{ max: 8 },
				),
				"Kinds of routes; all that the protocol carries when absent",
			),
		}),
		"Which routes may attach",
	),
};

type ListenerSpec = ObjectOf<typeof listenerFields>;

/** One of `listeners`, with its field path. */
export const listener = refine(object(listenerFields), (value, _node, reader) =>
	checkListener(value, reader) ? { ...value, path: reader.path } : undefined,
);

/** The rules between the fields of a listener that its schema in Kubernetes has too. */
function checkListener({ protocol, hostname: host, tls }: ListenerSpec, reader: Reader): boolean {
	const problems: [field: string, problem: string][] = [];
	if ((protocol === "TCP" || protocol === "UDP") && host !== undefined)
		problems.push(["hostname", `must not be set with protocol ${protocol}`]);
	if ((protocol === "HTTP" || protocol === "TCP" || protocol === "UDP") && tls !== undefined)
		problems.push([
			"tls",
			`must not be set with protocol ${protocol}${protocol === "HTTP" ? ": write HTTPS" : ": write TLS"}`,
		]);
	if (protocol === "HTTPS" && tls?.mode === "Passthrough")
		problems.push(["tls", "a HTTPS listener ends TLS: write protocol TLS to pass it on"]);
	const isEmpty = (tls?.certificateRefs ?? []).length === 0 && Object.keys(tls?.options ?? {}).length === 0;
	if (tls?.mode === "Terminate" && isEmpty) problems.push(["tls", "needs certificateRefs to end TLS"]);
	for (const [field, problem] of problems) reader.field(field).refuse(problem);
	return problems.length === 0;
}

/** Refuses listeners of one name. */
export function areNamesUnique(listeners: readonly { readonly name: string }[], reader: Reader): boolean {
	const names = listeners.map(({ name }) => name);
	const double = names.find((name, index) => names.indexOf(name) !== index);
	if (double === undefined) return true;
	reader.field("listeners").refuse(`the name '${double}' is there twice: names of listeners are unique`);
	return false;
}

/** A listener as the model has it. `namespace` is that of the Gateway. */
export function toListener(value: ListenerSpec & { readonly path: string }, namespace: string): GatewayListener {
	return {
		name: value.name,
		...(value.hostname !== undefined && { hostname: value.hostname }),
		port: value.port,
		protocol: value.protocol,
		...(value.tls !== undefined && { tls: toTls(value.tls, namespace) }),
		allowedRoutes: toAllowedRoutes(value.allowedRoutes),
		path: value.path,
	};
}

function toTls(value: ObjectOf<typeof tlsFields>, namespace: string): ListenerTls {
	return {
		mode: value.mode,
		certificateRefs: (value.certificateRefs ?? []).map((reference) => toReference(reference, namespace)),
		options: value.options ?? {},
	};
}

function toAllowedRoutes(value: ListenerSpec["allowedRoutes"]): AllowedRoutes {
	return {
		...(value?.namespaces ?? { from: "Same" as const }),
		kinds: value?.kinds ?? [],
	};
}
