import type { SocketAddress } from "../../../engine/format/index.ts";
import type { StreamSocket } from "../../../os/index.ts";
import type { ProxyTlv } from "../../../wire/proxy-protocol/index.ts";

/** What the PROXY protocol said, for headers to upstreams. */
export interface ProxyHeader {
	readonly version: 1 | 2;
	/** Those that go on. */
	readonly tlvs: readonly ProxyTlv[];
}

/** A connection that has no filter chain yet; listener filters find things out about it. */
export interface PendingConnection {
	readonly socket: StreamSocket;
	readonly directRemote: SocketAddress;
	readonly directLocal: SocketAddress;
	/** The client as the PROXY protocol named it. */
	remote: SocketAddress;
	/** Where the client wanted to go. */
	local: SocketAddress;
	/** Whether a filter set `local`. */
	isLocalRestored: boolean;
	/** Lower case; empty without SNI. */
	serverName: string;
	/** `tls`, `raw_buffer`, or empty when no filter looked. */
	transportProtocol: string;
	applicationProtocols: readonly string[];
	/** Fingerprints of the ClientHello; undefined where nobody asked for them. */
	ja3: string | undefined;
	ja4: string | undefined;
	/** What its TLS library would say of bytes that are no handshake; empty for nothing. */
	transportFailureReason: string;
	proxyHeader: ProxyHeader | undefined;
	dynamicMetadata: Map<string, unknown> | undefined;
	filterState: Map<string, unknown> | undefined;
	/** Bytes that filters took away. */
	consumedBytes: number;
}

/** One of a listener's filters. It says how it likes a connection either at once or by its first bytes. */
export interface ListenerFilter {
	/** Whether it is not for this connection. */
	isSkipped?(connection: PendingConnection): boolean;
	/** @returns false to refuse the connection */
	accept?(connection: PendingConnection): boolean;
	/** `more`: not enough bytes; a number: done, so many bytes belong to the filter. */
	inspect?(bytes: Buffer, connection: PendingConnection): "more" | "refuse" | number;
}
