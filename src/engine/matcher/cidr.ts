import type { CidrRange } from "./types.ts";

/** The bytes of an IP address (4 or 16), or undefined when the text is none. An IPv4-mapped IPv6 address stays IPv6. */
export function parseAddress(text: string): Uint8Array | undefined {
	return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

/** Whether an address (bytes) lies in a range; families do not mix. */
export function isInCidr(range: CidrRange, address: Uint8Array): boolean {
	if (range.address.length !== address.length) return false;
	const whole = range.prefixLength >> 3;
	for (let index = 0; index < whole; index++) if (range.address[index] !== address[index]) return false;
	const rest = range.prefixLength & 7;
	if (rest === 0) return true;
	const mask = 0xff << (8 - rest);
	return (range.address[whole]! & mask) === (address[whole]! & mask);
}

/** The first address of a range. */
export function firstOfCidr({ address, prefixLength }: CidrRange): Uint8Array {
	return address.map((byte, index) => byte & (0xff00 >> Math.min(8, Math.max(0, prefixLength - index * 8))));
}

/** Whether an address as text lies in one of the ranges. */
export function isInAnyCidr(ranges: readonly CidrRange[], text: string): boolean {
	if (ranges.length === 0) return false;
	const address = parseAddress(text);
	return address !== undefined && ranges.some((range) => isInCidr(range, address));
}

/** A range from its address and its length in bits (cut to the address's size); undefined when the address is none. */
export function parseCidr(address: string, prefixLength: number): CidrRange | undefined {
	const bytes = parseAddress(address);
	if (bytes === undefined) return undefined;
	return { address: bytes, prefixLength: Math.min(prefixLength, bytes.length * 8) };
}

function parseIpv4(text: string): Uint8Array | undefined {
	const parts = text.split(".");
	if (parts.length !== 4) return undefined;
	const bytes = new Uint8Array(4);
	for (let index = 0; index < 4; index++) {
		const part = parts[index]!;
		if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
		bytes[index] = Number(part);
	}
	return bytes;
}

function parseIpv6(text: string): Uint8Array | undefined {
	const [unscoped = "", zone] = splitZone(text);
	if (zone !== undefined && !/^[\w.~-]+$/.test(zone)) return undefined;
	const halves = unscoped.split("::");
	if (halves.length > 2) return undefined;
	// Four numbers with dots stand at the end of all.
	const head = parseGroups(halves[0]!, halves.length === 1);
	const tail = halves.length === 2 ? parseGroups(halves[1]!, true) : [];
	if (head === undefined || tail === undefined) return undefined;
	const missing = 16 - head.length - tail.length;
	if (halves.length === 2 ? missing < 2 : missing !== 0) return undefined;
	return Uint8Array.from([...head, ...new Array<number>(missing).fill(0), ...tail]);
}

/** `fe80::1%eth0` says on which link the address is. */
function splitZone(text: string): readonly [string, string?] {
	const at = text.indexOf("%");
	return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function parseGroups(text: string, isEnd: boolean): number[] | undefined {
	if (text === "") return [];
	const bytes: number[] = [];
	const groups = text.split(":");
	for (const [index, group] of groups.entries()) {
		if (group.includes(".")) {
			const v4 = isEnd && index === groups.length - 1 ? parseIpv4(group) : undefined;
			if (v4 === undefined) return undefined;
			bytes.push(...v4);
		} else {
			if (!/^[0-9A-Fa-f]{1,4}$/.test(group)) return undefined;
			const value = Number.parseInt(group, 16);
			bytes.push(value >> 8, value & 0xff);
		}
	}
	return bytes;
}
