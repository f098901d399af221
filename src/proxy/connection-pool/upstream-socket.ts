import type { NetConnectOpts, Socket } from "node:net";
import { connect } from "node:net";
import type { ConnectionOptions } from "node:tls";
import type { Host } from "../cluster/index.ts";
import type { TcpKeepalive } from "../runtime-config/index.ts";
import { describeTlsFault, type UpstreamTls } from "../transport/index.ts";

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
export const readBuffer: Buffer = Buffer.allocUnsafeSlow(256 * 1024);

/** What a connection to a host needs beside its address. */
export interface UpstreamSocketOptions {
	readonly tls: UpstreamTls | undefined;
	/** SNI in place of the configured one. */
	readonly serverName: string | undefined;
	readonly bindAddress: string | undefined;
	readonly keepalive: TcpKeepalive | undefined;
	readonly allowHalfOpen: boolean;
	/** Offered by ALPN when the TLS configuration names nothing. */
	readonly alpnFallback: readonly string[];
	/** Sent in plain text before anything else; undefined for nothing. */
	readonly proxyHeader?: Buffer | undefined;
}

/** A socket whose connection (and handshake) is made, on its way to its owner. */
export interface OpenedSocket {
	readonly socket: Socket;
	readonly connectionId: number;
}

/** Opens a socket to `host`; everything else is told to `owner`. */
export function openUpstreamSocket(host: Host, options: UpstreamSocketOptions, owner: UpstreamSocketOwner): Socket {
	const onread = {
		buffer: readBuffer,
		callback: (bytes: number): boolean => {
			owner.onSocketBytes(bytes);
			return true;
		},
	};
	const target =
		host.endpoint.kind === "pipe"
			? { path: host.endpoint.path }
			: {
					host: host.endpoint.address,
					port: host.endpoint.port,
					noDelay: true,
					...(options.bindAddress === undefined ? {} : { localAddress: options.bindAddress }),
					...(options.keepalive === undefined
						? {}
						: { keepAlive: true, keepAliveInitialDelay: (options.keepalive.idleSeconds ?? 7200) * 1000 }),
				};
	const socket =
		options.tls === undefined
			? connect({ ...target, allowHalfOpen: options.allowHalfOpen, onread })
			: options.tls.connect(
					{
						...(options.proxyHeader === undefined
							? target
							: { socket: connectWithHeader(target, options.proxyHeader) }),
						allowHalfOpen: options.allowHalfOpen,
						onread,
					} as unknown as ConnectionOptions,
					options.serverName,
					options.alpnFallback,
				);
	if (options.tls === undefined && options.proxyHeader !== undefined) socket.write(options.proxyHeader);
	let failure: Error | undefined;
	socket.on("error", (error) => {
		failure ??= error;
	});
	if (options.tls === undefined) socket.on("connect", () => owner.onSocketReady());
	else options.tls.onReady(socket, () => owner.onSocketReady());
	socket.on("end", () => owner.onSocketEnd());
	socket.on("drain", () => owner.onSocketDrain());
	socket.on("close", () => owner.onSocketClose(failure));
	return socket;
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
