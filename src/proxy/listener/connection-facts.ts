import { isIPv4 } from "node:net";
import type { ConnectionFacts, SocketAddress } from "../../engine/format/index.ts";
import { HandleSocket, type StreamSocket } from "../../os/index.ts";
import type { PendingConnection } from "../filter/listener/index.ts";
import type { AddressConfig } from "../runtime-config/index.ts";
import { takePassthrough } from "../transport/index.ts";

/** An accepted connection about which only the socket is known. `mayBeElsewhere`: connections to other addresses than the bound one come, too. */
export function describePending(
	socket: StreamSocket,
	bound: AddressConfig,
	mayBeElsewhere: boolean,
): PendingConnection {
	const remote = describeClient(socket, bound);
	const local = bound.kind !== "socket" ? describePipe(bound.path) : describeLocal(socket, bound, mayBeElsewhere);
	return {
		socket,
		directRemote: remote,
		directLocal: local,
		remote,
		local,
		isLocalRestored: false,
		serverName: "",
		transportProtocol: "",
		transportFailureReason: "",
		applicationProtocols: noProtocols,
		ja3: undefined,
		ja4: undefined,
		proxyHeader: undefined,
		dynamicMetadata: bound.kind === "internal" ? receiveMetadata(bound.listener) : undefined,
		filterState: undefined,
		consumedBytes: 0,
	};
}

/** What is known of a connection before its handshake. */
export function describeConnection(
	pending: PendingConnection,
	id: number,
	facts: Pick<
		ConnectionFacts,
		"filterChainName" | "filterChainMetadata" | "listenerMetadata" | "listenerName" | "trafficDirection"
	>,
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
		transportFailureReason: pending.transportFailureReason,
		terminationDetails: "",
		isLocalRestored: pending.isLocalRestored,
		proxyHeader: pending.proxyHeader,
		dynamicMetadata: pending.dynamicMetadata,
		filterState: pending.filterState,
		consumedBytes: pending.consumedBytes,
		ja3: pending.ja3,
		ja4: pending.ja4,
		...facts,
	};
}

const noProtocols: readonly string[] = [];

/** What the connection brings along. */
function receiveMetadata(listener: string): Map<string, unknown> | undefined {
	const entries = Object.entries(takePassthrough(listener));
	return entries.length === 0 ? undefined : new Map<string, unknown>(entries);
}

/** A client of a unix socket has no name, so Envoy shows the listener's; those of internal listeners share one. */
function describeClient(socket: StreamSocket, bound: AddressConfig): SocketAddress {
	if (bound.kind === "internal") return describePipe("envoy://internal_client_address/");
	return bound.kind === "pipe" ? describePipe(bound.path) : describeRemote(socket);
}

function describeRemote(socket: StreamSocket): SocketAddress {
	if (!(socket instanceof HandleSocket)) return describeIp(socket.remoteAddress, socket.remotePort);
	const { address, port } = socket.remote;
	return describeIp(address, port);
}

/** Connections to one address have that address: the system need not be asked. */
function describeLocal(
	socket: StreamSocket,
	bound: Extract<AddressConfig, { readonly kind: "socket" }>,
	mayBeElsewhere: boolean,
): SocketAddress {
	const isOne = isIPv4(bound.address) && bound.address !== "0.0.0.0" && bound.port !== 0 && !mayBeElsewhere;
	if (isOne) return describeIp(bound.address, bound.port);
	if (!(socket instanceof HandleSocket)) return describeIp(socket.localAddress, socket.localPort);
	const { address, port } = socket.local;
	return describeIp(address, port);
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
