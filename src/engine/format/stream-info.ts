import type { HeaderList } from "../../core/index.ts";
import type { Metadata } from "../matcher/metadata.ts";

/** A request's head as the engine sees it: pseudo headers apart, `host` folded into `authority`. */
export interface RequestHead {
	method: string;
	/** Path with query, as on the wire; empty for CONNECT without a path. */
	path: string;
	authority: string;
	/** `http` or `https`. */
	scheme: string;
	headers: HeaderList;
	/** What the request asks to become (`websocket`, `CONNECT`), in lower case except CONNECT; undefined for plain requests. */
	upgrade: string | undefined;
}

/** One end of a connection, formatted once per connection. */
export interface SocketAddress {
	/** `127.0.0.1:80`, `[::1]:80` or a path for unix sockets. */
	readonly text: string;
	/** The address without brackets, or the path. */
	readonly ip: string;
	/** 0 for unix sockets. */
	readonly port: number;
}

/** What a TLS session says about the peer and about us. */
export interface TlsSession {
	/** `TLSv1.3`. */
	readonly version: string;
	/** OpenSSL name. */
	readonly cipher: string;
	readonly sessionId: string;
	readonly serverName: string;
	readonly alpn: string;
	/** The key exchange group, where the library tells. */
	readonly group?: string;
	readonly peer: TlsCertificate | undefined;
	/** Whether the peer's certificate passed the configured validation. */
	readonly peerVerified: boolean;
	readonly local: TlsCertificate | undefined;
}

/** A certificate's parts that matchers and formats ask for. */
export interface TlsCertificate {
	/** RFC 2253 text. */
	readonly subject: string;
	readonly issuer: string;
	/** Lower-case hex. */
	readonly serial: string;
	readonly uriSans: readonly string[];
	readonly dnsSans: readonly string[];
	readonly ipSans: readonly string[];
	readonly emailSans: readonly string[];
	readonly fingerprint256: string;
	readonly fingerprint1: string;
	/** Milliseconds since the Unix epoch. */
	readonly validFromMs: number;
	readonly validToMs: number;
	/** PEM of the certificate. */
	readonly pem: string;
	/** PEM of the certificate with its chain. */
	readonly chainPem: string;
}

/** What all requests of one downstream connection share. */
export interface ConnectionFacts {
	readonly id: number;
	/** The peer of the socket, or what the PROXY protocol said. */
	readonly remote: SocketAddress;
	/** The peer of the socket itself. */
	readonly directRemote: SocketAddress;
	readonly local: SocketAddress;
	readonly directLocal: SocketAddress;
	/** SNI; empty when there was none. */
	readonly serverName: string;
	readonly tls: TlsSession | undefined;
	/** Why the TLS handshake failed; empty otherwise. */
	readonly transportFailureReason: string;
	/** Set by network filters that end the connection, e.g. `rbac_access_denied_matched_policy[x]`; empty otherwise. */
	readonly terminationDetails: string;
	/** Why we closed it, e.g. `over_connection_limit`. */
	readonly localCloseReason?: string;
	readonly filterChainName: string;
	readonly listenerMetadata: Metadata;
	/** What the listener is for. Absent for unspecified. */
	readonly trafficDirection?: "unspecified" | "inbound" | "outbound";
	/** Whether a listener filter said where the client wanted to go: `local` is that. Absent for no. */
	readonly isLocalRestored?: boolean;
	/** What the PROXY protocol said, for headers to upstreams. */
	readonly proxyHeader?:
		| { readonly version: 1 | 2; readonly tlvs: readonly { readonly type: number; readonly value: Buffer }[] }
		| undefined;
	/** Written by listener filters, by namespace. */
	readonly dynamicMetadata?: Map<string, unknown> | undefined;
	/** Written by listener and network filters; every stream of the connection begins with it. */
	readonly filterState?: Map<string, unknown> | undefined;
	/** First bytes that listener filters took away. Absent for none. */
	readonly consumedBytes?: number;
	readonly filterChainMetadata?: Metadata;
	readonly listenerName?: string;
	/** Fingerprints of the ClientHello, where they were asked for. */
	readonly ja3?: string | undefined;
	readonly ja4?: string | undefined;
}

/** What is known of one request or one proxied connection: filled in place by the data path as it learns more, read by formats,
 *  matchers and access-log filters. Times are monotonic milliseconds, -1 while unknown; texts are empty while unknown. */
export interface StreamInfo {
	/** Milliseconds since the Unix epoch when the first byte arrived. */
	startWallMs: number;
	startedAt: number;
	/** Last byte of the request read. */
	requestReceivedAt: number;
	upstreamConnectStartAt: number;
	upstreamConnectedAt: number;
	upstreamHandshakeAt: number;
	upstreamFirstSentAt: number;
	upstreamLastSentAt: number;
	upstreamFirstReceivedAt: number;
	upstreamLastReceivedAt: number;
	downstreamFirstSentAt: number;
	downstreamLastSentAt: number;
	endedAt: number;

	connection: ConnectionFacts;
	/** The client's address after x-forwarded-for was judged; the connection's remote address without it. */
	remote: SocketAddress;
	/** `HTTP/1.1`, `HTTP/2`; empty for layer 4. */
	protocol: string;
	upstreamProtocol: string;
	request: RequestHead | undefined;
	/** The path as the client sent it, before any rewrite. */
	originalPath: string;
	requestTrailers: HeaderList | undefined;
	responseHeaders: HeaderList | undefined;
	responseTrailers: HeaderList | undefined;

	/** 0 while there is none. */
	responseCode: number;
	responseCodeDetails: string;
	/** Whether who answered gave details that are empty. */
	hasEmptyDetails?: boolean;
	/** Bits of {@link ResponseFlag}. */
	responseFlags: number;
	/** Those of {@link responseFlags} that were set on the way, before the outcome was known (retries spent, an injected delay). */
	readonly earlyResponseFlags?: number;
	connectionTerminationDetails: string;
	/** Why we closed either side; absent where nothing is known. */
	downstreamLocalCloseReason?: string;
	upstreamLocalCloseReason?: string;
	/** How the other end closed: `Normal`, `RemoteReset`. */
	downstreamCloseType?: string;
	upstreamCloseType?: string;
	downstreamTransportFailureReason: string;
	localReplyBody: string;
	/** gRPC status of the answer, -1 while unknown. */
	grpcStatus: number;

	/** Body bytes. */
	bytesReceived: number;
	bytesSent: number;
	requestHeaderBytes: number;
	responseHeaderBytes: number;
	downstreamWireBytesReceived: number;
	downstreamWireBytesSent: number;
	upstreamWireBytesReceived: number;
	upstreamWireBytesSent: number;
	/** Heads of the last attempt, where the connection counts them. */
	upstreamHeaderBytesSent?: number;
	upstreamHeaderBytesReceived?: number;

	routeName: string;
	routeMetadata: Metadata;
	virtualHostName: string;
	virtualHostMetadata?: Metadata;
	/** What the entry is written for, when it is not the end: `DownstreamStart`, `DownstreamPeriodic`, `TcpUpstreamConnected`… */
	accessLogType?: string | undefined;
	/** How often a route was looked up. */
	routeResolutions?: number;
	virtualClusterName: string;
	upstreamClusterName: string;
	/** The name of the cluster without its alt_stat_name. */
	upstreamClusterRawName: string;
	upstreamClusterMetadata: Metadata;
	upstreamHost: UpstreamHostFacts | undefined;
	/** Every host that was tried, when there was more than one try: of requests those that a connection led to. Absent: the upstream
	 *  host, once there is a connection to it. */
	attemptedHosts?: readonly UpstreamHostFacts[] | undefined;
	upstreamLocal: SocketAddress | undefined;
	upstreamRemote: SocketAddress | undefined;
	upstreamTls: TlsSession | undefined;
	upstreamTransportFailureReason: string;
	upstreamConnectionId: number;
	/** 0 before the first attempt. */
	attemptCount: number;
	/** Whether the health-check filter answered. */
	healthCheck: boolean;
	/** The request id (`x-request-id`); empty when none. */
	streamId: string;
	traceId: string;
	spanId: string;
	traceSampled: boolean;
	/** `envoy.…` namespaces written by filters. */
	dynamicMetadata: Map<string, unknown> | undefined;
	filterState: Map<string, unknown> | undefined;
}

/** What formats say about the chosen endpoint. */
export interface UpstreamHostFacts {
	/** `ip:port` or a unix path. */
	readonly address: string;
	/** The endpoint's hostname; empty when it has none. */
	readonly hostname: string;
	readonly metadata: Metadata;
	readonly locality: { readonly region: string; readonly zone: string; readonly subZone: string };
}

const noMetadata: Metadata = Object.freeze({});

/** A connection about which only its addresses are known. */
export function createConnectionFacts(remote: SocketAddress, local: SocketAddress): ConnectionFacts {
	return {
		id: 0,
		remote,
		directRemote: remote,
		local,
		directLocal: local,
		serverName: "",
		tls: undefined,
		transportFailureReason: "",
		terminationDetails: "",
		filterChainName: "",
		listenerMetadata: {},
	};
}

/** A stream about which only its connection is known. */
export function createStreamInfo(connection: ConnectionFacts, startedAt: number, startWallMs: number): StreamInfo {
	return {
		startWallMs,
		startedAt,
		requestReceivedAt: -1,
		upstreamConnectStartAt: -1,
		upstreamConnectedAt: -1,
		upstreamHandshakeAt: -1,
		upstreamFirstSentAt: -1,
		upstreamLastSentAt: -1,
		upstreamFirstReceivedAt: -1,
		upstreamLastReceivedAt: -1,
		downstreamFirstSentAt: -1,
		downstreamLastSentAt: -1,
		endedAt: -1,
		connection,
		remote: connection.remote,
		protocol: "",
		upstreamProtocol: "",
		request: undefined,
		originalPath: "",
		requestTrailers: undefined,
		responseHeaders: undefined,
		responseTrailers: undefined,
		responseCode: 0,
		responseCodeDetails: "",
		responseFlags: 0,
		connectionTerminationDetails: "",
		downstreamTransportFailureReason: "",
		localReplyBody: "",
		grpcStatus: -1,
		bytesReceived: 0,
		bytesSent: 0,
		requestHeaderBytes: 0,
		responseHeaderBytes: 0,
		downstreamWireBytesReceived: 0,
		downstreamWireBytesSent: 0,
		upstreamWireBytesReceived: 0,
		upstreamWireBytesSent: 0,
		routeName: "",
		routeMetadata: noMetadata,
		virtualHostName: "",
		virtualClusterName: "",
		upstreamClusterName: "",
		upstreamClusterRawName: "",
		upstreamClusterMetadata: noMetadata,
		upstreamHost: undefined,
		upstreamLocal: undefined,
		upstreamRemote: undefined,
		upstreamTls: undefined,
		upstreamTransportFailureReason: "",
		upstreamConnectionId: 0,
		attemptCount: 0,
		healthCheck: false,
		streamId: "",
		traceId: "",
		spanId: "",
		traceSampled: false,
		dynamicMetadata: undefined,
		filterState: connection.filterState === undefined ? undefined : new Map(connection.filterState),
	};
}
