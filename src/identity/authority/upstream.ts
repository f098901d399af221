import { createPrivateKey } from "node:crypto";
import { readFile } from "node:fs/promises";
import { MeshError } from "../../core/index.ts";
import { findPathProblem, findValidityProblem } from "../svid.ts";
import { createTrustBundle, parseTrustBundle } from "../trust-bundle.ts";
import {
	type Certificate,
	createLocalKey,
	formatCertificates,
	readCertificates,
	readSigningRequest,
	type SigningKey,
} from "../x509/index.ts";
import type { JwtAuthority } from "./authority-types.ts";
import { issueIssuer } from "./issue.ts";

/** An issuer as somebody upstream signed it. */
export interface SignedIssuer {
	/** PEM: the issuer, then intermediates up to, and without, a root. */
	readonly chain: string;
	/** PEM: the roots that its workloads' peers are to trust. */
	readonly roots: string;
}

/** Somebody who signs the issuers of this authority in place of a root of its own. */
export interface UpstreamAuthority {
	/** @param csr DER of the request for an issuer; rejects when it is refused or cannot be reached, in bounded time */
	signIssuer(request: {
		readonly csr: Buffer;
		readonly trustDomain: string;
		readonly ttlMs: number;
		readonly now: number;
	}): Promise<SignedIssuer>;
	/** Another issuer is asked for when this one says that its roots are others. */
	readonly feed?: UpstreamFeed;
}

/** What an upstream authority trusts and signs by. */
export interface UpstreamTrust {
	/** `Certificate.id` of its roots. */
	readonly rootIds: readonly string[];
	/** The one that the issuers it signs lead to. */
	readonly signingRootId: string;
	/** Its JWT keys, and those of others below it. */
	readonly jwtKeys: readonly JwtAuthority[];
}

/** What an upstream authority is told by one below it. */
export interface DownstreamReport {
	/** `Certificate.id` of the roots that every live holder below has acknowledged. */
	readonly acknowledged: readonly string[];
	/** The issuer in use, once nobody shows what another one signed. */
	readonly serial?: string;
	/** Its own JWT keys. */
	readonly jwtKeys: readonly JwtAuthority[];
}

/** An upstream authority that tells of its changes. */
export interface UpstreamFeed {
	/** Undefined before it has said. */
	current(): UpstreamTrust | undefined;
	onChange(listener: () => void): () => void;
	/** Tells it what is true here; the newest report counts. */
	report(report: DownstreamReport): void;
	close(): void;
}

/** An upstream authority as files. */
export interface UpstreamFiles {
	/** PEM: the certificate that signs, then intermediates up to its root. */
	readonly certificate: string;
	/** PEM of its key: ECDSA P-256 or P-384, or RSA. */
	readonly key: string;
	/** PEM of the roots; the last certificate of `certificate` when it signed itself, by default. */
	readonly roots?: string;
}

/** An upstream authority whose key lies in a file; the files are read anew for each signature, so they may be replaced.
 *  @throws MeshError `AUTHORITY_UPSTREAM` on signing */
export function createUpstreamFiles(files: UpstreamFiles): UpstreamAuthority {
	const read = async (path: string): Promise<string> => {
		try {
			return await readFile(path, "utf8");
		} catch (cause) {
			throw fault(`${path} cannot be read`, cause);
		}
	};
	return {
		async signIssuer({ csr, trustDomain, ttlMs, now }) {
			const chain = readPem(await read(files.certificate), files.certificate);
			const key = readKey(await read(files.key), files.key);
			const signer = chain[0]!;
			if (!signer.x509.checkPrivateKey(key.privateKey))
				throw fault(`${files.key} is not the key of ${files.certificate}`);
			const last = chain.at(-1)!;
			const own = isSelfSigned(last) ? [last] : [];
			const roots = files.roots === undefined ? own : readPem(await read(files.roots), files.roots);
			if (roots.length === 0)
				throw fault(`${files.certificate} ends in no root: give the roots in a file of their own`);
			const { publicKey } = readSigningRequest(csr);
			const issuer = await issueIssuer(trustDomain, publicKey, { certificate: signer, key: key.signing }, now, ttlMs);
			const between = chain.filter((certificate) => !isSelfSigned(certificate));
			return {
				chain: formatCertificates([issuer, ...between].map(({ der }) => der)),
				roots: formatCertificates(roots.map(({ der }) => der)),
			};
		},
	};
}

/** An issuer that was checked: it may sign for the trust domain with the key, and leads to one of the roots. */
export interface CheckedIssuer {
	readonly chain: readonly Certificate[];
	readonly roots: readonly Certificate[];
}

/** Checks what somebody upstream signed (X509-SVID section 4: a signing certificate is an authority with `keyCertSign`, and names the
 *  trust domain when it names a SPIFFE ID).
 *  @throws MeshError `AUTHORITY_UPSTREAM` */
export function checkIssuer(signed: SignedIssuer, trustDomain: string, key: SigningKey, now: number): CheckedIssuer {
	const chain = readPem(signed.chain, "its chain").filter((certificate) => !isSelfSigned(certificate));
	const [issuer, ...between] = chain;
	if (issuer === undefined)
		throw fault("its chain holds no issuer: the certificate for the signing request comes first");
	const bundle = parseTrustBundle(trustDomain, signed.roots);
	if (!issuer.publicKey.equals(key.publicKey)) throw fault("its certificate is for another key, not for the request's");
	const { isCa, keyUsages, names } = issuer.extensions;
	if (!isCa || keyUsages?.has("keyCertSign") !== true)
		throw fault("its certificate may not sign: it must be an authority with the usage keyCertSign");
	const stranger = names.find(({ kind, value }) => kind === "uri" && value !== `spiffe://${trustDomain}`);
	if (stranger !== undefined)
		throw fault(`its certificate is for '${stranger.value}', not for spiffe://${trustDomain}`);
	const problem =
		findValidityProblem(issuer, now, "issuer") ??
		findPathProblem(issuer, between, createTrustBundle(trustDomain, bundle.authorities), now, 1);
	if (problem !== undefined) throw fault(problem.problem);
	return { chain, roots: bundle.authorities };
}

function readPem(text: string, where: string): Certificate[] {
	let certificates: Certificate[];
	try {
		certificates = readCertificates(text);
	} catch (cause) {
		throw fault(`${where}: damaged certificate`, cause);
	}
	if (certificates.length === 0) throw fault(`${where}: no certificate in it`);
	return certificates;
}

function readKey(text: string, path: string) {
	try {
		const privateKey = createPrivateKey(text);
		return { privateKey, signing: createLocalKey(privateKey) };
	} catch {
		// The cause is left out: a message of the parser must never carry a piece of the key.
		throw fault(`${path}: damaged private key`);
	}
}

function isSelfSigned({ x509 }: Certificate): boolean {
	return x509.checkIssued(x509);
}

function fault(problem: string, cause?: unknown): MeshError {
	return new MeshError("AUTHORITY_UPSTREAM", `upstream authority: ${problem}`, cause === undefined ? {} : { cause });
}
