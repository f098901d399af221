/** Numbers of PKCS #11 version 2.40 as far as they are used (OASIS, Cryptographic Token Interface Base Specification, pkcs11t.h). */
export const attribute = {
	class: 0x0n,
	token: 0x1n,
	private: 0x2n,
	label: 0x3n,
	keyType: 0x100n,
	id: 0x102n,
	sensitive: 0x103n,
	sign: 0x108n,
	verify: 0x10an,
	extractable: 0x162n,
	ecParameters: 0x180n,
	ecPoint: 0x181n,
} as const;

export const objectClass = { publicKey: 2n, privateKey: 3n } as const;
export const keyType = { ec: 3n } as const;
export const mechanism = { generateEcKeyPair: 0x1040n, ecdsa: 0x1041n } as const;
export const sessionFlags = { readWrite: 2n, serial: 4n } as const;
export const user = 1n;

/** DER of the OID of P-256 (`prime256v1`). */
export const p256Parameters = Buffer.from("06082a8648ce3d030107", "hex");

const codes: Readonly<Record<string, bigint>> = {
	CKR_HOST_MEMORY: 0x2n,
	CKR_SLOT_ID_INVALID: 0x3n,
	CKR_GENERAL_ERROR: 0x5n,
	CKR_FUNCTION_FAILED: 0x6n,
	CKR_ATTRIBUTE_VALUE_INVALID: 0x13n,
	CKR_DEVICE_ERROR: 0x30n,
	CKR_DEVICE_MEMORY: 0x31n,
	CKR_DEVICE_REMOVED: 0x32n,
	CKR_KEY_HANDLE_INVALID: 0x60n,
	CKR_KEY_FUNCTION_NOT_PERMITTED: 0x68n,
	CKR_MECHANISM_INVALID: 0x70n,
	CKR_OBJECT_HANDLE_INVALID: 0x82n,
	CKR_PIN_INCORRECT: 0xa0n,
	CKR_PIN_INVALID: 0xa1n,
	CKR_PIN_LEN_RANGE: 0xa2n,
	CKR_PIN_EXPIRED: 0xa3n,
	CKR_PIN_LOCKED: 0xa4n,
	CKR_SESSION_CLOSED: 0xb0n,
	CKR_SESSION_HANDLE_INVALID: 0xb3n,
	CKR_SESSION_READ_ONLY: 0xb5n,
	CKR_TEMPLATE_INCONSISTENT: 0xd1n,
	CKR_TOKEN_NOT_PRESENT: 0xe0n,
	CKR_TOKEN_NOT_RECOGNIZED: 0xe1n,
	CKR_TOKEN_WRITE_PROTECTED: 0xe2n,
	CKR_USER_ALREADY_LOGGED_IN: 0x100n,
	CKR_USER_NOT_LOGGED_IN: 0x101n,
	CKR_USER_PIN_NOT_INITIALIZED: 0x102n,
	CKR_CRYPTOKI_NOT_INITIALIZED: 0x190n,
	CKR_CRYPTOKI_ALREADY_INITIALIZED: 0x191n,
};

export const result = { ok: 0n, ...codes } as const satisfies Record<string, bigint>;

/** What a result is called, such as `CKR_PIN_INCORRECT`. */
export function nameOf(code: bigint): string {
	return Object.entries(codes).find(([, value]) => value === code)?.[0] ?? `CKR 0x${code.toString(16)}`;
}

/** Whether the token or the session is gone rather than the call wrong: another session may do better. */
export function isLost(code: bigint): boolean {
	return lost.has(nameOf(code));
}

/** Whether the PIN was not taken: trying it again would lock the token. */
export function isPinRefused(code: bigint): boolean {
	return nameOf(code).startsWith("CKR_PIN_") || nameOf(code) === "CKR_USER_PIN_NOT_INITIALIZED";
}

/** What to do about a PIN that was not taken; empty for any other result. */
export function describePinRefusal(code: bigint): string {
	if (!isPinRefused(code)) return "";
	const name = nameOf(code);
	if (name === "CKR_PIN_LOCKED") return ": the token is locked after wrong PINs; its security officer unlocks it";
	if (name === "CKR_USER_PIN_NOT_INITIALIZED") return ": the token has no PIN yet; set one with the tool of its maker";
	return ": the token does not take the PIN; correct it (--pin-file, AMIME_PIN) before the next start, for a few wrong ones lock the token";
}

const lost = new Set([
	"CKR_GENERAL_ERROR",
	"CKR_DEVICE_ERROR",
	"CKR_DEVICE_REMOVED",
	"CKR_KEY_HANDLE_INVALID",
	"CKR_OBJECT_HANDLE_INVALID",
	"CKR_SESSION_CLOSED",
	"CKR_SESSION_HANDLE_INVALID",
	"CKR_TOKEN_NOT_PRESENT",
	"CKR_TOKEN_NOT_RECOGNIZED",
	"CKR_USER_NOT_LOGGED_IN",
	"CKR_CRYPTOKI_NOT_INITIALIZED",
]);
