import type { Socket } from "node:net";
import type { ConnectionFacts, SocketAddress } from "../../engine/format/index.ts";
import type { AddressConfig } from "../runtime-config/index.ts";

/** What is known of a connection before its handshake. */
export function describeConnection(
	socket: Socket,
	bound: AddressConfig,
	id: number,
	facts: Pick<ConnectionFacts, "filterChainName" | "listenerMetadata" | "listenerName" | "serverName">,
): ConnectionFacts {
	const remote = bound.kind === "pipe" ? describePipe("") : describeIp(socket.remoteAddress, socket.remotePort);
	const local = bound.kind === "pipe" ? describePipe(bound.path) : describeIp(socket.localAddress, socket.localPort);
	return {
		id,
		remote,
		directRemote: remote,
		local,
		directLocal: local,
		tls: undefined,
		transportFailureReason: "",
		terminationDetails: "",
		...facts,
	};
}

function describePipe(path: string): SocketAddress {
	return { text: path, ip: path, port: 0 };
}

/** An IPv4 address that came mapped into IPv6 is an IPv4 address. */
function describeIp(address: string | undefined, port: number | undefined): SocketAddress {
	const given = address ?? "";
	const ip = given.startsWith("::ffff:") && given.includes(".") ? given.slice("::ffff:".length) : given;
	return { text: ip.includes(":") ? `[${ip}]:${port ?? 0}` : `${ip}:${port ?? 0}`, ip, port: port ?? 0 };
}
