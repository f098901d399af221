import { createPrivateKey, type KeyObject } from "node:crypto";
import {
	chmodSync,
	closeSync,
	existsSync,
	fsyncSync,
	lstatSync,
	mkdirSync,
	mkdtempSync,
	openSync,
	readFileSync,
	renameSync,
	rmSync,
	writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { describeError, type Log, MeshError } from "../../core/index.ts";
import { type Certificate, formatCertificates, readCertificates } from "../x509/index.ts";
import type { IssuerSlot } from "./authority.ts";
import type { AuthoritySlot } from "./authority-slot.ts";

/** Root and issuer as files: `root.key`, `root.pem`, `issuer.key`, `issuer.pem`. The root's key is read only to sign an issuer. */
export interface AuthorityFolder {
	/** What is there; undefined when the folder is missing or empty.
	 *  @throws MeshError */
	load(): { readonly root: AuthoritySlot; readonly issuer: IssuerSlot } | undefined;
	/** Writes both, all or nothing. When another process was faster, its files stay. */
	create(root: IssuerSlot, issuer: IssuerSlot): void;
	/** Replaces the issuer, all or nothing. */
	replaceIssuer(issuer: IssuerSlot): void;
	readRootKey(root: Certificate): KeyObject;
}

const names = ["root.key", "root.pem", "issuer.key", "issuer.pem"] as const;
type FileName = (typeof names)[number];

/** Opens the folder without touching it. */
export function openAuthorityFolder(folder: string, trustDomain: string, log: Log): AuthorityFolder {
	const pathOf = (name: string): string => join(folder, name);
	const damaged = (name: string, fault: string, cause?: unknown): MeshError =>
		new MeshError(
			"AUTHORITY_DAMAGED",
			`certificate authority ${pathOf(name)}: ${fault}; restore it from a backup, or move ${folder} away to start a new authority`,
			{ cause },
		);

	const readCertificateFile = (name: FileName): Certificate => {
		let certificates: Certificate[];
		try {
			certificates = readCertificates(readChecked(pathOf(name), log));
		} catch (error) {
			throw error instanceof MeshError ? error : damaged(name, "damaged certificate", error);
		}
		if (certificates.length !== 1) throw damaged(name, `one certificate expected, found ${certificates.length}`);
		return certificates[0]!;
	};

	const readKeyFile = (name: FileName, certificate: Certificate): KeyObject => {
		let key: KeyObject;
		try {
			key = createPrivateKey(readChecked(pathOf(name), log));
		} catch (error) {
			// The cause is left out: a message of the parser must never carry a piece of the key.
			throw error instanceof MeshError ? error : damaged(name, "damaged private key");
		}
		if (!certificate.x509.checkPrivateKey(key)) throw damaged(name, "is not the key of the certificate beside it");
		return key;
	};

	const checkAuthority = (name: FileName, certificate: Certificate, issuer: Certificate): void => {
		const { extensions, x509 } = certificate;
		if (!extensions.isCa) throw damaged(name, "is no certificate authority");
		const ids = extensions.names.filter((entry) => entry.kind === "uri").map((entry) => entry.value);
		if (!ids.includes(`spiffe://${trustDomain}`)) {
			throw new MeshError(
				"AUTHORITY_FOREIGN",
				`certificate authority ${pathOf(name)} is of ${ids[0] ?? "no trust domain"}, not of spiffe://${trustDomain}; use its trust domain, or another state folder`,
			);
		}
		if (!x509.checkIssued(issuer.x509) || !x509.verify(issuer.publicKey)) {
			throw damaged(name, "is not signed by the root beside it");
		}
	};

	return {
		load() {
			if (!existsSync(folder)) return undefined;
			tightenFolder(folder, log);
			finishReplacement(folder);
			const missing = names.filter((name) => !existsSync(pathOf(name)));
			if (missing.length === names.length) return undefined;
			if (missing[0] !== undefined) throw damaged(missing[0], "missing");
			const root = readCertificateFile("root.pem");
			checkAuthority("root.pem", root, root);
			const issuer = readCertificateFile("issuer.pem");
			checkAuthority("issuer.pem", issuer, root);
			readKeyFile("root.key", root);
			return {
				root: { certificate: root },
				issuer: { certificate: issuer, privateKey: readKeyFile("issuer.key", issuer) },
			};
		},
		create(root, issuer) {
			mkdirSync(dirname(folder), { recursive: true, mode: 0o700 });
			const draft = mkdtempSync(join(dirname(folder), `.${basename(folder)}-`));
			try {
				writeSlot(draft, "root", root);
				writeSlot(draft, "issuer", issuer);
				renameSync(draft, folder);
				syncFolder(dirname(folder));
			} catch (error) {
				rmSync(draft, { recursive: true, force: true });
				if (isTaken(error)) return;
				throw new MeshError(
					"AUTHORITY_FOLDER",
					`certificate authority: cannot write ${folder}: ${describeError(error)}`,
				);
			}
		},
		replaceIssuer(issuer) {
			writeSlot(folder, "issuer.next", issuer);
			finishReplacement(folder);
		},
		readRootKey: (root) => readKeyFile("root.key", root),
	};
}

// Invariant: the key of a slot is on disk before its certificate; a certificate `issuer.next.pem` is the point of no return.
function writeSlot(folder: string, name: string, slot: IssuerSlot): void {
	const key = slot.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
	writeDurably(join(folder, `${name}.key`), key);
	const draft = join(folder, `${name}.pem.tmp`);
	writeDurably(draft, formatCertificates([slot.certificate.der]));
	renameSync(draft, join(folder, `${name}.pem`));
	syncFolder(folder);
}

/** Completes a replacement of the issuer that a crash interrupted, or forgets one that had not come far enough. */
function finishReplacement(folder: string): void {
	const key = join(folder, "issuer.next.key");
	const certificate = join(folder, "issuer.next.pem");
	if (!existsSync(certificate)) {
		rmSync(key, { force: true });
		return;
	}
	if (existsSync(key)) renameSync(key, join(folder, "issuer.key"));
	renameSync(certificate, join(folder, "issuer.pem"));
	syncFolder(folder);
}

function writeDurably(path: string, text: string): void {
	rmSync(path, { force: true });
	const file = openSync(path, "wx", 0o600);
	try {
		writeSync(file, text);
		fsyncSync(file);
	} finally {
		closeSync(file);
	}
}

function syncFolder(folder: string): void {
	const file = openSync(folder, "r");
	try {
		fsyncSync(file);
	} finally {
		closeSync(file);
	}
}

/** Reads a file that nobody else may read: another owner is refused, wrong permissions are tightened. */
function readChecked(path: string, log: Log): string {
	const stat = lstatSync(path);
	if (!stat.isFile()) throw unsafe(path, "is no regular file");
	checkOwner(path, stat.uid);
	if ((stat.mode & 0o077) !== 0) {
		log.warn("permissions tightened", { path, from: (stat.mode & 0o777).toString(8), to: "600" });
		chmodSync(path, 0o600);
	}
	return readFileSync(path, "utf8");
}

function tightenFolder(folder: string, log: Log): void {
	const stat = lstatSync(folder);
	if (!stat.isDirectory()) throw unsafe(folder, "is no folder");
	checkOwner(folder, stat.uid);
	if ((stat.mode & 0o077) === 0) return;
	log.warn("permissions tightened", { path: folder, from: (stat.mode & 0o777).toString(8), to: "700" });
	chmodSync(folder, 0o700);
}

function checkOwner(path: string, owner: number): void {
	const own = process.getuid?.();
	if (own !== undefined && own !== 0 && owner !== own) {
		throw unsafe(path, `belongs to the user id ${owner}, this process runs as ${own}`);
	}
}

function unsafe(path: string, fault: string): MeshError {
	return new MeshError("AUTHORITY_FOLDER", `certificate authority ${path}: ${fault}`);
}

function isTaken(error: unknown): boolean {
	const code = error instanceof Error && "code" in error ? error.code : undefined;
	return code === "ENOTEMPTY" || code === "EEXIST";
}
