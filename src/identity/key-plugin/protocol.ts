/** The protocol of key plugins, version 1: one JSON object a line, requests and answers with the same `id`, in any order.
 *
 *  request `{"id": 1, "method": "sign", "name": "root-1a2b3c4d", "digest": "<base64>"}`
 *  answer  `{"id": 1, "result": {"signature": "<base64>"}}` or `{"id": 1, "error": {"code": "unavailable", "message": "…"}}`
 *
 *  | method      | takes                                     | answers with                                                    |
 *  | `hello`     |                                           | `protocol` (1) and `place`: where the keys are, for people      |
 *  | `create`    | `name`, one that no key has               | `publicKey`: PEM of a new P-256 key                             |
 *  | `publicKey` | `name`                                    | `publicKey`                                                     |
 *  | `sign`      | `name`, `digest`: a SHA-256, in base64    | `signature`: ECDSA in DER (RFC 3279 section 2.2.3), in base64   |
 *  | `list`      |                                           | `names`                                                         |
 *  | `remove`    | `name`                                    | nothing; a key that is not there is removed already             |
 *
 *  Codes of errors: `unknown` (no key of that name), `unavailable` (later may be better), `refused` (not until somebody sees to it). */
export const protocolVersion = 1;

export type PluginMethod = "hello" | "create" | "publicKey" | "sign" | "list" | "remove";
export type PluginFault = "unknown" | "unavailable" | "refused";

/** Longest line of either side. */
export const maxLineBytes = 64 * 1024;

export interface PluginRequest {
	readonly id: number;
	readonly method: PluginMethod;
	readonly name: string;
	/** A SHA-256. */
	readonly digest: Buffer;
}

export type PluginAnswer =
	| { readonly id: number; readonly result: Readonly<Record<string, unknown>> }
	| { readonly id: number; readonly error: { readonly code: PluginFault; readonly message: string } };

const methods: readonly string[] = ["hello", "create", "publicKey", "sign", "list", "remove"] satisfies PluginMethod[];
const faults: readonly string[] = ["unknown", "unavailable", "refused"] satisfies PluginFault[];
const namePattern = /^[A-Za-z0-9._-]{1,128}$/;

/** @returns what is wrong with the line, as text, when it is no request; with its id when it has one */
export function parseRequest(
	line: string,
): PluginRequest | { readonly id: number | undefined; readonly fault: string } {
	const value = parseObject(line);
	if (value === undefined) return { id: undefined, fault: "no JSON object" };
	const { id, method, name = "", digest = "" } = value;
	if (typeof id !== "number" || !Number.isSafeInteger(id)) return { id: undefined, fault: "'id' must be a number" };
	if (typeof method !== "string" || !methods.includes(method))
		return { id, fault: `no such method: ${String(method)}` };
	const isNamed = method !== "hello" && method !== "list";
	if (typeof name !== "string" || (isNamed && !namePattern.test(name)))
		return { id, fault: "'name' must be 1 to 128 letters of A-Z a-z 0-9 . _ -" };
	const bytes = Buffer.from(typeof digest === "string" ? digest : "", "base64");
	if (method === "sign" && bytes.length !== 32) return { id, fault: "'digest' must be a SHA-256 in base64" };
	return { id, method: method as PluginMethod, name, digest: bytes };
}

/** Undefined when the line is no answer. */
export function parseAnswer(line: string): PluginAnswer | undefined {
	const { id, result, error } = parseObject(line) ?? {};
	if (typeof id !== "number") return undefined;
	if (isObject(result)) return { id, result };
	if (!isObject(error)) return undefined;
	const { code, message } = error;
	if (typeof message !== "string") return undefined;
	return { id, error: { code: faults.includes(String(code)) ? (code as PluginFault) : "refused", message } };
}

function parseObject(line: string): Record<string, unknown> | undefined {
	try {
		const value: unknown = JSON.parse(line);
		return isObject(value) ? value : undefined;
	} catch (error) {
		if (error instanceof SyntaxError) return undefined;
		throw error;
	}
}

function isObject(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}
