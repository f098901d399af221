import type { SocketAddress } from "../../engine/format/index.ts";

/** An IP address and port as formats print them; undefined when there is none. */
export function formatSocketAddress(ip: string | undefined, port: number | undefined): SocketAddress | undefined {
	if (ip === undefined || port === undefined) return undefined;
	const plain = ip.startsWith("::ffff:") ? ip.slice(7) : ip;
	return { text: plain.includes(":") ? `[${plain}]:${port}` : `${plain}:${port}`, ip: plain, port };
}
