import { describeError } from "../../core/index.ts";
import type { Ffi } from "../native.ts";
import { describePinRefusal, isLost, isPinRefused, nameOf } from "./constants.ts";

/** Why a token did not do what it was asked: `lost` may be better with another session, `refused` stays so until somebody sees to it. */
export class TokenError extends Error {
	readonly kind: "lost" | "refused" | "failed";

	constructor(kind: "lost" | "refused" | "failed", message: string) {
		super(message);
		this.kind = kind;
	}
}

/** The functions of a PKCS #11 module; a call that is not answered with CKR_OK throws TokenError. */
export type ModuleCall = (name: FunctionName, ...values: (bigint | number)[]) => void;

const long = "uint64";
const pointer = "pointer";
const signatures = {
	C_Initialize: [pointer],
	C_Finalize: [pointer],
	C_GetSlotList: ["uint8", pointer, pointer],
	C_GetTokenInfo: [long, pointer],
	C_OpenSession: [long, long, pointer, pointer, pointer],
	C_CloseSession: [long],
	C_Login: [long, long, pointer, long],
	C_FindObjectsInit: [long, pointer, long],
	C_FindObjects: [long, pointer, long, pointer],
	C_FindObjectsFinal: [long],
	C_GetAttributeValue: [long, long, pointer, long],
	C_GenerateKeyPair: [long, pointer, pointer, long, pointer, long, pointer, pointer],
	C_SignInit: [long, pointer, long],
	C_Sign: [long, pointer, long, pointer, pointer],
	C_DestroyObject: [long, long],
} as const;
export type FunctionName = keyof typeof signatures;

/** Loads a module (a shared library).
 *  @throws TokenError */
export function loadModule(ffi: Ffi, path: string): ModuleCall {
	const wanted = Object.fromEntries(
		Object.entries(signatures).map(([name, types]) => [name, { return: long, arguments: [...types] }]),
	);
	let functions: Record<string, (...values: (bigint | number)[]) => bigint>;
	try {
		functions = ffi.dlopen(path, wanted as never).functions as never;
	} catch (error) {
		throw new TokenError("lost", `the PKCS #11 module ${path} cannot be loaded: ${describeError(error)}`);
	}
	return (name, ...values) => {
		const code = functions[name]!(...values);
		if (code === 0n) return;
		const kind = isPinRefused(code) ? "refused" : isLost(code) ? "lost" : "failed";
		throw new TokenError(kind, `${name}: ${nameOf(code)}${describePinRefusal(code)}`);
	};
}
