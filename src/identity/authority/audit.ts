import { closeSync, existsSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** One signature of the authority. */
export interface AuditEntry {
	/** ISO 8601. */
	readonly at: string;
	readonly kind: "x509-svid" | "jwt-svid" | "issuer" | "root" | "jwt-key";
	/** For whom: a SPIFFE ID, or the trust domain. */
	readonly subject: string;
	/** Who asked: a holder, a person of the admin API, or the authority itself. */
	readonly by: string;
	/** Serial of a certificate, id of a token or key. */
	readonly serial: string;
	/** ISO 8601: until when it is good. */
	readonly until: string;
	/** Audiences of a token, DNS names of a certificate. */
	readonly names?: readonly string[];
}

/** Where signatures are written down. */
export interface AuditSink {
	record(entry: AuditEntry): void;
	close(): void;
}

const defaultMaxBytes = 16 * 1024 * 1024;

/** A line of JSON a signature, in a file of mode 0600. A file that is full becomes `<path>.1`, in place of the one before. */
export function openAuditFile(path: string, maxBytes = defaultMaxBytes): AuditSink {
	mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
	let file = openSync(path, "a", 0o600);
	let size = fstatSync(file).size;
	return {
		record(entry) {
			const line = `${JSON.stringify(entry)}\n`;
			if (size > 0 && size + line.length > maxBytes) {
				closeSync(file);
				if (existsSync(path)) renameSync(path, `${path}.1`);
				file = openSync(path, "a", 0o600);
				size = 0;
			}
			size += writeSync(file, line);
		},
		close: () => closeSync(file),
	};
}
