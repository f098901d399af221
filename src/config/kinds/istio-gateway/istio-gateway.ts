import type { GatewayServer, IstioGateway } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { labels } from "../../schema/kubernetes.ts";
import { ignored, type ObjectOf, object, optional, required } from "../../schema/object.ts";
import { integer, quote, string } from "../../schema/scalars.ts";
import { refine } from "../../schema/schema.ts";
import { networkingVersions } from "../istio/api-versions.ts";
import { defineKind } from "../kind.ts";
import { findTlsFault, serverTls, toServerTls } from "./server-tls.ts";

const protocols = ["HTTP", "HTTPS", "GRPC", "GRPC-WEB", "HTTP2", "MONGO", "TCP", "TLS"];

const portSchema = refine(
	object({
		number: required(
			integer({ min: 1, max: 65_535 }),
			"Port: of the Service in front of the proxies, or of the proxies themselves",
		),
		protocol: required(string({ maxLength: 32 }), protocols.join(", ")),
		name: required(string({ maxLength: 253 }), "Name of the port, unique in the Gateway"),
		targetPort: ignored("Replaced by the target port of the Service"),
	}),
	(value, _node, reader) => {
		const protocol = value.protocol.toUpperCase();
		if (protocols.includes(protocol)) return { ...value, protocol };
		return reader.field("protocol").refuse(`${quote(value.protocol)} is not supported: write ${protocols.join(", ")}`);
	},
);

const hostPattern =
	/^((\*|\.|[a-z0-9]([-a-z0-9]*[a-z0-9])?)\/)?(\*|(\*\.)?[a-zA-Z0-9_]([-a-zA-Z0-9_]*[a-zA-Z0-9_])?(\.[a-zA-Z0-9_]([-a-zA-Z0-9_]*[a-zA-Z0-9_])?)*)$/;

const serverFields = {
	port: required(portSchema, "Where it listens"),
	bind: optional(string({ maxLength: 253 }), "Address to listen on; every address when absent"),
	hosts: required(
		list(string({ format: "a host such as *.example.com, or namespace/host", pattern: hostPattern, maxLength: 512 }), {
			min: 1,
			max: 1000,
		}),
		"Hosts that it serves, for VirtualServices of any namespace or, as `namespace/host`, of that one",
	),
	tls: optional(serverTls, "TLS; required for HTTPS and TLS"),
	defaultEndpoint: ignored("Not used by Istio either"),
	name: optional(string({ maxLength: 253 }), "Name, for statistics"),
};

type ServerSpec = ObjectOf<typeof serverFields>;

const server = refine(object(serverFields), (value, _node, reader) => {
	const fault = findTlsFault(value.port.protocol, value.tls);
	if (fault !== undefined) return reader.field("tls").refuse(fault);
	return { ...value, path: reader.path };
});

const spec = object({
	selector: optional(labels(), "Labels of the gateway proxies that it configures, in any namespace; all when absent"),
	servers: required(
		list(server, { min: 1, max: 1000, salvage: "this server is left out, the other servers serve" }),
		"Ports, hosts and TLS settings",
	),
});

/** `networking.istio.io/v1` Gateway. */
export const istioGatewayKind = defineKind({
	name: "IstioGateway",
	documentKind: "Gateway",
	apiVersions: networkingVersions,
	aliases: ["istiogateways", "gateways.networking.istio.io", "gateway.networking.istio.io"],
	doc: "Istio's Gateway: ports, hosts and TLS settings of gateway proxies; VirtualServices are bound to it. Written as `kind: Gateway`. `amime up` starts a proxy for selectors that no Workload has; the annotation `amime.dev/proxy: envoy` makes it a stock Envoy.",
	example: `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: public, namespace: edge }
spec:
  selector: { istio: ingress }
  servers:
    - port: { number: 80, name: http, protocol: HTTP }
      hosts: ["*.example.com"]
`,
	naming: "subdomain",
	spec,
	toModel: (value, { namespace, name, annotations, createdAt, source }): IstioGateway => ({
		namespace,
		name,
		selector: value.selector ?? {},
		servers: value.servers.map(toServer),
		annotations,
		createdAt,
		source,
	}),
});

function toServer({ port, bind, hosts, tls, name, path }: ServerSpec & { readonly path: string }): GatewayServer {
	return {
		...(name !== undefined && { name }),
		port: { number: port.number, protocol: port.protocol, name: port.name },
		hosts,
		...(bind !== undefined && { bind }),
		...(tls !== undefined && { tls: toServerTls(tls) }),
		path,
	};
}
