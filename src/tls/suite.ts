/** A cipher suite of TLS 1.3 (RFC 8446, section B.4). */
export interface Suite {
	readonly id: number;
	readonly name: string;
	/** By Node's name. */
	readonly cipher: "aes-128-gcm" | "aes-256-gcm" | "chacha20-poly1305";
	readonly keyBytes: 16 | 32;
	readonly hash: "sha256" | "sha384";
	readonly hashBytes: 32 | 48;
	/** Records under one key; beyond them it is renewed (RFC 8446, section 5.5). */
	readonly maxRecords: number;
}

const maxGcmRecords = 2 ** 24;

/** All that we know, by their numbers. */
export const suites: ReadonlyMap<number, Suite> = new Map(
	(
		[
			[0x1301, "TLS_AES_128_GCM_SHA256", "aes-128-gcm", 16, "sha256", 32, maxGcmRecords],
			[0x1302, "TLS_AES_256_GCM_SHA384", "aes-256-gcm", 32, "sha384", 48, maxGcmRecords],
			[0x1303, "TLS_CHACHA20_POLY1305_SHA256", "chacha20-poly1305", 32, "sha256", 32, 2 ** 40],
		] as const
	).map(([id, name, cipher, keyBytes, hash, hashBytes, maxRecords]) => [
		id,
		{ id, name, cipher, keyBytes, hash, hashBytes, maxRecords },
	]),
);

/** The first suite of `preferred` that `offered` has, or of `offered` that `preferred` has. */
export function chooseSuite(
	offered: readonly number[],
	preferred: readonly Suite[],
	prefersServer: boolean,
): Suite | undefined {
	if (prefersServer) return preferred.find(({ id }) => offered.includes(id));
	for (const number of offered) {
		const suite = preferred.find(({ id }) => id === number);
		if (suite !== undefined) return suite;
	}
	return undefined;
}
