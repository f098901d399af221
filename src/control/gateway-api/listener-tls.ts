import type { ClientValidation, Gateway, GatewayListener, ObjectName, TlsVersion } from "../../model/index.ts";
import { type CertificateStore, isFault, type KeyPair, type TrustBundle } from "./certificates.ts";
import type { ConditionFault } from "./condition.ts";
import type { ReferenceGrants } from "./reference-grants.ts";

/** How a gateway ends TLS, or passes it on. */
export type TlsTermination =
	| { readonly kind: "passthrough" }
	/** With the certificate of the mesh, only for clients of the mesh. */
	| { readonly kind: "mesh"; readonly isMutual: boolean }
	| {
			readonly kind: "terminate";
			readonly keyPairs: readonly KeyPair[];
			/** In place of key pairs: files on the proxy's machine. */
			readonly files?: { readonly certificate: string; readonly privateKey: string; readonly caCertificates?: string };
			/** Undefined asks clients for no certificate. */
			readonly clients?: ClientCertificates;
			readonly cipherSuites: readonly string[];
			/** TLS 1.2 by default. */
			readonly minVersion?: TlsVersion;
			readonly maxVersion?: TlsVersion;
	  };

/** What is asked of the certificates of clients. */
export interface ClientCertificates {
	/** Undefined takes any certificate, unless files say whose. */
	readonly authorities?: TrustBundle;
	readonly isRequired: boolean;
	readonly subjectAltNames: readonly string[];
	readonly spkis: readonly string[];
	readonly hashes: readonly string[];
}

const modeOption = "gateway.istio.io/tls-terminate-mode";
const cipherOption = "gateway.istio.io/tls-cipher-suites";
const gatewayKind = { group: "gateway.networking.k8s.io", kind: "Gateway" };

/** The TLS settings of a listener, or what is wrong with them; undefined for a listener without TLS. */
export function resolveListenerTls(
	gateway: Gateway,
	owner: ObjectName & { readonly kind: string },
	{ tls, port }: GatewayListener,
	certificates: CertificateStore,
	grants: ReferenceGrants,
): TlsTermination | ConditionFault | undefined {
	if (tls === undefined) return undefined;
	if (tls.mode === "Passthrough") return { kind: "passthrough" };
	const mode = tls.options[modeOption];
	if (mode === "ISTIO_MUTUAL" || mode === "ISTIO_SIMPLE") return { kind: "mesh", isMutual: mode === "ISTIO_MUTUAL" };
	const keyPairs: KeyPair[] = [];
	let firstFault: ConditionFault | undefined;
	for (const reference of tls.certificateRefs) {
		const isAllowed = grants.allows({ ...gatewayKind, kind: owner.kind, namespace: owner.namespace }, reference);
		// Told before the Secret is looked at: a stranger must not learn whether it exists.
		const found = isAllowed ? certificates.keyPair(reference) : notPermitted("certificateRef", reference);
		if (isFault(found)) firstFault ??= found;
		else keyPairs.push(found);
	}
	if (keyPairs.length === 0)
		return firstFault ?? { reason: "InvalidCertificateRef", message: "there is no certificateRef" };
	const clients = resolveClients(
		gateway,
		owner.namespace,
		port,
		mode,
		keyPairs,
		tls.certificateRefs[0]!.name,
		certificates,
		grants,
	);
	if (clients !== undefined && isFault(clients)) return clients;
	return {
		kind: "terminate",
		keyPairs,
		...(clients !== undefined && { clients }),
		cipherSuites: (tls.options[cipherOption] ?? "")
			.split(",")
			.map((suite) => suite.trim())
			.filter((suite) => suite !== ""),
	};
}

function resolveClients(
	gateway: Gateway,
	/** Of the listener. */
	namespace: string,
	port: number,
	mode: string | undefined,
	keyPairs: readonly KeyPair[],
	secretName: string,
	certificates: CertificateStore,
	grants: ReferenceGrants,
): ClientCertificates | ConditionFault | undefined {
	const none = { subjectAltNames: [], spkis: [], hashes: [] };
	const validation = findValidation(gateway, port);
	if (validation !== undefined) {
		const [reference] = validation.caCertificateRefs;
		if (validation.caCertificateRefs.length > 1)
			return { reason: "InvalidCACertificateRef", message: "only one caCertificateRef is supported" };
		if (!grants.allows({ ...gatewayKind, namespace: gateway.namespace }, reference!))
			return notPermitted("caCertificateRef", reference!);
		const authorities = certificates.trustBundle(reference!);
		if (isFault(authorities)) return authorities;
		const isInsecure = validation.mode === "AllowInsecureFallback" && mode === undefined;
		if (isInsecure) return { isRequired: false, ...none };
		return { authorities, isRequired: mode !== "OPTIONAL_MUTUAL", ...none };
	}
	if (mode !== "MUTUAL" && mode !== "OPTIONAL_MUTUAL") return undefined;
	const authorities =
		certificates.clientAuthorities(namespace, secretName) ??
		certificates.clientAuthorities(namespace, `${secretName}-cacert`);
	if (authorities === undefined)
		return {
			reason: "InvalidCertificateRef",
			message: `${keyPairs[0]!.name} has no ca.crt to check clients by, and there is no Secret ${secretName}-cacert`,
		};
	return { authorities, isRequired: mode === "MUTUAL", ...none };
}

function findValidation(gateway: Gateway, port: number): ClientValidation | undefined {
	const ofPort = gateway.clientValidationByPort[port];
	return ofPort === "none" ? undefined : (ofPort ?? gateway.clientValidation);
}

function notPermitted(
	what: string,
	{ namespace, name }: { readonly namespace: string; readonly name: string },
): ConditionFault {
	return {
		reason: "RefNotPermitted",
		message: `${what} ${namespace}/${name} is in another namespace, where no ReferenceGrant allows it`,
	};
}
