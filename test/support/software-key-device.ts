import { execFileSync } from "node:child_process";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KeyDevice } from "../../src/identity/key-plugin/index.ts";
import { decodeChildren, decodeDer } from "../../src/identity/x509/der.ts";

/** A key device in memory, for what needs a plugin and no token; `fault` makes every call fail so. */
export interface SoftwareKeyDevice extends KeyDevice {
	readonly keys: Map<string, KeyObject>;
	/** How many signatures were asked for. */
	signatures: number;
	fault: Error | undefined;
	/** Makes signatures of something else. */
	isLying: boolean;
}

export function createSoftwareKeyDevice(): SoftwareKeyDevice {
	const keys = new Map<string, KeyObject>();
	const check = (): void => {
		if (device.fault !== undefined) throw device.fault;
	};
	const pointOf = (key: KeyObject): Uint8Array => {
		const { x = "", y = "" } = key.export({ format: "jwk" });
		return Buffer.concat([Buffer.of(4), Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]);
	};
	const device: SoftwareKeyDevice = {
		keys,
		signatures: 0,
		fault: undefined,
		isLying: false,
		async place() {
			check();
			return "a box of keys";
		},
		async list() {
			check();
			return [...keys.keys()];
		},
		async create(name) {
			check();
			const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
			keys.set(name, privateKey);
			return pointOf(privateKey);
		},
		async publicPoint(name) {
			check();
			const key = keys.get(name);
			return key === undefined ? undefined : pointOf(key);
		},
		async sign(name, digest) {
			check();
			device.signatures++;
			const key = keys.get(name);
			if (key === undefined) return undefined;
			return signDigest(key, device.isLying ? Buffer.alloc(32, 1) : digest);
		},
		async remove(name) {
			check();
			keys.delete(name);
		},
	};
	return device;
}

/** Node signs texts only; openssl signs what was hashed already. */
function signDigest(key: KeyObject, digest: Uint8Array): Uint8Array {
	const folder = mkdtempSync(join(tmpdir(), "amime-key-"));
	try {
		writeFileSync(join(folder, "key"), key.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
		const args = ["pkeyutl", "-sign", "-inkey", join(folder, "key"), "-pkeyopt", "digest:sha256"];
		const der = execFileSync("openssl", args, { input: digest });
		const numbers = decodeChildren(decodeDer(der)).map(({ content }) => content.subarray(-32));
		return Buffer.concat(numbers.map((number) => Buffer.concat([Buffer.alloc(32 - number.length), number])));
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
}
