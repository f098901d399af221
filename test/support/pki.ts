import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
	type AlternativeName,
	createCertificate,
	encodeName,
	encodePublicKey,
	formatCertificates,
	type KeyUsage,
	keyIdentifierOf,
	oid,
	readCertificate,
	subjectOf,
} from "../../src/identity/x509/index.ts";

/** A certificate with its key, as TLS wants them. */
export interface TestCertificate {
	/** Leaf first, then the issuer; ready for `cert` of a TLS context. */
	readonly certificateChainPem: string;
	/** The leaf alone. */
	readonly certificatePem: string;
	/** Ready for `key` of a TLS context. */
	readonly privateKeyPem: string;
	/** The root of the authority that signed it: ready for `ca` of a TLS context. */
	readonly bundlePem: string;
}

/** What a test certificate says; without options it is a good X.509-SVID for an hour. */
export interface TestCertificateOptions {
	/** The URI names; the one SPIFFE ID by default. */
	readonly uris?: readonly string[];
	/** DNS names, none by default. */
	readonly dnsNames?: readonly string[];
	/** Milliseconds since the epoch; a minute before `now` by default. */
	readonly notBefore?: number;
	/** Milliseconds since the epoch; an hour after `now` by default. */
	readonly notAfter?: number;
	/** `digitalSignature` by default; an empty list leaves the extension out. */
	readonly keyUsages?: readonly KeyUsage[];
	/** OIDs; serverAuth and clientAuth by default. */
	readonly extendedKeyUsages?: readonly string[];
	/** Whether it says that it is an authority; false by default. */
	readonly isCa?: boolean;
	/** Signs with its own key instead of the issuer's; false by default. */
	readonly selfSigned?: boolean;
	/** The common name of the subject; none by default. */
	readonly commonName?: string;
	/** Whose key it is for; a new P-256 one by default. With this the certificate's own `privateKeyPem` does not fit it. */
	readonly publicKey?: KeyObject;
}

/** An authority for tests: root and issuer, made in a millisecond, nothing on disk. */
export interface TestPki {
	readonly trustDomain: string;
	/** The root, ready for `ca` of a TLS context. */
	readonly bundlePem: string;
	/** The issuer's certificate alone. */
	readonly issuerPem: string;
	/** `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`; the namespace is `shop`. */
	idOf(serviceAccount: string, namespace?: string): string;
	/** A certificate for a SPIFFE ID; the options bend it. */
	issue(spiffeId: string, options?: TestCertificateOptions): TestCertificate;
	/** One that ended an hour ago. */
	expired(spiffeId: string): TestCertificate;
	/** One that begins in an hour. */
	notYetValid(spiffeId: string): TestCertificate;
	/** One without any alternative name. */
	withoutName(): TestCertificate;
	/** One with two URI names. */
	withTwoIds(first: string, second: string): TestCertificate;
	/** One that may encipher keys but not sign (key usage without digitalSignature). */
	withWrongKeyUsage(spiffeId: string): TestCertificate;
	/** One for servers only (extended key usage without clientAuth). */
	forServersOnly(spiffeId: string): TestCertificate;
	/** One signed by itself. */
	selfSigned(spiffeId: string): TestCertificate;
	/** The same SPIFFE ID, signed by an authority nobody knows. */
	foreign(spiffeId: string): TestCertificate;
	/** The issuing certificate presented as if it were a workload's. */
	issuerAsLeaf(): TestCertificate;
}

/** Options of a test authority. */
export interface TestPkiOptions {
	/** `cluster.local` by default. */
	readonly trustDomain?: string;
	/** Milliseconds since the epoch that lifetimes are counted from; the time of the call by default. */
	readonly now?: number;
	/** A control plane's state folder: signs with its authority's issuer, whatever the authority would refuse. */
	readonly stateFolder?: string;
}

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** Makes an authority for tests. */
export function createTestPki(options: TestPkiOptions = {}): TestPki {
	const trustDomain = options.trustDomain ?? "cluster.local";
	const now = options.now ?? Date.now();
	const { stateFolder } = options;
	const root =
		stateFolder === undefined
			? createTestAuthority("test root", trustDomain, now, undefined)
			: readAuthority(stateFolder, "root");
	const issuer =
		stateFolder === undefined
			? createTestAuthority("test issuer", trustDomain, now, root)
			: readAuthority(stateFolder, "issuer");
	const bundlePem = formatCertificates([root.der]);
	const issue = (spiffeId: string, bend: TestCertificateOptions = {}): TestCertificate => {
		const privateKey = newKey();
		const subject = encodeName(bend.commonName === undefined ? {} : { commonName: bend.commonName });
		const names: AlternativeName[] = [
			...(bend.uris ?? [spiffeId]).map((value) => ({ kind: "uri" as const, value })),
			...(bend.dnsNames ?? []).map((value) => ({ kind: "dns" as const, value })),
		];
		const der = createCertificate(
			{
				serial: randomBytes(16),
				subject,
				publicKey: encodePublicKey(bend.publicKey ?? privateKey),
				notBefore: bend.notBefore ?? now - minute,
				notAfter: bend.notAfter ?? now + hour,
				extensions: {
					basicConstraints: { isCa: bend.isCa ?? false },
					...(bend.keyUsages?.length !== 0 && { keyUsages: bend.keyUsages ?? ["digitalSignature"] }),
					extendedKeyUsages: bend.extendedKeyUsages ?? [oid.serverAuth, oid.clientAuth],
					names,
					namesCritical: bend.commonName === undefined,
					authorityKeyIdentifier: keyIdentifierOf(encodePublicKey(bend.selfSigned ? privateKey : issuer.privateKey)),
				},
			},
			bend.selfSigned ? { name: subject, privateKey } : issuer,
		);
		return {
			certificateChainPem: formatCertificates(bend.selfSigned ? [der] : [der, issuer.der]),
			certificatePem: formatCertificates([der]),
			privateKeyPem: pemOf(privateKey),
			bundlePem,
		};
	};
	return {
		trustDomain,
		bundlePem,
		issuerPem: formatCertificates([issuer.der]),
		idOf: (serviceAccount, namespace = "shop") => `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}`,
		issue,
		expired: (spiffeId) => issue(spiffeId, { notBefore: now - 2 * hour, notAfter: now - hour }),
		notYetValid: (spiffeId) => issue(spiffeId, { notBefore: now + hour, notAfter: now + 2 * hour }),
		withoutName: () => issue("", { uris: [], commonName: "nobody" }),
		withTwoIds: (first, second) => issue(first, { uris: [first, second] }),
		withWrongKeyUsage: (spiffeId) => issue(spiffeId, { keyUsages: ["keyEncipherment"] }),
		forServersOnly: (spiffeId) => issue(spiffeId, { extendedKeyUsages: [oid.serverAuth] }),
		selfSigned: (spiffeId) => issue(spiffeId, { selfSigned: true }),
		foreign: (spiffeId) => createTestPki({ trustDomain, now }).issue(spiffeId),
		issuerAsLeaf: () => ({
			certificateChainPem: formatCertificates([issuer.der]),
			certificatePem: formatCertificates([issuer.der]),
			privateKeyPem: pemOf(issuer.privateKey),
			bundlePem,
		}),
	};
}

interface TestAuthority {
	readonly der: Buffer;
	readonly name: Buffer;
	readonly privateKey: KeyObject;
}

function createTestAuthority(
	commonName: string,
	trustDomain: string,
	now: number,
	parent: TestAuthority | undefined,
): TestAuthority {
	const privateKey = newKey();
	const publicKey = encodePublicKey(privateKey);
	const name = encodeName({ organization: "amime tests", commonName });
	const signer = parent ?? { name, privateKey };
	const der = createCertificate(
		{
			serial: randomBytes(16),
			subject: name,
			publicKey,
			notBefore: now - day,
			notAfter: now + day,
			extensions: {
				basicConstraints: parent === undefined ? { isCa: true } : { isCa: true, pathLength: 0 },
				keyUsages: ["keyCertSign", "cRLSign"],
				names: [{ kind: "uri", value: `spiffe://${trustDomain}` }],
				subjectKeyIdentifier: keyIdentifierOf(publicKey),
				authorityKeyIdentifier: keyIdentifierOf(encodePublicKey(signer.privateKey)),
			},
		},
		signer,
	);
	return { der, name, privateKey };
}

/** An authority of a control plane, with its key. */
function readAuthority(stateFolder: string, slot: "root" | "issuer"): TestAuthority {
	const read = (suffix: string): string => readFileSync(join(stateFolder, "ca", `${slot}.${suffix}`), "utf8");
	const certificate = readCertificate(new X509Certificate(read("pem")).raw);
	return { der: certificate.der, name: subjectOf(certificate), privateKey: createPrivateKey(read("key")) };
}

function newKey(): KeyObject {
	return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}

function pemOf(privateKey: KeyObject): string {
	return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}
