import { isIP } from "node:net";

/** The ends of the connection that the other proxy took. */
export interface ProxyAddresses {
	readonly sourceIp: string;
	readonly sourcePort: number;
	readonly destinationIp: string;
	readonly destinationPort: number;
}

/** A further fact, by type number (PP2_TYPE_*). */
export interface ProxyTlv {
	readonly type: number;
	readonly value: Buffer;
}

/** What the first bytes of a connection say. */
export type ProxyFirstBytes =
	/** More bytes are needed to tell. */
	| { readonly kind: "incomplete" }
	/** No PROXY protocol. */
	| { readonly kind: "absent" }
	| { readonly kind: "malformed"; readonly version: 1 | 2 }
	| {
			readonly kind: "header";
			readonly version: 1 | 2;
			/** Bytes of the header; what follows is the connection's own. */
			readonly length: number;
			/** Undefined when the other proxy speaks for itself (`LOCAL`) or does not know (`UNKNOWN`). */
			readonly addresses: ProxyAddresses | undefined;
			readonly tlvs: readonly ProxyTlv[];
	  };

export const version2Signature: Buffer = Buffer.from([
	0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a,
]);

const incomplete: ProxyFirstBytes = { kind: "incomplete" };
const absent: ProxyFirstBytes = { kind: "absent" };
const malformed1: ProxyFirstBytes = { kind: "malformed", version: 1 };
const malformed2: ProxyFirstBytes = { kind: "malformed", version: 2 };
const version1Signature = Buffer.from("PROXY ", "latin1");
/** The longest line of version 1, with its end. */
const maxLineBytes = 108;
const version2HeadBytes = 16;
const carriageReturn = 13;
const lineFeed = 10;

/** Parses the header at the start of `bytes`. */
export function parseProxyHeader(bytes: Buffer): ProxyFirstBytes {
	if (startsAlike(bytes, version2Signature)) {
		return bytes.length < version2HeadBytes ? incomplete : parseVersion2(bytes);
	}
	if (!startsAlike(bytes, version1Signature)) return absent;
	return bytes.length < version1Signature.length ? incomplete : parseVersion1(bytes);
}

/** Whether `bytes` is the start of `signature`, or begins with it. */
function startsAlike(bytes: Buffer, signature: Buffer): boolean {
	const length = Math.min(bytes.length, signature.length);
	return bytes.compare(signature, 0, length, 0, length) === 0;
}

function parseVersion1(bytes: Buffer): ProxyFirstBytes {
	let end = -1;
	for (let index = bytes.indexOf(lineFeed); index !== -1; index = bytes.indexOf(lineFeed, index + 1)) {
		if (bytes[index - 1] !== carriageReturn) continue;
		end = index + 1;
		break;
	}
	if (end === -1) return bytes.length >= maxLineBytes ? malformed1 : incomplete;
	if (end > maxLineBytes) return malformed1;
	const words = bytes
		.toString("latin1", version1Signature.length, end - 2)
		.trimEnd()
		.split(" ");
	const [family, sourceIp = "", destinationIp = "", sourceText = "", destinationText = ""] = words;
	if (family === "UNKNOWN") return { kind: "header", version: 1, length: end, addresses: undefined, tlvs: [] };
	const wanted = family === "TCP4" ? 4 : family === "TCP6" ? 6 : undefined;
	if (wanted === undefined || words.length !== 5) return malformed1;
	if (isIP(sourceIp) !== wanted || isIP(destinationIp) !== wanted) return malformed1;
	const sourcePort = parsePort(sourceText);
	const destinationPort = parsePort(destinationText);
	if (sourcePort === undefined || destinationPort === undefined) return malformed1;
	const addresses = { sourceIp, sourcePort, destinationIp, destinationPort };
	return { kind: "header", version: 1, length: end, addresses, tlvs: [] };
}

function parsePort(text: string): number | undefined {
	return /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined;
}

const localCommand = 0x20;
const proxyCommand = 0x21;
const families: Readonly<Record<number, { readonly bytes: number; readonly version: 4 | 6 }>> = {
	// TCP and UDP over IPv4, then over IPv6.
	17: { bytes: 4, version: 4 },
	18: { bytes: 4, version: 4 },
	33: { bytes: 16, version: 6 },
	34: { bytes: 16, version: 6 },
};

function parseVersion2(bytes: Buffer): ProxyFirstBytes {
	const command = bytes[12]!;
	if (command !== localCommand && command !== proxyCommand) return malformed2;
	const family = families[bytes[13]!];
	const bodyLength = bytes.readUInt16BE(14);
	const length = version2HeadBytes + bodyLength;
	if (command === proxyCommand && (family === undefined || bodyLength < family.bytes * 2 + 4)) return malformed2;
	if (bytes.length < length) return incomplete;
	if (command === localCommand || family === undefined) {
		return { kind: "header", version: 2, length, addresses: undefined, tlvs: [] };
	}
	const body = bytes.subarray(version2HeadBytes, length);
	const portsAt = family.bytes * 2;
	const addresses: ProxyAddresses = {
		sourceIp: formatIp(body.subarray(0, family.bytes)),
		sourcePort: body.readUInt16BE(portsAt),
		destinationIp: formatIp(body.subarray(family.bytes, portsAt)),
		destinationPort: body.readUInt16BE(portsAt + 2),
	};
	const tlvs = parseTlvs(body.subarray(portsAt + 4));
	return tlvs === undefined ? malformed2 : { kind: "header", version: 2, length, addresses, tlvs };
}

function parseTlvs(bytes: Buffer): ProxyTlv[] | undefined {
	const tlvs: ProxyTlv[] = [];
	let offset = 0;
	while (offset < bytes.length) {
		if (bytes.length - offset < 3) return undefined;
		const end = offset + 3 + bytes.readUInt16BE(offset + 1);
		if (end > bytes.length) return undefined;
		// A copy: what the connection goes on reading into may be used again.
		tlvs.push({ type: bytes[offset]!, value: Buffer.from(bytes.subarray(offset + 3, end)) });
		offset = end;
	}
	return tlvs;
}

function formatIp(bytes: Buffer): string {
	return bytes.length === 4 ? bytes.join(".") : formatIpv6(bytes);
}

/** RFC 5952: lower case, the longest run of zeros folded. */
function formatIpv6(bytes: Buffer): string {
	const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2));
	let best = { start: -1, length: 1 };
	for (let start = 0; start < groups.length; start++) {
		let length = 0;
		while (groups[start + length] === 0) length++;
		if (length > best.length) best = { start, length };
	}
	const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(":");
	if (best.start === -1) return text(groups);
	return `${text(groups.slice(0, best.start))}::${text(groups.slice(best.start + best.length))}`;
}
