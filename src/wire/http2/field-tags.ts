import { requestJoinedHeaders, responseJoinedHeaders } from "../../core/index.ts";
import { createHpackDictionary, type HpackDictionary } from "../hpack/index.ts";

/** What is known of a field once it is decoded, as a number: its kind in the low byte, faults above. */
export const FieldKind = {
	plain: 0,
	method: 1,
	scheme: 2,
	authority: 3,
	path: 4,
	protocol: 5,
	status: 6,
	/** A pseudo-header field that does not exist. */
	oddPseudo: 7,
	host: 8,
	contentLength: 9,
	te: 10,
	cookie: 11,
	/** Fields of one HTTP/1 connection (RFC 9113 section 8.2.2). */
	connection: 12,
	server: 13,
	date: 14,
	expect: 15,
	traceParent: 16,
	/** `referer`, `x-request-id`, `x-envoy-…`, `x-forwarded-…`: what a proxy has to judge. */
	extension: 17,
} as const;
export const kindMask = 0xff;
/** The name or the value has characters that may not stand there. */
export const badFieldBit = 0x100;
export const underscoreBit = 0x200;
/** Several of the name in a request, or in a response, become one. */
export const joinedInRequestsBit = 0x400;
export const joinedInResponsesBit = 0x800;
/** Kinds up to this one are pseudo-header fields. */
export const lastPseudoKind = FieldKind.oddPseudo;

const kinds: ReadonlyMap<string, number> = new Map([
	[":method", FieldKind.method],
	[":scheme", FieldKind.scheme],
	[":authority", FieldKind.authority],
	[":path", FieldKind.path],
	[":protocol", FieldKind.protocol],
	[":status", FieldKind.status],
	["host", FieldKind.host],
	["content-length", FieldKind.contentLength],
	["te", FieldKind.te],
	["cookie", FieldKind.cookie],
	["connection", FieldKind.connection],
	["keep-alive", FieldKind.connection],
	["proxy-connection", FieldKind.connection],
	["transfer-encoding", FieldKind.connection],
	["upgrade", FieldKind.connection],
	["server", FieldKind.server],
	["date", FieldKind.date],
	["expect", FieldKind.expect],
	["traceparent", FieldKind.traceParent],
]);

const judgedNames = /^(?:referer$|x-(?:envoy-|forwarded-|request-id$))/;

const nameBit = 1;
const valueBit = 2;
const tokenBit = 4;
const schemeBit = 8;
const authorityBit = 16;
const pathBit = 32;
const digitBit = 64;
const characters = buildCharacters();

function buildCharacters(): Uint8Array {
	const table = new Uint8Array(256);
	const mark = (text: string, bit: number): void => {
		for (const character of text) table[character.charCodeAt(0)]! |= bit;
	};
	const lower = "abcdefghijklmnopqrstuvwxyz";
	const upper = lower.toUpperCase();
	const digits = "0123456789";
	mark(`${lower}${digits}!#$%&'*+-.^_\`|~`, nameBit | tokenBit);
	mark(upper, tokenBit);
	mark(`${lower}${upper}${digits}+-.`, schemeBit);
	// Without "@": a user name is none of an authority (RFC 9113 section 8.3.1).
	mark(`${lower}${upper}${digits}!$%&'()*+,-.:;=[]_~`, authorityBit);
	mark(digits, digitBit);
	for (let code = 0; code < 256; code++) {
		if (code === 9 || (code >= 0x20 && code !== 0x7f)) table[code]! |= valueBit;
		if (code > 0x20 && code !== 0x7f) table[code]! |= pathBit;
	}
	return table;
}

function hasOnly(text: string, bit: number, start: number): boolean {
	for (let index = start; index < text.length; index++) {
		if ((characters[text.charCodeAt(index) & 0xff]! & bit) === 0) return false;
	}
	return true;
}

const valueBits: readonly number[] = Object.assign(new Array<number>(32).fill(valueBit), {
	[FieldKind.method]: tokenBit,
	[FieldKind.scheme]: schemeBit,
	[FieldKind.authority]: authorityBit,
	[FieldKind.path]: pathBit,
	[FieldKind.status]: digitBit,
	[FieldKind.host]: authorityBit,
	[FieldKind.contentLength]: digitBit,
});
/** Kinds that mean nothing without a value. */
const needsValue: ReadonlySet<number> = new Set([
	FieldKind.method,
	FieldKind.scheme,
	FieldKind.path,
	FieldKind.status,
	FieldKind.contentLength,
]);

/** Judges a field (RFC 9113 sections 8.2.1 and 8.3). */
export function describeField(name: string, value: string): number {
	let tag: number = kinds.get(name) ?? FieldKind.plain;
	if (tag === FieldKind.plain) {
		if (name.charCodeAt(0) === 58) return FieldKind.oddPseudo | badFieldBit;
		if (name === "" || !hasOnly(name, nameBit, 0)) return badFieldBit;
		const first = name.charCodeAt(0);
		if ((first === 120 || first === 114) && judgedNames.test(name)) tag = FieldKind.extension;
		if (name.includes("_")) tag |= underscoreBit;
	}
	const kind = tag & kindMask;
	if (requestJoinedHeaders.has(name)) tag |= joinedInRequestsBit;
	if (responseJoinedHeaders.has(name)) tag |= joinedInResponsesBit;
	if (!hasOnly(value, valueBits[kind]!, 0)) return tag | badFieldBit;
	if (value === "" && needsValue.has(kind)) return tag | badFieldBit;
	if (kind === FieldKind.te && value.toLowerCase() !== "trailers") return tag | badFieldBit;
	return kind === FieldKind.connection || kind === FieldKind.oddPseudo ? tag | badFieldBit : tag;
}

/** The dictionary of every HTTP/2 connection. */
export function createFieldDictionary(): HpackDictionary {
	return createHpackDictionary(describeField);
}
