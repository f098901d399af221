import type { HostSelector, Sidecar, SidecarEgress, SidecarIngress, SidecarPort } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { labels } from "../../schema/kubernetes.ts";
import { defaulted, ignored, object, optional, required } from "../../schema/object.ts";
import { oneOf, string } from "../../schema/scalars.ts";
import { type Reader, refine, type Schema } from "../../schema/schema.ts";
import { connectionPool, defined } from "../destination-rule/connection-pool.ts";
import { networkingVersions } from "../istio/api-versions.ts";
import { destination, portNumber } from "../istio/destination.ts";
import { parseProtocol, protocolText } from "../istio/protocol.ts";
import { findTlsFault, type ServerTlsSpec, serverTls, toServerTls } from "../istio-gateway/server-tls.ts";
import { defineKind } from "../kind.ts";
import { toSelector } from "../selector.ts";

const port = refine(
	object({
		number: defaulted(portNumber(), 0, "Port; absent for a unix socket", "absent"),
		name: defaulted(string({ minLength: 0, maxLength: 63 }), "", "Name of the port"),
		protocol: optional(protocolText, "HTTP, HTTPS, GRPC, HTTP2, TCP, TLS, HTTP_PROXY and so on"),
		targetPort: ignored("Without effect, as in Istio"),
	}),
	({ number, name, protocol }) => ({
		number,
		name,
		isHttps: protocol?.toUpperCase() === "HTTPS",
		protocol: protocol?.toUpperCase() === "HTTP_PROXY" ? ("http-proxy" as const) : (parseProtocol(protocol) ?? "tcp"),
	}),
);

const bind = string({
	format: "an address or unix:///path",
	pattern: /^(unix:\/\/(@|\/)\S*|[0-9A-Fa-f:.]+)$/,
	maxLength: 1024,
});
const captureMode = defaulted(
	oneOf(["DEFAULT", "IPTABLES", "NONE"]),
	"DEFAULT",
	"How traffic comes to the listener; `NONE`: clients connect to it",
	"DEFAULT",
);

const hostSelector: Schema<HostSelector> = refine(
	string({ format: "namespace/host", maxLength: 512 }),
	(text, _node, reader) => {
		const [written = "", host, ...rest] = text.split("/");
		// `~` takes hosts of a namespace out of what others let in, alone hosts of every namespace: `~/*` leaves nothing.
		const isExcluded = written.startsWith("~");
		const namespace = written === "~" ? "*" : isExcluded ? written.slice(1) : written;
		if (host === undefined || rest.length > 0)
			return reader.refuse(
				"must be a namespace ('.' the own, '*' any), '/' and a host, such as ./*; with '~' before the namespace, or in its place for any, it takes hosts out",
			);
		if (!/^(\.|\*|[a-z0-9]([a-z0-9-]*[a-z0-9])?)$/.test(namespace))
			return reader.refuse(`has no namespace before '/': write '.', '*' or a name, or '~' before them`);
		if (!/^(\*|(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?)$/.test(host))
			return reader.refuse("has no host after '/': write a full name, or '*' alone or as its first label");
		return { namespace, host: host.toLowerCase(), ...(isExcluded && { isExcluded }) };
	},
);

const egress = object({
	port: optional(port, "Port that it is for; every port when absent"),
	bind: optional(bind, "Where the proxy listens; the captured addresses when absent"),
	captureMode,
	hosts: required(list(hostSelector, { min: 1, max: 10_000 }), "Services that proxies see, `namespace/host`"),
});

const ingressFields = {
	port: required(port, "Port that clients connect to"),
	bind: optional(bind, "Where the proxy listens; the workload's address when absent"),
	captureMode,
	defaultEndpoint: optional(
		string({
			format: "address:port of the workload, or unix:///path",
			pattern: /^(unix:\/\/\S+|(127\.0\.0\.1|0\.0\.0\.0|\[::1\]|\[::\]):\d{1,5})$/,
			maxLength: 1024,
		}),
		"Where the application listens",
	),
	connectionPool: optional(connectionPool, "Bounds of connections to the application"),
	tls: optional(
		serverTls,
		"TLS of clients outside the mesh that the proxy ends: SIMPLE or MUTUAL with files, which `amime up` takes from the folder of the Workload where they are relative. In effect where PeerAuthentication says DISABLE for the port",
	),
};

const ingress = refine(object(ingressFields), (value, _node, reader) => {
	const fault = value.tls === undefined ? undefined : findIngressTlsFault(value.tls);
	return fault === undefined ? value : reader.field("tls").refuse(fault);
});

/** What a sidecar cannot do: it is given no Secrets. */
function findIngressTlsFault(tls: ServerTlsSpec): string | undefined {
	if (tls.mode !== "SIMPLE" && tls.mode !== "MUTUAL")
		return `mode ${tls.mode} is not for sidecars: write SIMPLE or MUTUAL`;
	if (tls.credentialName !== undefined || tls.credentialNames !== undefined || tls.caCertCredentialName !== undefined)
		return "sidecars are given no Secrets: write serverCertificate and privateKey, files on the proxy's machine";
	return findTlsFault("HTTPS", tls);
}

const spec = refine(
	object({
		workloadSelector: optional(
			object({ labels: optional(labels(), "Labels, all of them") }),
			"Workloads it is for; its whole namespace when absent",
		),
		ingress: optional(list(ingress, { max: 256 }), "What the proxies accept; every port of the workload when absent"),
		egress: optional(list(egress, { max: 256 }), "What the proxies can reach; everything when absent"),
		inboundConnectionPool: optional(connectionPool, "Bounds of connections to the application"),
		outboundTrafficPolicy: optional(
			object({
				mode: defaulted(
					oneOf(["REGISTRY_ONLY", "ALLOW_ANY"]),
					"REGISTRY_ONLY",
					"Whether unknown hosts may be reached",
					"REGISTRY_ONLY",
				),
				egressProxy: optional(destination, "Where requests to unknown hosts go"),
			}),
			"What becomes of traffic to unknown hosts; that of the mesh when absent",
		),
	}),
	(value, _node, reader) => {
		checkCatchAll(value.egress ?? [], reader);
		return value;
	},
);

/** Only the last egress listener may be without a port: those after it never get anything. */
function checkCatchAll(listeners: readonly { readonly port: unknown; readonly bind: unknown }[], reader: Reader): void {
	for (const [index, listener] of listeners.entries()) {
		if (listener.port !== undefined || listener.bind !== undefined || index === listeners.length - 1) continue;
		reader.field("egress").item(index).warn("is without a port and not the last: put it at the end");
	}
}

/** `networking.istio.io/v1` Sidecar. */
export const sidecarKind = defineKind({
	name: "Sidecar",
	apiVersions: networkingVersions,
	aliases: ["sidecars"],
	doc: "What the proxies of some workloads are given: which services they see, and what becomes of traffic to others.",
	example: `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: default, namespace: shop }
spec:
  outboundTrafficPolicy: { mode: REGISTRY_ONLY }
  egress:
    - hosts: ["./*", "payments/api.payments.svc.cluster.local"]
`,
	naming: "subdomain",
	spec,
	toModel: (value, context): Sidecar => {
		const selector = toSelector(value.workloadSelector?.labels);
		const policy = value.outboundTrafficPolicy;
		return {
			namespace: context.namespace,
			name: context.name,
			...(selector !== undefined && { selector }),
			ingress: (value.ingress ?? []).map(
				(item): SidecarIngress => ({
					port: { ...portOf(item.port), ...(item.tls !== undefined && { protocol: insideTls(item.port) }) },
					captureMode: item.captureMode,
					...defined({
						tls: item.tls && toServerTls(item.tls),
						bind: item.bind,
						defaultEndpoint: item.defaultEndpoint,
						connectionPool: item.connectionPool,
					}),
				}),
			),
			egress: (value.egress ?? []).map(
				(item): SidecarEgress => ({
					hosts: item.hosts,
					captureMode: item.captureMode,
					...defined({ bind: item.bind, port: item.port && portOf(item.port) }),
				}),
			),
			...(policy !== undefined && {
				outboundTrafficPolicy: {
					mode: policy.mode,
					...(policy.egressProxy !== undefined && {
						egressProxy: {
							host: policy.egressProxy.host,
							port: policy.egressProxy.port ?? 0,
							...defined({ subset: policy.egressProxy.subset }),
						},
					}),
				},
			}),
			...defined({ inboundConnectionPool: value.inboundConnectionPool }),
			createdAt: context.createdAt,
			source: context.source,
		};
	},
});

type PortSpec = SidecarPort & { readonly isHttps: boolean };

function portOf({ number, name, protocol }: PortSpec): SidecarPort {
	return { number, name, protocol };
}

/** What a port carries once its TLS is ended. */
function insideTls({ isHttps, protocol }: PortSpec): SidecarPort["protocol"] {
	if (isHttps) return "http";
	return protocol === "tls" ? "tcp" : protocol;
}
