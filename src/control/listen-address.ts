import { isIP } from "node:net";
import { MeshError } from "../core/index.ts";

export interface ListenAddress {
	readonly host: string;
	readonly port: number;
}

/** Reads `127.0.0.1:15010` or `[::1]:15010`.
 *  @throws MeshError `ADDRESS_INVALID`, `ADDRESS_NOT_LOOPBACK`: neither API authenticates its peers by more than a token */
export function parseLoopbackAddress(text: string, what: string): ListenAddress {
	const address = parseListenAddress(text, what);
	if (!isLoopback(address))
		throw new MeshError(
			"ADDRESS_NOT_LOOPBACK",
			`${what} ${text} can be reached from other machines: use 127.0.0.1, or TLS`,
		);
	return address;
}

/** Whether nobody on another machine reaches an address. */
export function isLoopback({ host }: ListenAddress): boolean {
	return host.startsWith("127.") || host === "::1";
}

/** Reads `10.0.0.1:15012` or `[::]:15012`, for what authenticates its peers.
 *  @throws MeshError `ADDRESS_INVALID` */
export function parseListenAddress(text: string, what: string): ListenAddress {
	const match = /^(\[([^\]]+)\]|[^:]+):(\d{1,5})$/.exec(text);
	const host = match?.[2] ?? match?.[1] ?? "";
	const port = Number(match?.[3] ?? Number.NaN);
	if (isIP(host) === 0 || !(port <= 65_535))
		throw new MeshError(
			"ADDRESS_INVALID",
			`${what} ${JSON.stringify(text)} is no address: write it as 127.0.0.1:15010`,
		);
	return { host, port };
}

export function formatAddress({ host, port }: ListenAddress): string {
	return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Where discovery is served: on loopback in plain text, elsewhere over mutual TLS.
 *  @throws MeshError `ADDRESS_INVALID`, `ADDRESS_NOT_LOOPBACK` */
export function readXdsAddresses({
	xdsAddress = "127.0.0.1:15010",
	xdsTlsAddress,
}: {
	readonly xdsAddress?: string;
	readonly xdsTlsAddress?: string;
}): {
	readonly plain?: ListenAddress;
	readonly tls?: ListenAddress;
} {
	const first = parseListenAddress(xdsAddress, "xDS address");
	const second = xdsTlsAddress === undefined ? undefined : parseListenAddress(xdsTlsAddress, "xDS TLS address");
	if (isLoopback(first)) return { plain: first, ...(second !== undefined && { tls: second }) };
	if (second === undefined) return { tls: first };
	throw new MeshError(
		"ADDRESS_NOT_LOOPBACK",
		`xDS address ${xdsAddress} can be reached from other machines and would be served over mutual TLS, as ${xdsTlsAddress} is: give one of them`,
	);
}
