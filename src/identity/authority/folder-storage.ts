import {
	chmodSync,
	closeSync,
	existsSync,
	fsyncSync,
	lstatSync,
	mkdirSync,
	openSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type Clock, describeError, type Log, MeshError } from "../../core/index.ts";
import { type Certificate, readCertificates } from "../x509/index.ts";
import type { AuthorityState } from "./authority-state.ts";
import type { AuthorityStorage } from "./authority-storage.ts";

const stateFile = "authority.json";
const maxLeafMs = 24 * 3_600_000;

/** An authority in a folder of one process: `authority.json` says what the slots are for, `<slot>.pem` and `<slot>.key` are the slots, all
 *  of mode 0600. A folder with `root` and `issuer` alone is one that was never rotated. Every write is all or nothing.
 *  @throws MeshError `AUTHORITY_FOLDER` when it is somebody else's */
export function openFolderStorage(folder: string, log: Log, clock: Clock): AuthorityStorage {
	const pathOf = (name: string): string => join(folder, name);
	let revision = 0;
	/** The state as it was read or written last: another process that shares the folder by mistake is noticed. */
	let known: string | undefined;

	const read = (name: string): string => {
		if (!existsSync(pathOf(name))) throw damaged(folder, name, "missing");
		return readChecked(pathOf(name), log);
	};
	const write = (name: string, text: string): void => {
		try {
			mkdirSync(folder, { recursive: true, mode: 0o700 });
			writeDurably(pathOf(`${name}.tmp`), text);
			renameSync(pathOf(`${name}.tmp`), pathOf(name));
			syncFolder(folder);
		} catch (error) {
			throw new MeshError("AUTHORITY_FOLDER", `certificate authority: cannot write ${folder}: ${describeError(error)}`);
		}
	};

	return {
		place: folder,
		async load() {
			if (!existsSync(folder)) return undefined;
			tightenFolder(folder, log);
			revision = Math.max(revision, 1);
			known = existsSync(pathOf(stateFile)) ? read(stateFile) : undefined;
			if (known !== undefined) return { text: known, revision };
			if (existsSync(pathOf("root.pem")))
				return {
					text: JSON.stringify(readFirstState(folder, read, existsSync(pathOf("issuer.pem")), clock.wall())),
					revision,
				};
			const [stranger] = readdirSync(folder).filter((name) => !/\.(?:key|pem|tmp)$/.test(name));
			if (stranger !== undefined)
				throw new MeshError(
					"AUTHORITY_FOLDER",
					`certificate authority: ${folder} holds other files; give it a folder of its own`,
				);
			revision = 0;
			return undefined;
		},
		async save(text, over) {
			const found = existsSync(pathOf(stateFile)) ? read(stateFile) : undefined;
			if (over !== revision || found !== known) return false;
			write(stateFile, text);
			known = text;
			revision = over + 1;
			return true;
		},
		async writeSlot(name, { certificates, privateKey }) {
			if (privateKey !== undefined) write(`${name}.key`, privateKey);
			if (certificates !== undefined) write(`${name}.pem`, certificates);
		},
		async readSlot(name) {
			const hasKey = existsSync(pathOf(`${name}.key`));
			const hasCertificates = existsSync(pathOf(`${name}.pem`));
			if (!hasKey && !hasCertificates) throw damaged(folder, `${name}.pem`, "missing");
			return {
				...(hasCertificates && { certificates: read(`${name}.pem`) }),
				...(hasKey && { privateKey: read(`${name}.key`) }),
			};
		},
		readKey: async (name) => read(`${name}.key`),
		async removeSlot(name) {
			for (const file of [`${name}.pem`, `${name}.key`]) rmSync(pathOf(file), { force: true });
		},
		onChange: () => () => undefined,
	};
}

/** A fault of what is kept, and what to do about it. */
export function damaged(place: string, name: string, fault: string, cause?: unknown): MeshError {
	return new MeshError(
		"AUTHORITY_DAMAGED",
		`certificate authority ${join(place, name)}: ${fault}; restore it from a backup, or move ${place} away to start a new authority`,
		{ cause },
	);
}

/** The state of a folder that has a root, an issuer perhaps, and no word about them. */
function readFirstState(
	folder: string,
	read: (name: string) => string,
	hasIssuer: boolean,
	now: number,
): AuthorityState {
	const readFirst = (role: "root" | "issuer"): Certificate => {
		read(`${role}.key`);
		const text = read(`${role}.pem`);
		try {
			const [certificate] = readCertificates(text);
			if (certificate !== undefined) return certificate;
		} catch (error) {
			throw damaged(folder, `${role}.pem`, "damaged certificate", error);
		}
		throw damaged(folder, `${role}.pem`, "no certificate in it");
	};
	const root = readFirst("root");
	const issuer = hasIssuer ? readFirst("issuer") : undefined;
	const id = root.extensions.names.find(({ kind }) => kind === "uri")?.value ?? "";
	const slotOf = ({ notBefore, notAfter }: Certificate) => ({
		phase: "active" as const,
		since: notBefore,
		notBefore,
		notAfter,
	});
	return {
		trustDomain: id.replace(/^spiffe:\/\//, ""),
		sequence: 1,
		roots: [{ name: "root", isOwn: true, ...slotOf(root) }],
		// What it signed before anybody kept count may live for a day.
		issuers:
			issuer === undefined ? [] : [{ name: "issuer", root: "root", ...slotOf(issuer), neededUntil: now + maxLeafMs }],
		jwtKeys: [],
	};
}

function writeDurably(path: string, text: string): void {
	rmSync(path, { force: true });
	const file = openSync(path, "wx", 0o600);
	try {
		// To the last byte: a write to a disk that fills up may end early, and say so by its count alone.
		writeFileSync(file, text);
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
