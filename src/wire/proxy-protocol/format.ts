import { isIP, isIPv6 } from "node:net";
import { type ProxyAddresses, type ProxyTlv, version2Signature } from "./parse.ts";

/** What a header says. */
export interface ProxyHeaderOptions {
	readonly version: 1 | 2;
	/** Undefined when there is no client, or when its ends are not of one IP family: `UNKNOWN`, `LOCAL`. */
	readonly addresses: ProxyAddresses | undefined;
	/** Version 2 only. */
	readonly tlvs: readonly ProxyTlv[];
}

/** The header to send in front of the first byte. */
export function formatProxyHeader({ version, addresses, tlvs }: ProxyHeaderOptions): Buffer {
	const known =
		addresses !== undefined && isIP(addresses.sourceIp) === isIP(addresses.destinationIp) ? addresses : undefined;
	return version === 1 ? formatVersion1(known) : formatVersion2(known, tlvs);
}

function formatVersion1(addresses: ProxyAddresses | undefined): Buffer {
	if (addresses === undefined) return Buffer.from("PROXY UNKNOWN\r\n", "latin1");
	const { sourceIp, sourcePort, destinationIp, destinationPort } = addresses;
	const family = isIPv6(sourceIp) ? "TCP6" : "TCP4";
	return Buffer.from(`PROXY ${family} ${sourceIp} ${destinationIp} ${sourcePort} ${destinationPort}\r\n`, "latin1");
}

const localCommand = 0x20;
const proxyCommand = 0x21;
const tcp4 = 0x11;
const tcp6 = 0x21;

function formatVersion2(addresses: ProxyAddresses | undefined, tlvs: readonly ProxyTlv[]): Buffer {
	const extensions = addresses === undefined ? [] : tlvs.map(encodeTlv);
	const ends = addresses === undefined ? [] : [encodeEnds(addresses)];
	const body = Buffer.concat([...ends, ...extensions]);
	const head = Buffer.alloc(16);
	head.set(version2Signature);
	head[12] = addresses === undefined ? localCommand : proxyCommand;
	head[13] = addresses === undefined ? 0 : isIPv6(addresses.sourceIp) ? tcp6 : tcp4;
	head.writeUInt16BE(body.length, 14);
	return Buffer.concat([head, body]);
}

function encodeEnds({ sourceIp, sourcePort, destinationIp, destinationPort }: ProxyAddresses): Buffer {
	const ports = Buffer.alloc(4);
	ports.writeUInt16BE(sourcePort, 0);
	ports.writeUInt16BE(destinationPort, 2);
	return Buffer.concat([encodeIp(sourceIp), encodeIp(destinationIp), ports]);
}

function encodeIp(ip: string): Buffer {
	if (!isIPv6(ip)) return Buffer.from(ip.split(".").map(Number));
	const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(ip);
	const hex = (high: string | undefined, low: string | undefined): string =>
		(Number(high) * 256 + Number(low)).toString(16);
	const plain =
		dotted === null ? ip : `${ip.slice(0, dotted.index)}${hex(dotted[1], dotted[2])}:${hex(dotted[3], dotted[4])}`;
	const [head = "", tail] = plain.replace(/%.*$/, "").split("::");
	const front = head === "" ? [] : head.split(":");
	const back = tail === undefined || tail === "" ? [] : tail.split(":");
	const bytes = Buffer.alloc(16);
	for (const [index, group] of front.entries()) bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2);
	for (const [index, group] of back.entries()) {
		bytes.writeUInt16BE(Number.parseInt(group, 16), 16 - (back.length - index) * 2);
	}
	return bytes;
}

function encodeTlv({ type, value }: ProxyTlv): Buffer {
	const head = Buffer.alloc(3);
	head[0] = type;
	head.writeUInt16BE(value.length, 1);
	return Buffer.concat([head, value]);
}
