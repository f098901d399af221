import type { GatewayServer, IstioGateway, ServerTls } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { labels } from "../../schema/kubernetes.ts";
import { defaulted, ignored, type ObjectOf, object, optional, required } from "../../schema/object.ts";
import { boolean, integer, oneOf, quote, string } from "../../schema/scalars.ts";
import { refine } from "../../schema/schema.ts";
import { networkingVersions } from "../istio/api-versions.ts";
import { defineKind } from "../kind.ts";

const text = string({ maxLength: 4096 });
const versions = ["TLS_AUTO", "TLSV1_0", "TLSV1_1", "TLSV1_2", "TLSV1_3"] as const;
const modes = ["PASSTHROUGH", "SIMPLE", "MUTUAL", "AUTO_PASSTHROUGH", "ISTIO_MUTUAL", "OPTIONAL_MUTUAL"] as const;

const certificateFiles = object({
	serverCertificate: optional(text, "File with the certificate"),
	privateKey: optional(text, "File with the private key"),
	caCertificates: optional(text, "File with the certificates that clients are checked by"),
});

const tlsFields = {
	httpsRedirect: defaulted(boolean(), false, "Answers plain requests with 301 to https"),
	mode: defaulted(oneOf(modes), "PASSTHROUGH", "How TLS is ended", "PASSTHROUGH"),
	serverCertificate: optional(text, "File with the certificate"),
	privateKey: optional(text, "File with the private key"),
	caCertificates: optional(text, "File with the certificates that clients are checked by"),
	caCrl: ignored("File with revoked certificates", "is without effect: revoked certificates are not read here"),
	credentialName: optional(text, "Secret with the certificate, in the namespace of the gateway's proxy"),
	credentialNames: optional(list(text, { max: 2 }), "Secrets with certificates of different key types"),
	caCertCredentialName: optional(text, "Secret with the certificates that clients are checked by"),
	tlsCertificates: optional(list(certificateFiles, { max: 2 }), "Files of certificates of different key types"),
	subjectAltNames: optional(list(text, { max: 100 }), "Names of which the certificate of a client must have one"),
	verifyCertificateSpki: optional(
		list(text, { max: 100 }),
		"SHA-256 hashes of keys, in base64, of which a client must have one",
	),
	verifyCertificateHash: optional(
		list(text, { max: 100 }),
		"SHA-256 hashes of certificates, in hex, of which a client must have one",
	),
	minProtocolVersion: defaulted(oneOf(versions), "TLS_AUTO", "Lowest version of TLS", "TLS_AUTO"),
	maxProtocolVersion: defaulted(oneOf(versions), "TLS_AUTO", "Highest version of TLS", "TLS_AUTO"),
	cipherSuites: optional(list(text, { max: 64 }), "Cipher suites of TLS 1.2, in OpenSSL's names"),
	insecureSkipVerify: defaulted(boolean(), false, "Takes certificates of clients unchecked, with OPTIONAL_MUTUAL"),
};

type TlsSpec = ObjectOf<typeof tlsFields>;

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
	tls: optional(object(tlsFields), "TLS; required for HTTPS and TLS"),
	defaultEndpoint: ignored("Not used by Istio either"),
	name: optional(string({ maxLength: 253 }), "Name, for statistics"),
};

type ServerSpec = ObjectOf<typeof serverFields>;

const server = refine(object(serverFields), (value, _node, reader) => {
	const fault = findTlsFault(value);
	if (fault !== undefined) return reader.field("tls").refuse(fault);
	return { ...value, path: reader.path };
});

/** What a proxy could not do with the TLS settings of a server. */
function findTlsFault({ port, tls }: ServerSpec): string | undefined {
	const isEncrypted = port.protocol === "HTTPS" || port.protocol === "TLS";
	if (tls === undefined) return isEncrypted ? `is required with protocol ${port.protocol}` : undefined;
	const { mode } = tls;
	if (!isEncrypted && port.protocol !== "TCP" && !tls.httpsRedirect && mode !== "PASSTHROUGH")
		return `needs protocol HTTPS or TLS, not ${port.protocol}`;
	const ownCertificate = mode === "SIMPLE" || mode === "MUTUAL" || mode === "OPTIONAL_MUTUAL";
	if (!ownCertificate || !isEncrypted) return undefined;
	const hasSecret = tls.credentialName !== undefined || (tls.credentialNames ?? []).length > 0;
	if (hasSecret) return undefined;
	const files = tls.tlsCertificates?.[0] ?? tls;
	if (files.serverCertificate === undefined || files.privateKey === undefined)
		return `needs a certificate with mode ${mode}: credentialName, or serverCertificate and privateKey`;
	if (
		mode === "MUTUAL" &&
		(tls.caCertificates ?? files.caCertificates) === undefined &&
		tls.caCertCredentialName === undefined
	)
		return "needs the certificates that clients are checked by: caCertificates";
	return undefined;
}

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
		...(tls !== undefined && { tls: toTls(tls) }),
		path,
	};
}

function toTls(tls: TlsSpec): ServerTls {
	const { serverCertificate: certificate, privateKey, caCertificates } = tls.tlsCertificates?.[0] ?? tls;
	const authorities = caCertificates ?? tls.caCertificates;
	return {
		mode: tls.mode,
		httpsRedirect: tls.httpsRedirect,
		credentialNames: tls.credentialNames ?? (tls.credentialName === undefined ? [] : [tls.credentialName]),
		...(tls.caCertCredentialName !== undefined && { caCertificateCredentialName: tls.caCertCredentialName }),
		...(certificate !== undefined &&
			privateKey !== undefined && {
				files: { certificate, privateKey, ...(authorities !== undefined && { caCertificates: authorities }) },
			}),
		subjectAltNames: tls.subjectAltNames ?? [],
		certificateSpkis: tls.verifyCertificateSpki ?? [],
		certificateHashes: tls.verifyCertificateHash ?? [],
		minVersion: tls.minProtocolVersion,
		maxVersion: tls.maxProtocolVersion,
		cipherSuites: tls.cipherSuites ?? [],
		insecureSkipVerify: tls.insecureSkipVerify,
	};
}
