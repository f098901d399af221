import type { Resolution, ServiceEntry, ServicePort } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { labels } from "../../schema/kubernetes.ts";
import { defaulted, object, optional, required } from "../../schema/object.ts";
import { oneOf, quote, string } from "../../schema/scalars.ts";
import { type Reader, refine } from "../../schema/schema.ts";
import { networkingVersions } from "../istio/api-versions.ts";
import { portNumber } from "../istio/destination.ts";
import { exportTo, hostName, resolveExportTo } from "../istio/names.ts";
import { parseProtocol, protocolText } from "../istio/protocol.ts";
import { defineKind } from "../kind.ts";
import { toSelector } from "../selector.ts";
import { addressField, endpointFields, toEndpoint } from "../workload-entry/endpoint.ts";

const port = object({
	number: required(portNumber(), "Port that clients use"),
	name: required(
		string({ format: "the name of a port", pattern: /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/, maxLength: 63 }),
		"Name of the port",
	),
	protocol: optional(
		protocolText,
		"HTTP, HTTP2, GRPC, GRPC-Web, HTTPS, TLS, TCP, MONGO, REDIS, MYSQL; told by the first bytes when absent",
	),
	targetPort: optional(portNumber(), "Port of the endpoints; the same as `number` when absent"),
});

const endpoint = refine(object({ address: addressField, ...endpointFields }), (value, _node, reader) =>
	value.address === undefined ? reader.field("address").refuse("is required") : { ...value, address: value.address },
);

const resolutionNames = ["NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS"] as const;

const resolutions: Readonly<Record<(typeof resolutionNames)[number], Resolution>> = {
	NONE: "passthrough",
	STATIC: "endpoints",
	DNS: "dns",
	DNS_ROUND_ROBIN: "dns-round-robin",
	DYNAMIC_DNS: "dynamic-dns",
};

const fields = object({
	hosts: required(list(hostName(), { min: 1, max: 256 }), "Hosts that are added to the mesh; may start with `*.`"),
	addresses: optional(
		list(string({ format: "an address or a block of addresses", pattern: /^[0-9A-Fa-f:.]+(\/\d{1,3})?$/ }), {
			max: 256,
		}),
		"Virtual addresses that clients connect to",
	),
	ports: optional(list(port, { max: 256 }), "Ports of the hosts"),
	location: defaulted(
		oneOf(["MESH_EXTERNAL", "MESH_INTERNAL"]),
		"MESH_EXTERNAL",
		"Whether the hosts belong to the mesh",
		"MESH_EXTERNAL",
	),
	resolution: defaulted(
		oneOf(resolutionNames),
		"NONE",
		"How endpoints are found: `NONE` goes where the client was going, `STATIC` takes `endpoints`, `DNS` asks for their names, or for the host itself, `DYNAMIC_DNS` for the name under a wildcard that a request (or the server name of TLS) asks for",
		"NONE",
	),
	endpoints: optional(
		list(endpoint, { max: 10_000, salvage: "this endpoint is left out, the others serve" }),
		"Endpoints of the hosts",
	),
	workloadSelector: optional(
		object({ labels: optional(labels(), "Labels, all of them") }),
		"WorkloadEntries and workloads of its namespace that are endpoints",
	),
	exportTo: optional(exportTo(), "Namespaces that see it; all when absent"),
	subjectAltNames: optional(list(string(), { max: 256 }), "Names that certificates of the endpoints may carry"),
});

type Spec = typeof fields extends { read(...args: never[]): infer T | undefined } ? T : never;

const spec = refine(fields, (value, _node, reader) => (isPossible(value, reader) ? value : undefined));

function isPossible(value: Spec, reader: Reader): boolean {
	const { resolution, endpoints = [], ports = [], addresses = [], hosts, workloadSelector } = value;
	let isGood = true;
	const refuse = (at: Reader, problem: string): void => {
		at.refuse(problem);
		isGood = false;
	};
	for (const field of ["name", "number"] as const)
		for (const [index, item] of ports.entries()) {
			const first = ports.findIndex((candidate) => candidate[field] === item[field]);
			if (first !== index)
				refuse(reader.field("ports").item(index).field(field), `${quote(String(item[field]))} is there twice`);
		}
	if (endpoints.length > 0 && workloadSelector !== undefined)
		refuse(reader.field("workloadSelector"), "must be absent beside endpoints");
	if (resolution === "NONE" && endpoints.length > 0)
		refuse(reader.field("endpoints"), "must be absent with resolution NONE, which goes where the client was going");
	if (resolution.startsWith("DNS")) {
		if (addresses.some((address) => address.includes("/")))
			refuse(reader.field("addresses"), "blocks of addresses need resolution NONE or STATIC");
		const wildcard = hosts.find((host) => host.startsWith("*"));
		if (endpoints.length === 0 && workloadSelector === undefined && wildcard !== undefined)
			refuse(reader.field("hosts"), `${quote(wildcard)} has no address in DNS: give endpoints, or resolution NONE`);
		if (resolution === "DNS_ROUND_ROBIN" && endpoints.length > 1)
			refuse(reader.field("endpoints"), "must be one at most with resolution DNS_ROUND_ROBIN");
	}
	if (resolution === "DYNAMIC_DNS") {
		const exact = hosts.findIndex((host) => !host.startsWith("*"));
		if (exact >= 0) refuse(reader.field("hosts").item(exact), "must be a wildcard with resolution DYNAMIC_DNS");
		for (const field of ["addresses", "endpoints"] as const)
			if ((value[field] ?? []).length > 0)
				refuse(
					reader.field(field),
					"must be absent with resolution DYNAMIC_DNS, which asks for the names under its hosts",
				);
	}
	if (resolution === "STATIC")
		for (const [index, { address }] of endpoints.entries())
			if (!/^(unix:|[0-9.]+$|.*:)/.test(address))
				refuse(
					reader.field("endpoints").item(index).field("address"),
					`${quote(address)} is no address: write one, or resolution DNS`,
				);
	return isGood;
}

/** `networking.istio.io/v1` ServiceEntry. */
export const serviceEntryKind = defineKind({
	name: "ServiceEntry",
	apiVersions: networkingVersions,
	aliases: ["serviceentries", "se"],
	doc: "Hosts outside the cluster that clients of the mesh call: databases, other companies' APIs, virtual machines.",
	example: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: payments, namespace: shop }
spec:
  hosts: [api.payments.example]
  ports: [{ number: 443, name: tls, protocol: TLS }]
  resolution: DNS
`,
	naming: "subdomain",
	spec,
	toModel: (value, context): ServiceEntry => {
		const seenBy = resolveExportTo(value.exportTo, context.namespace);
		const selector = toSelector(value.workloadSelector?.labels);
		return {
			namespace: context.namespace,
			name: context.name,
			labels: context.labels,
			hosts: value.hosts,
			addresses: value.addresses ?? [],
			ports: (value.ports ?? []).flatMap((item): ServicePort[] => {
				const protocol = parseProtocol(item.protocol);
				return protocol === undefined
					? []
					: [{ name: item.name, port: item.number, protocol, targetPort: item.targetPort ?? item.number }];
			}),
			isExternal: value.location === "MESH_EXTERNAL",
			resolution: resolutions[value.resolution],
			endpoints: (value.endpoints ?? []).map((item) => ({ address: item.address, ...toEndpoint(item) })),
			...(selector !== undefined && { selector }),
			...(seenBy !== undefined && { exportTo: seenBy }),
			subjectAltNames: value.subjectAltNames ?? [],
			createdAt: context.createdAt,
			source: context.source,
		};
	},
});
