import { connect, isIP, type NetConnectOpts, type Socket } from "node:net";
import type { ConnectionOptions } from "node:tls";
import type { SocketAddress, TlsSession } from "../../engine/format/index.ts";
import type { Metadata } from "../../engine/matcher/index.ts";
import {
	connectHandle,
	findStreamHandles,
	findSystemPath,
	type HandleConnectOptions,
	type StreamSocket,
	sharedReadBuffer,
} from "../../os/index.ts";
import type { Cluster, Host } from "../cluster/index.ts";
import { type PeerBounds, revokedReason } from "../drain/index.ts";
import type { AddressConfig, TcpKeepalive } from "../runtime-config/index.ts";
import { type AlpnOffer, describeTlsFault, sendPassthrough, type UpstreamTls } from "../transport/index.ts";
import type { PoolContext } from "./pool-core.ts";
import { formatSocketAddress } from "./socket-address.ts";
import { SocketRace } from "./socket-race.ts";

/** Who owns an upstream socket. */
export interface UpstreamSocketOwner {
	/** The connection (and its TLS handshake) is ready. */
	onSocketReady(): void;
	/** `bytes` bytes lie at the start of {@link readBuffer}, until the call returns. */
	onSocketBytes(bytes: number): void;
	/** The peer sent its end. */
	onSocketEnd(): void;
	/** Closed, once; `error` is what broke it. */
	onSocketClose(error: Error | undefined): void;
	/** What was written has left. */
	onSocketDrain(): void;
}

/** The buffer all upstream sockets of a process read into: what arrives is used up before the next read. */
export const readBuffer: Buffer = sharedReadBuffer;

/** What a connection to a host needs beside its address. */
export interface UpstreamSocketOptions {
	readonly tls: UpstreamTls | undefined;
	/** SNI in place of the configured one. */
	readonly serverName: string | undefined;
	/** Where it may come from: the first of its family, else the first. Undefined or empty: the system decides. */
	readonly bindAddresses: readonly string[] | undefined;
	readonly keepalive: TcpKeepalive | undefined;
	readonly allowHalfOpen: boolean;
	readonly alpn: AlpnOffer;
	/** Sent in plain text before anything else; undefined for nothing. */
	readonly proxyHeader?: Buffer | undefined;
	/** What connections must not outlive; absent where they may. */
	readonly bounds?: PeerBounds<BoundConnection> | undefined;
	/** What a listener of this process gets with the connection. */
	readonly passthrough?: Metadata | undefined;
}

/** A connection that ends with what vouches for its peer. */
export interface BoundConnection {
	/** At once. */
	close(): void;
	/** Behind the requests that are on it. */
	closeWhenIdle(): void;
}

/** A socket whose connection (and handshake) is made, on its way to its owner. */
export interface OpenedSocket {
	readonly socket: UpstreamSocket;
	readonly connectionId: number;
}

/** What the owner of a connection does with its socket. */
export type UpstreamSocket = Pick<
	StreamSocket,
	| "destroyed"
	| "readableEnded"
	| "writableEnded"
	| "writableLength"
	| "localAddress"
	| "localPort"
	| "write"
	| "cork"
	| "uncork"
	| "end"
	| "destroy"
	| "destroySoon"
	| "resetAndDestroy"
	| "pause"
	| "resume"
	| "isPaused"
>;

/** Whose connection it is, and where it leads. */
export interface ConnectionPlace {
	readonly context: PoolContext;
	readonly cluster: Cluster;
	readonly host: Host;
}

/** Opens a socket to the host; everything else is told to `owner`. */
export function openUpstreamSocket(
	place: ConnectionPlace,
	options: UpstreamSocketOptions,
	owner: UpstreamSocketOwner,
): UpstreamSocket {
	const { endpoint, addresses } = place.host;
	if (addresses.length < 2) return openSocket(endpoint, options, owner);
	return new SocketRace(place, (address, attempt) => openSocket(address, options, attempt), owner);
}

/** What the handshake of a ready socket agreed on; undefined for plain text. */
export function tlsSessionOf({ tls }: UpstreamSocketOptions, socket: UpstreamSocket): TlsSession | undefined {
	return tls?.sessionOf(socket instanceof SocketRace ? (socket.winner ?? socket) : socket);
}

/** Where a socket leads, as formats print it. */
export function remoteAddressOf(host: Host, socket: UpstreamSocket): SocketAddress | undefined {
	const address = (socket instanceof SocketRace ? socket.address : undefined) ?? host.endpoint;
	return address.kind !== "socket"
		? { text: address.path, ip: address.path, port: 0 }
		: formatSocketAddress(address.address, address.port);
}

function openSocket(address: AddressConfig, options: UpstreamSocketOptions, owner: UpstreamSocketOwner): StreamSocket {
	const { tls, proxyHeader } = options;
	const withdraw = sendPassthrough(address, options.passthrough);
	const socket: StreamSocket =
		openHandle(address, options, owner) ??
		(tls === undefined ? openPlain(address, options, owner) : openSecured(address, options, tls, owner));
	if (tls === undefined && proxyHeader !== undefined) socket.write(proxyHeader);
	let failure: Error | undefined;
	socket.on("error", (error) => {
		failure ??= address.kind === "internal" ? explainInternal(error, address.path) : error;
	});
	if (tls === undefined) socket.on("connect", () => owner.onSocketReady());
	else
		tls.onReady(socket, () => {
			const peer = options.bounds === undefined ? undefined : tls.sessionOf(socket)?.peer;
			if (peer !== undefined && options.bounds?.refuses(peer)) socket.destroy(new Error(revokedReason));
			else owner.onSocketReady();
		});
	socket.on("end", () => owner.onSocketEnd());
	socket.on("drain", () => owner.onSocketDrain());
	socket.on("close", () => {
		withdraw();
		owner.onSocketClose(failure);
	});
	return socket;
}

/** A listener that is not there is told as Envoy tells it. */
function explainInternal(error: Error, address: string): Error {
	if ((error as NodeJS.ErrnoException).code !== "ENOENT") return error;
	return new Error(`immediate connect error: Invalid argument|remote address:${address}`);
}

/** A socket on a handle; undefined where this Node has none, or the name must be looked up. */
function openHandle(
	address: AddressConfig,
	options: UpstreamSocketOptions,
	owner: UpstreamSocketOwner,
): StreamSocket | undefined {
	const { keepalive, allowHalfOpen, tls, serverName, alpn, proxyHeader } = options;
	const handles = findStreamHandles();
	if (handles === undefined || (address.kind === "socket" && isIP(address.address) === 0)) return undefined;
	const connectOptions: HandleConnectOptions = {
		target: address.kind === "socket" ? { ip: address.address, port: address.port } : { path: findSystemPath(address) },
		bindIp: chooseBindAddress(options.bindAddresses, address),
		keepAliveSeconds: keepalive === undefined ? undefined : (keepalive.idleSeconds ?? defaultKeepaliveSeconds),
		allowHalfOpen,
		onBytes: (bytes) => owner.onSocketBytes(bytes),
	};
	if (tls === undefined) return connectHandle(handles, connectOptions);
	return tls.open(handles, connectOptions, { serverName, alpn, greeting: proxyHeader });
}

function openPlain(address: AddressConfig, options: UpstreamSocketOptions, owner: UpstreamSocketOwner): Socket {
	const { allowHalfOpen } = options;
	return connect({ ...targetOf(address, options), allowHalfOpen, onread: readInto(owner) });
}

function openSecured(
	address: AddressConfig,
	options: UpstreamSocketOptions,
	tls: UpstreamTls,
	owner: UpstreamSocketOwner,
): StreamSocket {
	const { allowHalfOpen, alpn, proxyHeader, serverName } = options;
	const target = targetOf(address, options);
	const place = proxyHeader === undefined ? target : { socket: connectWithHeader(target, proxyHeader) };
	const all = { ...place, allowHalfOpen, onread: readInto(owner) };
	return tls.connect(all as unknown as ConnectionOptions, serverName, alpn);
}

function readInto(owner: UpstreamSocketOwner): {
	readonly buffer: Buffer;
	readonly callback: (bytes: number) => boolean;
} {
	const callback = (bytes: number): boolean => {
		owner.onSocketBytes(bytes);
		return true;
	};
	return { buffer: readBuffer, callback };
}

const defaultKeepaliveSeconds = 7200;

function targetOf(address: AddressConfig, { bindAddresses, keepalive }: UpstreamSocketOptions): NetConnectOpts {
	if (address.kind !== "socket") return { path: findSystemPath(address) };
	const bindAddress = chooseBindAddress(bindAddresses, address);
	const idleSeconds = keepalive?.idleSeconds ?? defaultKeepaliveSeconds;
	return {
		host: address.address,
		port: address.port,
		noDelay: true,
		...(bindAddress === undefined ? {} : { localAddress: bindAddress }),
		...(keepalive === undefined ? {} : { keepAlive: true, keepAliveInitialDelay: idleSeconds * 1000 }),
	};
}

/** Where a connection to an address comes from: the first address of its family, else the first. */
function chooseBindAddress(candidates: readonly string[] | undefined, address: AddressConfig): string | undefined {
	if (candidates === undefined || address.kind !== "socket") return undefined;
	return candidates.find((candidate) => isIP(candidate) === isIP(address.address)) ?? candidates[0];
}

/** A connection on which TLS begins behind the header. */
function connectWithHeader(target: NetConnectOpts, header: Buffer): Socket {
	const socket = connect(target);
	socket.write(header);
	return socket;
}

/** Whether the failure was on this machine, before anything left it. */
export function isLocalFailure(error: Error | undefined): boolean {
	const code = (error as NodeJS.ErrnoException | undefined)?.code;
	return code === "EADDRNOTAVAIL" || code === "EMFILE" || code === "ENFILE" || code === "EACCES" || code === "EINVAL";
}

const reasons: Readonly<Record<string, string>> = {
	ECONNREFUSED: "Connection refused",
	ECONNRESET: "Connection reset by peer",
	EHOSTUNREACH: "No route to host",
	ENETUNREACH: "Network is unreachable",
	ETIMEDOUT: "Connection timed out",
	ENOENT: "No such file or directory",
	EADDRNOTAVAIL: "Cannot assign requested address",
	EPIPE: "Broken pipe",
};

/** The reason of a failed connection as formats print it. */
export function describeConnectFailure(error: Error | undefined): string {
	if (error === undefined) return "";
	const code = (error as NodeJS.ErrnoException).code ?? "";
	const text = reasons[code];
	if (code.startsWith("ERR_SSL_")) return describeTlsFault(error);
	if (text !== undefined) return `delayed connect error: ${text}`;
	return error.message === "" ? code : error.message;
}

/** Records how long a connection took. What it reads is handed on at once: nothing of it is ever buffered, which is shown. */
export function noteConnected({ stats }: Pick<Cluster, "stats">, tookMs: number): void {
	stats.upstream_cx_connect_ms.record(tookMs);
	stats.upstream_cx_rx_bytes_buffered.value = 0;
}
