import type { DeltaRequest } from "./requests.ts";

/** Reads a `DeltaDiscoveryRequest` that says nothing but its type (field 2) and the nonce that it answers (field 6), each once: an acknowledgement.
 *  Every change comes back from thousands of streams as such.
 *  @returns undefined for any other request, and for bytes that are none */
export function readDeltaAnswer(bytes: Uint8Array): DeltaRequest | undefined {
	let typeUrl = "";
	let nonce = "";
	for (let at = 0; at < bytes.length; ) {
		const tag = bytes[at];
		const from = at + 2;
		const length = bytes[at + 1] ?? longLength;
		at = from + length;
		if (length >= longLength || at > bytes.length) return undefined;
		const text = readAscii(bytes, from, at);
		if (text === undefined) return undefined;
		if (tag === typeUrlTag && typeUrl === "") typeUrl = text;
		else if (tag === nonceTag && nonce === "") nonce = text;
		else return undefined;
	}
	if (typeUrl === "" || nonce === "") return undefined;
	return { kind: "delta", typeUrl, nonce, ...nothingElse };
}

const typeUrlTag = 0x12;
const nonceTag = 0x32;
/** A length from here on has more than one byte. */
const longLength = 128;

const nothingElse = { node: undefined, error: undefined, subscribe: [], unsubscribe: [], initialVersions: {} } as const;

/** Undefined for text that has other characters, or none. */
function readAscii(bytes: Uint8Array, from: number, to: number): string | undefined {
	for (let at = from; at < to; at++) if (bytes[at]! >= 0x80) return undefined;
	return from === to ? undefined : Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString("latin1");
}
