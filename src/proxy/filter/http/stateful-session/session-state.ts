import { getHeader, type HeaderList, setHeader } from "../../../../core/index.ts";
import type { SessionStateConfig } from "../../../runtime-config/index.ts";
import { findCookie } from "../cookies.ts";

/** Of a request with a session: its host, `address:port`, and what stands in the session's header in place of it. */
export interface FoundSession {
	readonly host: string;
	/** Whatever the client encoded, control characters too; undefined when the header stays as it is. */
	readonly rest: string | undefined;
}

/** The session that a request belongs to, or undefined for a new one. */
export function readSession(config: SessionStateConfig, headers: HeaderList, wallMs: number): FoundSession | undefined {
	const value = config.kind === "cookie" ? findCookie(headers, config.name) : getHeader(headers, config.name);
	if (value === undefined) return undefined;
	if (config.kind === "envelope") return splitEnvelope(value);
	const host = config.kind === "cookie" ? decodeCookie(value, wallMs) : decodeBase64(value)?.toString("latin1");
	return host === undefined ? undefined : { host, rest: undefined };
}

/** Whether a session of this kind is for a request's path: a cookie's path says so. */
export function isSessionPath(config: SessionStateConfig, path: string): boolean {
	if (config.kind !== "cookie" || config.path === "" || config.path === "/") return true;
	const end = path.search(/[?#]/);
	const bare = end === -1 ? path : path.slice(0, end);
	if (!bare.startsWith(config.path)) return false;
	return config.path.endsWith("/") || bare.length === config.path.length || bare[config.path.length] === "/";
}

/** Writes the host that was used into the answer. @returns whether it was another one than the session's */
export function writeSessionHost(
	config: SessionStateConfig,
	headers: HeaderList,
	before: string | undefined,
	host: string,
	wallMs: number,
): boolean {
	const isChanged = before !== host;
	switch (config.kind) {
		case "cookie":
			if (isChanged) headers.push("set-cookie", formatCookie(config, host, wallMs));
			break;
		case "header":
			if (isChanged) setHeader(headers, config.name, Buffer.from(host).toString("base64"));
			break;
		case "envelope": {
			const value = getHeader(headers, config.name);
			if (value === undefined) break;
			const encoded = Buffer.from(host).toString("base64");
			setHeader(headers, config.name, `${encoded};UV:${Buffer.from(value, "latin1").toString("base64")}`);
		}
	}
	return isChanged;
}

/** A cookie that is no message is the address itself, as older proxies wrote it. */
function decodeCookie(value: string, wallMs: number): string | undefined {
	const bytes = decodeBase64(value);
	if (bytes === undefined) return undefined;
	const message = decodeMessage(bytes);
	if (message === undefined) return bytes.toString("latin1");
	return message.expires !== 0 && wallMs / 1000 > message.expires ? undefined : message.address;
}

/** A cookie is a message `{ string address = 1; int64 expires = 2 }` in base64; `expires` in seconds since the epoch. */
function decodeMessage(bytes: Buffer): { readonly address: string | undefined; readonly expires: number } | undefined {
	let address: string | undefined;
	let expires = 0;
	let at = 0;
	while (at < bytes.length) {
		const tag = readVarint(bytes, at);
		if (tag === undefined || tag.value < 8) return undefined;
		const end = findFieldEnd(bytes, tag.next, tag.value % 8);
		if (end === undefined) return undefined;
		if (tag.value === 0x0a) address = bytes.toString("latin1", readVarint(bytes, tag.next)!.next, end);
		else if (tag.value === 0x10) expires = readVarint(bytes, tag.next)!.value;
		at = end;
	}
	return { address, expires };
}

/** Where a field of a message ends; undefined when that is behind the message, or it is none. Fields that nobody knows are passed over. */
function findFieldEnd(bytes: Buffer, start: number, wireType: number): number | undefined {
	const number = wireType === 0 || wireType === 2 ? readVarint(bytes, start) : undefined;
	const ends: readonly (number | undefined)[] = [
		number?.next,
		start + 8,
		number === undefined ? undefined : number.next + number.value,
		undefined,
		undefined,
		start + 4,
	];
	const end = ends[wireType];
	return end === undefined || end > bytes.length ? undefined : end;
}

function formatCookie(config: Extract<SessionStateConfig, { kind: "cookie" }>, host: string, wallMs: number): string {
	const expires = config.ttlSeconds === 0 ? 0 : Math.floor(wallMs / 1000) + config.ttlSeconds;
	const message = [0x0a, ...writeVarint(host.length), ...Buffer.from(host, "latin1")];
	if (expires !== 0) message.push(0x10, ...writeVarint(expires));
	const value = Buffer.from(message).toString("base64");
	const age = config.ttlSeconds === 0 ? "" : `; Max-Age=${config.ttlSeconds}`;
	const path = config.path === "" ? "" : `; Path=${config.path}`;
	return `${config.name}="${value}"${age}${path}${config.attributes}; HttpOnly`;
}

function splitEnvelope(value: string): FoundSession | undefined {
	const at = value.indexOf(";UV:");
	const host = decodeBase64(at === -1 ? value : value.slice(0, at))?.toString("latin1");
	if (host === undefined) return undefined;
	const rest = at === -1 ? undefined : decodeBase64(value.slice(at + 4))?.toString("latin1");
	if (at !== -1 && rest === undefined) return undefined;
	return { host, rest };
}

function decodeBase64(text: string): Buffer | undefined {
	if (text.length === 0 || text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined;
	return Buffer.from(text, "base64");
}

function readVarint(bytes: Buffer, start: number): { readonly value: number; readonly next: number } | undefined {
	let value = 0;
	for (let index = start; index < bytes.length && index < start + 8; index++) {
		value += (bytes[index]! & 0x7f) * 2 ** (7 * (index - start));
		if (bytes[index]! < 0x80) return { value, next: index + 1 };
	}
	return undefined;
}

function writeVarint(number: number): number[] {
	const bytes: number[] = [];
	let rest = number;
	while (rest >= 0x80) {
		bytes.push((rest % 128) | 0x80);
		rest = Math.floor(rest / 128);
	}
	bytes.push(rest);
	return bytes;
}
