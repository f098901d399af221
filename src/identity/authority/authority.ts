import { generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { type Clock, describeError, type Log, MeshError, silentLog, systemClock } from "../../core/index.ts";
import { parseSpiffeId, type SpiffeId } from "../../model/index.ts";
import { trustDomainOf } from "../svid.ts";
import { createTrustBundle, type TrustBundle } from "../trust-bundle.ts";
import {
	type Certificate,
	createCertificate,
	encodeName,
	encodePublicKey,
	formatCertificates,
	keyIdentifierOf,
	oid,
	readCertificate,
	readSigningRequest,
	type SigningRequest,
	subjectOf,
} from "../x509/index.ts";
import { type AuthorityFolder, openAuthorityFolder } from "./authority-folder.ts";
import { type AuthoritySlot, canSign, capLifetime, isRenewalDue } from "./authority-slot.ts";

/** Options of an authority. */
export interface AuthorityOptions {
	/** Where root and issuer live; made on first use, 0700 with files of 0600. */
	readonly folder: string;
	/** The trust domain it signs for, such as `cluster.local`. */
	readonly trustDomain: string;
	/** The machine's clock by default. */
	readonly clock?: Clock;
	/** Every signature is one line of it, at `info`; silent by default. */
	readonly log?: Log;
}

/** What to sign. Whoever calls has decided that the requester may have this identity. */
export interface SignRequest {
	/** DER of a PKCS #10 request. */
	readonly csr: Uint8Array;
	/** The identity to certify, of the authority's trust domain. */
	readonly spiffeId: string;
	/** Wanted lifetime, at least a minute; capped at 24 h and at the end of the issuer. */
	readonly ttlMs: number;
}

/** A signed X.509-SVID. */
export interface IssuedSvid {
	readonly spiffeId: SpiffeId;
	/** PEM: the leaf, then the issuer. */
	readonly chain: string;
	/** PEM: the roots of the trust domain. */
	readonly bundle: string;
	/** Hexadecimal, lower case. */
	readonly serial: string;
	/** Milliseconds since the epoch. */
	readonly notBefore: number;
	/** Milliseconds since the epoch. */
	readonly notAfter: number;
}

/** One key of the authority, for people to look at. */
export interface AuthorityCertificate {
	readonly role: "root" | "issuer";
	readonly serial: string;
	readonly notBefore: number;
	readonly notAfter: number;
}

/** A certificate authority of one trust domain: a root that signs issuers, and an issuer that signs SVIDs. */
export interface Authority {
	readonly trustDomain: string;
	/** @throws MeshError `CSR_INVALID`, `CSR_REFUSED`, `SPIFFE_ID_INVALID`, `AUTHORITY_EXPIRED` */
	sign(request: SignRequest): Promise<IssuedSvid>;
	/** The roots of the trust domain. */
	bundle(): TrustBundle;
	/** Root and issuer in use. */
	certificates(): readonly AuthorityCertificate[];
}

const day = 24 * 3_600_000;
const rootLifetimeMs = 3650 * day;
const issuerLifetimeMs = 365 * day;
/** Peers' clocks may be behind by this much. */
const backdateMs = 60_000;
const minTtlMs = 60_000;
const maxTtlMs = day;
/** After the successor of an issuer could not be written; the old one lasts for months. */
const issuerRetryMs = 600_000;

/** Opens the authority of a folder, and creates it when the folder has none.
 *  @throws MeshError `AUTHORITY_DAMAGED`, `AUTHORITY_FOREIGN`, `AUTHORITY_EXPIRED`, `AUTHORITY_FOLDER` */
export async function createAuthority(options: AuthorityOptions): Promise<Authority> {
	const clock = options.clock ?? systemClock;
	const log = (options.log ?? silentLog).child("identity");
	const { trustDomain } = options;
	parseSpiffeId(`spiffe://${trustDomain}`);
	const folder = openAuthorityFolder(options.folder, trustDomain, log);
	const { root, issuer: first } = loadOrCreate(folder, options.folder, trustDomain, clock.wall(), log);
	if (!canSign(root, clock.wall())) throw expired(trustDomain, "root", root);
	const trustBundle = createTrustBundle(trustDomain, [root.certificate]);
	let issuer = first;
	let renewAt = 0;
	const useIssuer = (now: number): IssuerSlot => {
		if (isRenewalDue(issuer, now) && canSign(root, now) && now >= renewAt) {
			try {
				issuer = renewIssuer(folder, trustDomain, root.certificate, now);
				log.info("issuer renewed", { trustDomain, serial: issuer.certificate.serial });
			} catch (error) {
				renewAt = now + issuerRetryMs;
				log.error("issuer not renewed", { trustDomain, error: describeError(error), retryInMs: issuerRetryMs });
			}
		}
		if (!canSign(issuer, now)) throw expired(trustDomain, "issuer", issuer);
		return issuer;
	};
	useIssuer(clock.wall());
	return {
		trustDomain,
		async sign(request) {
			const spiffeId = checkIdentity(request.spiffeId, trustDomain);
			const wanted = readSigningRequest(request.csr);
			checkWanted(wanted, spiffeId);
			const now = clock.wall();
			const signer = useIssuer(now);
			const issued = signSvid(signer, wanted, spiffeId, request.ttlMs, now);
			const { serial, notBefore, notAfter } = issued;
			log.info("svid signed", { spiffeId, serial, notAfter: new Date(notAfter).toISOString() });
			const chain = formatCertificates([issued.der, signer.certificate.der]);
			return { spiffeId, chain, bundle: trustBundle.pem, serial, notBefore, notAfter };
		},
		bundle: () => trustBundle,
		certificates: () => [describe("root", root.certificate), describe("issuer", issuer.certificate)],
	};
}

/** A slot with its key in memory; only issuers have it there. */
export interface IssuerSlot extends AuthoritySlot {
	readonly privateKey: KeyObject;
}

function loadOrCreate(
	folder: AuthorityFolder,
	path: string,
	trustDomain: string,
	now: number,
	log: Log,
): { readonly root: AuthoritySlot; readonly issuer: IssuerSlot } {
	try {
		const found = folder.load();
		if (found !== undefined) return found;
		const { root, issuer } = createSlots(trustDomain, now);
		folder.create(root, issuer);
		const created = folder.load();
		if (created === undefined) throw notEmpty(path);
		log.info("authority created", { trustDomain, folder: path });
		return created;
	} catch (error) {
		if (error instanceof MeshError) throw error;
		throw new MeshError("AUTHORITY_FOLDER", `certificate authority: ${path} cannot be used`, { cause: error });
	}
}

function createSlots(trustDomain: string, now: number): { readonly root: IssuerSlot; readonly issuer: IssuerSlot } {
	const root = createAuthoritySlot(trustDomain, "root", now, undefined);
	return { root, issuer: createAuthoritySlot(trustDomain, "issuer", now, root) };
}

function renewIssuer(folder: AuthorityFolder, trustDomain: string, root: Certificate, now: number): IssuerSlot {
	const issuer = createAuthoritySlot(trustDomain, "issuer", now, {
		certificate: root,
		privateKey: folder.readRootKey(root),
	});
	folder.replaceIssuer(issuer);
	return issuer;
}

function createAuthoritySlot(
	trustDomain: string,
	role: "root" | "issuer",
	now: number,
	parent: IssuerSlot | undefined,
): IssuerSlot {
	const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
	const publicKey = encodePublicKey(privateKey);
	const name = encodeName({ organization: trustDomain, commonName: `amime ${role}` });
	const issuerName = parent === undefined ? name : subjectOf(parent.certificate);
	const issuerKey = parent?.privateKey ?? privateKey;
	const wantedEnd = now + (parent === undefined ? rootLifetimeMs : issuerLifetimeMs);
	const der = createCertificate(
		{
			serial: createSerial(),
			subject: name,
			publicKey,
			notBefore: now - backdateMs,
			notAfter: parent === undefined ? wantedEnd : capLifetime(wantedEnd, parent),
			extensions: {
				basicConstraints: { isCa: true, pathLength: parent === undefined ? 1 : 0 },
				keyUsages: ["keyCertSign", "cRLSign"],
				names: [{ kind: "uri", value: `spiffe://${trustDomain}` }],
				subjectKeyIdentifier: keyIdentifierOf(publicKey),
				authorityKeyIdentifier: keyIdentifierOf(encodePublicKey(issuerKey)),
			},
		},
		{ name: issuerName, privateKey: issuerKey },
	);
	return { certificate: readCertificate(der), privateKey };
}

function signSvid(
	issuer: IssuerSlot,
	wanted: SigningRequest,
	spiffeId: SpiffeId,
	ttlMs: number,
	now: number,
): { readonly der: Buffer; readonly serial: string; readonly notBefore: number; readonly notAfter: number } {
	const ttl = Math.min(Math.max(ttlMs, minTtlMs), maxTtlMs);
	const notBefore = wholeSeconds(Math.max(now - backdateMs, issuer.certificate.notBefore));
	const notAfter = wholeSeconds(capLifetime(now + ttl, issuer));
	const serial = createSerial();
	const der = createCertificate(
		{
			serial,
			subject: encodeName({}),
			publicKey: wanted.publicKey,
			notBefore,
			notAfter,
			extensions: {
				basicConstraints: { isCa: false },
				keyUsages: ["digitalSignature"],
				extendedKeyUsages: [oid.serverAuth, oid.clientAuth],
				subjectKeyIdentifier: keyIdentifierOf(wanted.publicKey),
				authorityKeyIdentifier: keyIdentifierOf(encodePublicKey(issuer.certificate.publicKey)),
				names: [{ kind: "uri", value: spiffeId }],
				namesCritical: true,
			},
		},
		{ name: subjectOf(issuer.certificate), privateKey: issuer.privateKey },
	);
	return { der, serial: serial.toString("hex"), notBefore, notAfter };
}

function checkIdentity(text: string, trustDomain: string): SpiffeId {
	const spiffeId = parseSpiffeId(text);
	if (trustDomainOf(spiffeId) !== trustDomain) {
		throw refused(`'${spiffeId}' is not of the trust domain ${trustDomain}`);
	}
	if (!spiffeId.startsWith(`spiffe://${trustDomain}/`))
		throw refused(`'${spiffeId}' names a trust domain, not a workload`);
	return spiffeId;
}

function checkWanted(wanted: SigningRequest, spiffeId: SpiffeId): void {
	const { isCa, keyUsages, names, unknownCritical } = wanted.extensions;
	if (isCa || keyUsages?.has("keyCertSign") || keyUsages?.has("cRLSign"))
		throw refused("asks for a certificate authority");
	const stranger = names.find((name) => name.kind !== "uri" || name.value !== spiffeId);
	if (stranger !== undefined) {
		throw refused(`asks for the ${stranger.kind} name '${stranger.value}', its identity is '${spiffeId}'`);
	}
	if (unknownCritical[0] !== undefined) throw refused(`asks for the critical extension ${unknownCritical[0]}`);
}

/** 128 random bits, of which the first is 0 and the second 1: positive, and always of the same length. */
function createSerial(): Buffer {
	const serial = randomBytes(16);
	serial[0] = (serial[0]! & 0x7f) | 0x40;
	return serial;
}

function wholeSeconds(epochMs: number): number {
	return Math.floor(epochMs / 1000) * 1000;
}

function describe(role: "root" | "issuer", certificate: Certificate): AuthorityCertificate {
	const { serial, notBefore, notAfter } = certificate;
	return { role, serial, notBefore, notAfter };
}

function refused(fault: string): MeshError {
	return new MeshError("CSR_REFUSED", `certificate signing request: ${fault}`);
}

function notEmpty(folder: string): MeshError {
	return new MeshError(
		"AUTHORITY_FOLDER",
		`certificate authority: ${folder} holds other files; give it a folder of its own`,
	);
}

function expired(trustDomain: string, role: string, slot: AuthoritySlot): MeshError {
	const { notBefore, notAfter } = slot.certificate;
	const span = `${new Date(notBefore).toISOString()} to ${new Date(notAfter).toISOString()}`;
	return new MeshError(
		"AUTHORITY_EXPIRED",
		`${role} of ${trustDomain} is valid from ${span} only; check the machine's clock`,
	);
}
