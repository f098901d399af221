import type { Socket } from "node:net";
import type { ConnectionFacts, SocketAddress } from "../../engine/format/index.ts";
import type { PendingConnection } from "../filter/listener/index.ts";
import type { AddressConfig } from "../runtime-config/index.ts";

/** An accepted connection about which only the socket is known. */
export function describePending(socket: Socket, bound: AddressConfig): PendingConnection {
	// A client of a unix socket has no name: Envoy shows the listener's.
	const remote = bound.kind === "pipe" ? describePipe(bound.path) : describeIp(socket.remoteAddress, socket.remotePort);
	const local = bound.kind === "pipe" ? describePipe(bound.path) : describeIp(socket.localAddress, socket.localPort);
	return {
		socket,
		directRemote: remote,
		directLocal: local,
		remote,
		local,
		isLocalRestored: false,
		serverName: "",
		transportProtocol: "",
		applicationProtocols: noProtocols,
		proxyHeader: undefined,
		dynamicMetadata: undefined,
		filterState: undefined,
		consumedBytes: 0,
	};
}

/** What is known of a connection before its handshake. */
export function describeConnection(
	pending: PendingConnection,
	id: number,
	facts: Pick<ConnectionFacts, "filterChainName" | "listenerMetadata" | "listenerName">,
): ConnectionFacts {
	const { remote, directRemote, local, directLocal, serverName } = pending;
	return {
		id,
		remote,
		directRemote,
		local,
		directLocal,
		serverName,
		tls: undefined,
		transportFailureReason: "",
		terminationDetails: "",
		isLocalRestored: pending.isLocalRestored,
		proxyHeader: pending.proxyHeader,
		dynamicMetadata: pending.dynamicMetadata,
		filterState: pending.filterState,
		consumedBytes: pending.consumedBytes,
		...facts,
	};
}

const noProtocols: readonly string[] = [];

function describePipe(path: string): SocketAddress {
	return { text: path, ip: path, port: 0 };
}

/** An IPv4 address that came mapped into IPv6 is an IPv4 address. */
function describeIp(address: string | undefined, port: number | undefined): SocketAddress {
	const given = address ?? "";
	const ip = given.startsWith("::ffff:") && given.includes(".") ? given.slice("::ffff:".length) : given;
	return { text: ip.includes(":") ? `[${ip}]:${port ?? 0}` : `${ip}:${port ?? 0}`, ip, port: port ?? 0 };
}
