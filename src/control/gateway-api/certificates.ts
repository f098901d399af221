import { createPrivateKey, X509Certificate } from "node:crypto";
import type { Mesh, ObjectReference, Secret } from "../../model/index.ts";
import type { ConditionFault } from "./condition.ts";

/** The certificate and the key of a listener, in PEM. */
export interface KeyPair {
	/** `kubernetes://name` or `kubernetes-gateway://namespace/name`, as Istio names the secret of it. */
	readonly name: string;
	readonly certificateChain: string;
	readonly privateKey: string;
}

/** Certificates that others are checked by, in PEM. */
export interface TrustBundle {
	readonly name: string;
	readonly certificates: string;
	/** Certificate revocation lists of theirs. */
	readonly revoked?: string;
}

/** Secrets and ConfigMaps by name. */
export interface CertificateStore {
	/** The pair that a reference to a Secret means. */
	keyPair(reference: ObjectReference): KeyPair | ConditionFault;
	/** The certificates that a reference to a ConfigMap or Secret means. */
	trustBundle(reference: ObjectReference): TrustBundle | ConditionFault;
	/** The `ca.crt` (or `cacert`) of a Secret, with its `ca.crl`; undefined when it has none. */
	clientAuthorities(namespace: string, name: string): TrustBundle | undefined;
}

export function isFault(value: object): value is ConditionFault {
	return "reason" in value;
}

/** What a key pair of a Secret turned out to be. Secrets are immutable, so it is found out once. */
const checked = new WeakMap<Secret, string>();

export function createCertificateStore({
	secrets,
	configMaps,
}: Pick<Mesh, "secrets" | "configMaps">): CertificateStore {
	const secretsByName = new Map(secrets.map((secret) => [`${secret.namespace}/${secret.name}`, secret]));
	const mapsByName = new Map(configMaps.map((map) => [`${map.namespace}/${map.name}`, map]));
	const clientAuthorities = (namespace: string, name: string): TrustBundle | undefined => {
		const data = secretsByName.get(`${namespace}/${name}`)?.data;
		const certificates = data?.["ca.crt"] ?? data?.["cacert"];
		if (certificates === undefined || certificates === "") return undefined;
		const revoked = data?.["ca.crl"] ?? "";
		return {
			name: `kubernetes-gateway://${namespace}/${name}-cacert`,
			certificates,
			...(revoked !== "" && { revoked }),
		};
	};
	return {
		keyPair(reference) {
			const key = `${reference.namespace}/${reference.name}`;
			const fault = (problem: string): ConditionFault => ({
				reason: "InvalidCertificateRef",
				message: `certificateRef ${key}: ${problem}`,
			});
			if (reference.group !== "" || reference.kind !== "Secret")
				return fault(`is a ${reference.kind}, only Secrets are read`);
			const secret = secretsByName.get(key);
			if (secret === undefined) return fault("there is no such Secret");
			const pair = readKeyPair(secret);
			const problem = checked.get(secret) ?? findPairFault(pair);
			checked.set(secret, problem);
			return problem === "" ? { name: `kubernetes-gateway://${key}`, ...pair } : fault(problem);
		},
		trustBundle(reference) {
			const key = `${reference.namespace}/${reference.name}`;
			const isMap = reference.group === "" && reference.kind === "ConfigMap";
			if (!isMap && (reference.group !== "" || reference.kind !== "Secret"))
				return {
					reason: "InvalidCACertificateKind",
					message: `caCertificateRef ${key} is a ${reference.kind}, only ConfigMaps and Secrets are read`,
				};
			const fault = (problem: string): ConditionFault => ({
				reason: "InvalidCACertificateRef",
				message: `caCertificateRef ${key}: ${problem}`,
			});
			const data = (isMap ? mapsByName : secretsByName).get(key)?.data;
			if (data === undefined) return fault(`there is no such ${reference.kind}`);
			const certificates = data["ca.crt"] ?? data["cacert"] ?? "";
			if (certificates === "") return fault("has no key ca.crt");
			const problem = findBundleFault(certificates);
			if (problem !== undefined) return fault(problem);
			return { name: `${isMap ? "configmap" : "kubernetes-gateway"}://${key}-cacert`, certificates };
		},
		clientAuthorities,
	};
}

/** The keys of type kubernetes.io/tls, or the ones of Istio's own Secrets. */
function readKeyPair({ data }: Secret): Omit<KeyPair, "name"> {
	return {
		certificateChain: data["tls.crt"] ?? data["cert"] ?? "",
		privateKey: data["tls.key"] ?? data["key"] ?? "",
	};
}

/** Empty when a proxy can use the pair. */
function findPairFault({ certificateChain, privateKey }: Omit<KeyPair, "name">): string {
	if (certificateChain === "") return "has no key tls.crt";
	if (privateKey === "") return "has no key tls.key";
	try {
		const certificate = new X509Certificate(certificateChain);
		return certificate.checkPrivateKey(createPrivateKey(privateKey)) ? "" : "tls.key is not the key of tls.crt";
	} catch (error) {
		return `is malformed: ${(error as Error).message}`;
	}
}

function findBundleFault(certificates: string): string | undefined {
	try {
		return new X509Certificate(certificates).raw.length > 0 ? undefined : "ca.crt is empty";
	} catch (error) {
		return `ca.crt is malformed: ${(error as Error).message}`;
	}
}
