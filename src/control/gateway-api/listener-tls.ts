import type { ClientValidation, Gateway, GatewayListener, ObjectName, TlsVersion } from "../../model/index.ts";
import { type CertificateStore, isFault, type KeyPair, type TrustBundle } from "./certificates.ts";
import type { ConditionFault } from "./condition.ts";
import type { ReferenceGrants } from "./reference-grants.ts";

/** How a gateway ends TLS, or passes it on. */
export type TlsTermination =
	| { readonly kind: "passthrough" }
	/** With the certificate of the mesh, only for clients of the mesh. */
	| { readonly kind: "mesh"; readonly isMutual: boolean; readonly revokedFile?: string }
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
	/** Takes any certificate, checked or not, and passes on what it says. */
	readonly isUnchecked?: boolean;
	readonly subjectAltNames: readonly string[];
	readonly spkis: readonly string[];
	readonly hashes: readonly string[];
	/** File on the proxy's machine with revoked certificates. */
	readonly revokedFile?: string;
}

const modeOption = "gateway.istio.io/tls-terminate-mode";
const cipherOption = "gateway.istio.io/tls-cipher-suites";
const gatewayKind = { group: "gateway.networking.k8s.io", kind: "Gateway" };

/** What the TLS settings of a listener come to. */
export interface ListenerTlsResult {
	/** Undefined without TLS, or when nothing can be served. */
	readonly tls?: TlsTermination;
	/** What is wrong with a reference, also of one that is not needed to serve. */
	readonly fault?: ConditionFault;
	/** Whether no certificate of a client could be checked. */
	readonly hasNoAuthority?: boolean;
}

/** Resolves the TLS settings of a listener: of several references those that can be used are. */
export function resolveListenerTls(
	gateway: Gateway,
	owner: ObjectName & { readonly kind: string },
	{ tls, port }: GatewayListener,
	certificates: CertificateStore,
	grants: ReferenceGrants,
): ListenerTlsResult {
	if (tls === undefined) return {};
	if (tls.mode === "Passthrough") return { tls: { kind: "passthrough" } };
	const mode = tls.options[modeOption];
	if (mode === "ISTIO_MUTUAL" || mode === "ISTIO_SIMPLE")
		return { tls: { kind: "mesh", isMutual: mode === "ISTIO_MUTUAL" } };
	// Told before the object is looked at: a stranger must not learn whether it exists.
	const from = { ...gatewayKind, kind: owner.kind, namespace: owner.namespace };
	const found = tls.certificateRefs.map((reference) =>
		grants.allows(from, reference) ? certificates.keyPair(reference) : notPermitted("certificateRef", reference),
	);
	const keyPairs = found.flatMap((pair) => (isFault(pair) ? [] : [pair]));
	const fault = found.find((pair) => isFault(pair));
	if (keyPairs.length === 0)
		return { fault: fault ?? { reason: "InvalidCertificateRef", message: "there is no certificateRef" } };
	const clients = resolveClients(gateway, owner.namespace, port, mode, tls.certificateRefs[0]!.name, {
		certificates,
		grants,
	});
	if (clients.clients === undefined && clients.fault !== undefined) return clients;
	const anyFault = clients.fault ?? fault;
	return {
		...(anyFault !== undefined && { fault: anyFault }),
		tls: {
			kind: "terminate",
			keyPairs,
			...(clients.clients !== undefined && { clients: clients.clients }),
			cipherSuites: (tls.options[cipherOption] ?? "")
				.split(",")
				.map((suite) => suite.trim())
				.filter((suite) => suite !== ""),
		},
	};
}

interface ClientsResult {
	readonly clients?: ClientCertificates;
	readonly fault?: ConditionFault;
	readonly hasNoAuthority?: boolean;
}

interface References {
	readonly certificates: CertificateStore;
	readonly grants: ReferenceGrants;
}

function resolveClients(
	gateway: Gateway,
	/** Of the listener. */
	namespace: string,
	port: number,
	mode: string | undefined,
	secretName: string,
	references: References,
): ClientsResult {
	const none = { subjectAltNames: [], spkis: [], hashes: [] };
	const validation = findValidation(gateway, port);
	if (validation !== undefined) {
		const { authorities, fault } = resolveAuthorities(gateway, validation, references);
		if (authorities === undefined) return { ...(fault !== undefined && { fault }), hasNoAuthority: true };
		const isInsecure = validation.mode === "AllowInsecureFallback" && mode === undefined;
		return {
			clients: {
				authorities,
				isRequired: !isInsecure && mode !== "OPTIONAL_MUTUAL",
				...(isInsecure && { isUnchecked: true }),
				...none,
			},
			...(fault !== undefined && { fault }),
		};
	}
	if (mode !== "MUTUAL" && mode !== "OPTIONAL_MUTUAL") return {};
	const authorities =
		references.certificates.clientAuthorities(namespace, secretName) ??
		references.certificates.clientAuthorities(namespace, `${secretName}-cacert`);
	if (authorities !== undefined) return { clients: { authorities, isRequired: mode === "MUTUAL", ...none } };
	const message = `Secret ${secretName} has no ca.crt to check clients by, and there is no Secret ${secretName}-cacert`;
	return { fault: { reason: "InvalidCertificateRef", message } };
}

/** The certificates of all references that can be used, in one bundle. */
function resolveAuthorities(
	{ namespace }: Gateway,
	{ caCertificateRefs }: ClientValidation,
	{ certificates, grants }: References,
): { readonly authorities?: TrustBundle; readonly fault?: ConditionFault } {
	const found = caCertificateRefs.map((reference) =>
		grants.allows({ ...gatewayKind, namespace }, reference)
			? certificates.trustBundle(reference)
			: notPermitted("caCertificateRef", reference),
	);
	const bundles = found.flatMap((bundle) => (isFault(bundle) ? [] : [bundle]));
	const fault = found.find((bundle) => isFault(bundle));
	const authorities =
		bundles.length < 2
			? bundles[0]
			: {
					name: bundles.map(({ name }) => name).join(","),
					certificates: bundles.map((bundle) => bundle.certificates.trim()).join("\n"),
				};
	return { ...(authorities !== undefined && { authorities }), ...(fault !== undefined && { fault }) };
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
