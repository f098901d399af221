import type { GatewayServer, ObjectReference, ServerTls } from "../../../model/index.ts";
import { type ClientCertificates, isFault, type KeyPair, type TlsTermination } from "../../gateway-api/index.ts";
import type { MeshIndex } from "../mesh-index.ts";
import type { GatewayNode } from "./gateway-node.ts";

/** The TLS of a server, or what keeps it from serving. */
export interface ServerTlsResult {
	readonly tls?: TlsTermination;
	readonly fault?: { readonly path: string; readonly problem: string };
}

/** What a proxy has to know to end the TLS of a server of Istio's Gateway: Secrets are those of the proxy's own namespace. */
export function resolveServerTls(
	index: MeshIndex,
	node: GatewayNode,
	{ tls, port, path }: GatewayServer,
): ServerTlsResult {
	if (tls === undefined) return {};
	const isPlain = ["HTTP", "HTTP2", "GRPC", "GRPC-WEB"].includes(port.protocol);
	if (isPlain) return {};
	switch (tls.mode) {
		case "PASSTHROUGH":
			return { tls: { kind: "passthrough" } };
		case "AUTO_PASSTHROUGH":
			return {
				fault: {
					path: `${path}.tls.mode`,
					problem:
						"AUTO_PASSTHROUGH is not supported: it joins networks that cannot reach each other. PASSTHROUGH with tls rules of a VirtualService leads to the services that these name",
				},
			};
		case "ISTIO_MUTUAL":
			return { tls: { kind: "mesh", isMutual: true, ...revokedOf(tls) } };
		default:
			return tls.credentialNames.length > 0 ? ofSecrets(index, node, tls, path) : ofFiles(tls, path);
	}
}

function ofFiles(tls: ServerTls, path: string): ServerTlsResult {
	const termination = terminateByFiles(tls);
	if (termination !== undefined) return { tls: termination };
	return { fault: { path: `${path}.tls`, problem: "has neither credentialName nor files of a certificate" } };
}

/** TLS that ends with files on the proxy's machine; undefined without files. */
export function terminateByFiles(tls: ServerTls): TlsTermination | undefined {
	if (tls.files === undefined) return undefined;
	return {
		kind: "terminate",
		keyPairs: [],
		files: tls.files,
		...(asksClients(tls) && { clients: clientsOf(tls) }),
		...parametersOf(tls),
	};
}

function ofSecrets(index: MeshIndex, node: GatewayNode, tls: ServerTls, path: string): ServerTlsResult {
	const { certificates } = index.attachments;
	const keyPairs: KeyPair[] = [];
	for (const name of tls.credentialNames) {
		if (name.startsWith("builtin://")) return { tls: { kind: "mesh", isMutual: asksClients(tls) } };
		const reference = readCredential(name, node.namespace);
		const field = `${path}.tls.credentialName`;
		if (reference.namespace !== node.namespace)
			return { fault: { path: field, problem: `${name} is not in the namespace of the proxy, ${node.namespace}` } };
		const pair = certificates.keyPair(reference);
		if (isFault(pair)) return { fault: { path: field, problem: pair.message } };
		keyPairs.push(pair);
	}
	if (!asksClients(tls)) return { tls: { kind: "terminate", keyPairs, ...parametersOf(tls) } };
	// Any certificate of a client is taken, and none as well.
	if (tls.insecureSkipVerify && tls.mode === "OPTIONAL_MUTUAL")
		return { tls: { kind: "terminate", keyPairs, clients: clientsOf(tls), ...parametersOf(tls) } };
	const first = readCredential(tls.credentialNames[0]!, node.namespace).name;
	const authorities =
		tls.caCertificateCredentialName === undefined
			? (certificates.clientAuthorities(node.namespace, first) ??
				certificates.clientAuthorities(node.namespace, `${first}-cacert`))
			: certificates.clientAuthorities(node.namespace, tls.caCertificateCredentialName);
	if (authorities === undefined) {
		const problem = `Secret ${node.namespace}/${tls.caCertificateCredentialName ?? first} has no ca.crt to check clients by, and there is no Secret ${first}-cacert`;
		return { fault: { path: `${path}.tls.credentialName`, problem } };
	}
	return {
		tls: { kind: "terminate", keyPairs, clients: { authorities, ...clientsOf(tls) }, ...parametersOf(tls) },
	};
}

/** `name`, `kubernetes://name` or `kubernetes-gateway://namespace/name`. */
function readCredential(name: string, namespace: string): ObjectReference {
	const secret = { group: "", kind: "Secret" };
	const full = /^kubernetes-gateway:\/\/([^/]+)\/(.+)$/.exec(name);
	if (full !== null) return { ...secret, namespace: full[1]!, name: full[2]! };
	return { ...secret, namespace, name: name.replace(/^kubernetes:\/\//, "") };
}

function asksClients({ mode }: ServerTls): boolean {
	return mode === "MUTUAL" || mode === "OPTIONAL_MUTUAL";
}

function clientsOf(tls: ServerTls): Omit<ClientCertificates, "authorities"> {
	return {
		isRequired: tls.mode === "MUTUAL",
		subjectAltNames: tls.subjectAltNames,
		spkis: tls.certificateSpkis,
		hashes: tls.certificateHashes,
		...revokedOf(tls),
	};
}

function revokedOf({ caCrl }: ServerTls): { readonly revokedFile?: string } {
	return caCrl === undefined || caCrl === "" ? {} : { revokedFile: caCrl };
}

function parametersOf({ cipherSuites, minVersion, maxVersion }: ServerTls) {
	return { cipherSuites, minVersion, maxVersion };
}
