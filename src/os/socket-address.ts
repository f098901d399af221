import { isIPv6, SocketAddress } from "node:net";

/** `AF_INET` and `AF_INET6` of Linux. */
export const ipv4Family = 2;
export const ipv6Family = 10;

/** An IP address and a port as `sockaddr_in` or `sockaddr_in6`. */
export function encodeSocketAddress(ip: string, port: number): Uint8Array {
	const bytes = Buffer.alloc(isIPv6(ip) ? 28 : 16);
	bytes.writeUInt16LE(isIPv6(ip) ? ipv6Family : ipv4Family, 0);
	bytes.writeUInt16BE(port, 2);
	if (isIPv6(ip)) bytes.set(encodeIpv6(ip), 8);
	else bytes.set(ip.split(".").map(Number), 4);
	return bytes;
}

/** The IP address and port of a `sockaddr_in` or `sockaddr_in6`; undefined for other families. */
export function decodeSocketAddress(bytes: Buffer): { readonly ip: string; readonly port: number } | undefined {
	const family = bytes.readUInt16LE(0);
	const port = bytes.readUInt16BE(2);
	if (family === ipv4Family) return { ip: bytes.subarray(4, 8).join("."), port };
	if (family !== ipv6Family || bytes.length < 24) return undefined;
	const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(8 + index * 2).toString(16));
	return { ip: new SocketAddress({ family: "ipv6", address: groups.join(":") }).address, port };
}

function encodeIpv6(ip: string): Uint8Array {
	const plain = ip.replace(/%.*$/, "").replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_all, ...parts: string[]) => {
		const [a, b, c, d] = parts.slice(0, 4).map(Number) as [number, number, number, number];
		return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
	});
	const [head = "", tail] = plain.split("::");
	const front = head === "" ? [] : head.split(":");
	const back = tail === undefined || tail === "" ? [] : tail.split(":");
	const zeros = Array.from({ length: 8 - front.length - back.length }, () => "0");
	const bytes = Buffer.alloc(16);
	for (const [index, group] of [...front, ...zeros, ...back].entries())
		bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2);
	return bytes;
}
