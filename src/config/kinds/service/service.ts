import type { PortProtocol, Service, ServicePort } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { dnsLabel, dnsSubdomain, labels } from "../../schema/kubernetes.ts";
import { defaulted, ignored, type ObjectOf, object, optional, required } from "../../schema/object.ts";
import { boolean, integer, oneOf, quote, string } from "../../schema/scalars.ts";
import { refine, type Schema } from "../../schema/schema.ts";
import { resolveExportTo } from "../istio/names.ts";
import { defineKind } from "../kind.ts";
import { toSelector } from "../selector.ts";

/** A Service as its document says it. `undeclared` are the ports whose protocol the document leaves open: the workload's own
 *  port decides (buildMesh). */
export interface ServiceDocument extends Service {
	readonly undeclared: readonly number[];
	/** Ports whose `appProtocol` nobody knows. */
	readonly unknown: readonly number[];
	/** Ports whose TLS the workload terminates. */
	readonly tlsPorts: readonly number[];
	/** Endpoints that are not ready count as ready. */
	readonly publishesUnready: boolean;
}

const clusterOnly = "addresses and families of a cluster network; the mesh finds services by name";

/** `appProtocol` values with a meaning to the mesh. */
const appProtocols: Readonly<Record<string, PortProtocol>> = {
	http: "http",
	"kubernetes.io/ws": "http",
	http2: "http2",
	"kubernetes.io/h2c": "http2",
	grpc: "grpc",
	"grpc-web": "http",
	tcp: "tcp",
	tls: "tcp",
	https: "tcp",
	"kubernetes.io/wss": "tcp",
	mongo: "tcp",
	mysql: "tcp",
	redis: "tcp",
};

/** Ports whose protocols speak first from the server or are no HTTP; the list of Linkerd's opaque ports and Mongo's. */
const tcpPorts: ReadonlySet<number> = new Set([25, 587, 3306, 4444, 5432, 6379, 9300, 11211, 27017]);

const portFields = {
	name: optional(
		dnsLabel(),
		"Name of the port, needed with several. A prefix (`http-`, `grpc-`, `tcp-`) says the protocol",
	),
	port: required(integer({ min: 1, max: 65_535 }), "Port that clients use"),
	targetPort: optional(targetPort(), "Port of the workload, by number or by name; the same as `port` when absent"),
	protocol: defaulted(
		oneOf(["TCP", "UDP", "SCTP"]),
		"TCP",
		"Transport; the mesh carries TCP, other ports are left as they are",
	),
	appProtocol: optional(
		string({ maxLength: 63 }),
		`What the port speaks: ${Object.keys(appProtocols).join(", ")}. Wins over the prefix of the name; without either the workload's port says it, and HTTP is assumed otherwise`,
	),
	nodePort: ignored("Port on a node of a cluster; without effect in the mesh"),
};

type PortSpec = ObjectOf<typeof portFields>;

const port = refine(object(portFields), (value, _node, reader) => {
	if (isUnknown(value.appProtocol))
		reader.warn(
			`appProtocol ${quote(value.appProtocol)} is not known and carried as tcp, in a cluster as what its first bytes are; known are ${Object.keys(appProtocols).join(", ")}`,
		);
	return value;
});

const spec = refine(
	object({
		selector: optional(labels(), "Labels of the workloads behind the service; without it there are none"),
		ports: defaulted(
			list(port, { max: 100 }),
			[],
			"Ports of the service; at least one unless it is headless or an ExternalName",
		),
		type: defaulted(
			oneOf(["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"]),
			"ClusterIP",
			"Kubernetes' type; inside the mesh all but ExternalName behave as ClusterIP",
		),
		externalName: optional(dnsSubdomain(), "The name that a service of type ExternalName stands for"),
		sessionAffinity: defaulted(
			oneOf(["None", "ClientIP"]),
			"None",
			"Kubernetes' stickiness by client address; without effect in the mesh (as in Istio), where a DestinationRule's `consistentHash` says it",
		),
		sessionAffinityConfig: ignored("How long Kubernetes' stickiness holds; without effect in the mesh"),
		publishNotReadyAddresses: defaulted(boolean(), false, "Endpoints that are not ready get traffic too"),
		clusterIP: optional(
			string({ minLength: 0, maxLength: 64 }),
			"Address of the service where traffic is captured; `None` is a headless service, whose endpoints are called by their own addresses",
		),
		clusterIPs: optional(list(string({ minLength: 0, maxLength: 64 }), { max: 2 }), "All addresses of the service"),
		internalTrafficPolicy: defaulted(
			oneOf(["Cluster", "Local"]),
			"Cluster",
			"`Local`: only endpoints on the client's node",
		),
		trafficDistribution: optional(
			oneOf(["PreferClose", "PreferSameZone", "PreferSameNode"]),
			"Endpoints in the client's zone (PreferClose, PreferSameZone) or on its node are preferred",
		),
		ipFamilies: ignored(clusterOnly),
		ipFamilyPolicy: ignored(clusterOnly),
		externalTrafficPolicy: ignored(clusterOnly),
		externalIPs: ignored(clusterOnly),
		loadBalancerIP: ignored(clusterOnly),
		loadBalancerSourceRanges: ignored(clusterOnly),
		loadBalancerClass: ignored(clusterOnly),
		allocateLoadBalancerNodePorts: ignored(clusterOnly),
		healthCheckNodePort: ignored(clusterOnly),
	}),
	(value, node, reader) => {
		const names = new Map<string, number>();
		const numbers = new Map<string, number>();
		let isGood = true;
		const isExternal = value.type === "ExternalName";
		if (isExternal && value.externalName === undefined) {
			reader.field("externalName").refuse("is required for type ExternalName");
			isGood = false;
		}
		if (value.ports.length === 0 && !isExternal && value.clusterIP !== "None") {
			reader
				.field("ports")
				.refuse(node.kind === "map" && node.entries.has("ports") ? "must have at least 1 item" : "is required");
			isGood = false;
		}
		if (value.sessionAffinity === "ClientIP")
			reader
				.field("sessionAffinity")
				.warn("has no effect in the mesh: balance by a DestinationRule (consistentHash with useSourceIp)");
		for (const [index, { name, port: number, protocol }] of value.ports.entries()) {
			const at = reader.field("ports").item(index);
			if (name === undefined && value.ports.length > 1) {
				at.field("name").refuse("is required when a service has several ports");
				isGood = false;
			}
			const address = `${number}/${protocol}`;
			if (numbers.has(address)) {
				at.field("port").refuse(`port ${number} is there twice, first as ports[${numbers.get(address)}]`);
				isGood = false;
			}
			if (name !== undefined && names.has(name)) {
				at.field("name").refuse(`${quote(name)} is there twice, first as ports[${names.get(name)}]`);
				isGood = false;
			}
			numbers.set(address, index);
			if (name !== undefined) names.set(name, index);
		}
		return isGood ? { ...value, ports: value.ports.filter(({ protocol }) => protocol === "TCP") } : undefined;
	},
);

/** `v1/Service`. */
export const serviceKind = defineKind({
	name: "Service",
	apiVersions: ["v1"],
	aliases: ["services", "svc"],
	doc: "A name that clients call, and the workloads behind it.",
	example: `apiVersion: v1
kind: Service
metadata: { name: reviews, namespace: shop }
spec:
  selector: { app: reviews }
  ports:
    - { name: http, port: 80, targetPort: http }
`,
	naming: "label",
	spec,
	toModel: (value, context): ServiceDocument => ({
		namespace: context.namespace,
		name: context.name,
		labels: context.labels,
		// An empty selector is as none: in Kubernetes it selects nothing.
		selector: toSelector(value.selector),
		ports: value.ports.map(toServicePort),
		...toAddresses(value),
		trafficDistribution: readTrafficDistribution(
			value.trafficDistribution ?? context.annotations["networking.istio.io/traffic-distribution"],
		),
		isNodeLocal: value.internalTrafficPolicy === "Local" ? true : undefined,
		exportTo: readExportTo(context.annotations["networking.istio.io/exportTo"], context.namespace),
		createdAt: context.createdAt,
		publishesUnready: value.publishNotReadyAddresses,
		tlsPorts: value.ports.filter(speaksTls).map((item) => item.port),
		undeclared: value.ports.filter((item) => declaredProtocol(item) === undefined).map((item) => item.port),
		unknown: value.ports
			.filter(({ appProtocol, port: number }) => isUnknown(appProtocol) && !tcpPorts.has(number))
			.map((item) => item.port),
		source: context.source,
	}),
});

function isUnknown(appProtocol: string | undefined): appProtocol is string {
	return appProtocol !== undefined && knownAppProtocol(appProtocol) === undefined;
}

/** By the field, else by Istio's annotation, in any case; anything else is none. */
function readTrafficDistribution(text: string | undefined): Service["trafficDistribution"] {
	switch (text?.toLowerCase()) {
		case "preferclose":
		case "prefersamezone":
			return "PreferSameZone";
		case "prefersamenode":
			return "PreferSameNode";
		default:
			return undefined;
	}
}

/** Empty texts are no addresses. */
function toAddresses(value: SpecOf<typeof spec>): Pick<Service, "addresses" | "isHeadless" | "aliasOf"> {
	if (value.type === "ExternalName") return { aliasOf: value.externalName };
	const addresses = [...(value.clusterIPs ?? []), value.clusterIP ?? ""].filter((address) => address !== "");
	if (addresses.includes("None")) return { isHeadless: true };
	return addresses.length === 0 ? {} : { addresses: [...new Set(addresses)] };
}

function readExportTo(text: string | undefined, namespace: string): readonly string[] | undefined {
	const namespaces = text
		?.split(",")
		.map((item) => item.trim())
		.filter((item) => item !== "");
	return resolveExportTo(namespaces, namespace);
}

type SpecOf<S> = S extends Schema<infer T> ? T : never;

function toServicePort(value: PortSpec): ServicePort {
	return {
		name: value.name ?? "",
		port: value.port,
		protocol: declaredProtocol(value) ?? (tcpPorts.has(value.port) ? "tcp" : "http"),
		targetPort: value.targetPort ?? value.port,
	};
}

function declaredProtocol(value: PortSpec): PortProtocol | undefined {
	if (value.appProtocol !== undefined) return appProtocols[knownAppProtocol(value.appProtocol) ?? "tcp"];
	if (value.name === undefined) return undefined;
	const longest = longestPrefix(value.name);
	return longest === undefined ? undefined : appProtocols[longest];
}

function speaksTls({ appProtocol, name }: PortSpec): boolean {
	const word = appProtocol === undefined ? longestPrefix(name ?? "") : knownAppProtocol(appProtocol);
	return word === "tls" || word === "https" || word === "kubernetes.io/wss";
}

/** `appProtocol` in any case, or what stands before a `-` in it, as in names (Istio). */
function knownAppProtocol(text: string): string | undefined {
	return longestPrefix(text.toLowerCase());
}

function longestPrefix(name: string): string | undefined {
	// The longest known prefix that is the whole name or ends at a '-', so that `grpc-web` is not `grpc`.
	const known = Object.keys(appProtocols).filter((prefix) => name === prefix || name.startsWith(`${prefix}-`));
	return known.sort((left, right) => right.length - left.length)[0];
}

function targetPort(): Schema<number | string> {
	const number = integer({ min: 1, max: 65_535 });
	const name = string({
		format: "a port name: lower case letters, digits and '-'",
		pattern: /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/,
		maxLength: 63,
	});
	return {
		description: { type: "integer or string", format: "a port from 1 to 65535, or the name of a workload's port" },
		read: (node, reader): number | string | undefined =>
			node.kind === "scalar" && typeof node.value === "number" ? number.read(node, reader) : name.read(node, reader),
	};
}
