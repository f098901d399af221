import type { HeaderList } from "../../../core/index.ts";
import type {
	ConnectionFacts,
	RequestHead,
	SocketAddress,
	StreamInfo,
	TlsSession,
	UpstreamHostFacts,
} from "../../../engine/format/index.ts";
import type { Metadata } from "../../../engine/matcher/index.ts";
import type { RequestTrace } from "../../tracing/index.ts";
import type { PassResponseHead } from "./pass-head.ts";

/** What a connection to an upstream knows of itself. */
export interface UpstreamConnectionFacts {
	readonly localAddress: SocketAddress | undefined;
	readonly remoteAddress: SocketAddress | undefined;
	readonly tlsSession: TlsSession | undefined;
}

/** One host of the cluster, before any balancing. */
export interface OverrideHost {
	/** `ip:port`. */
	readonly address: string;
	/** Whether nobody else will do. */
	readonly isStrict: boolean;
	/** The answer then, when the host is not there. */
	readonly missingStatus: number;
}

const noMetadata: Metadata = Object.freeze({});

/** The one record of a request. Response headers are split only when a format asks for them. */
export class StreamRecord implements StreamInfo {
	startWallMs: number;
	startedAt: number;
	requestReceivedAt = -1;
	upstreamConnectStartAt = -1;
	upstreamConnectedAt = -1;
	upstreamHandshakeAt = -1;
	upstreamFirstSentAt = -1;
	upstreamLastSentAt = -1;
	upstreamFirstReceivedAt = -1;
	upstreamLastReceivedAt = -1;
	downstreamFirstSentAt = -1;
	downstreamLastSentAt = -1;
	endedAt = -1;
	connection: ConnectionFacts;
	remote: SocketAddress;
	protocol = "HTTP/1.1";
	upstreamProtocol = "";
	request: RequestHead | undefined = undefined;
	originalPath = "";
	requestTrailers: HeaderList | undefined = undefined;
	/** Behind {@link responseHeaders}. */
	responseHead: PassResponseHead | undefined = undefined;
	responseTrailers: HeaderList | undefined = undefined;
	responseCode = 0;
	responseCodeDetails = "";
	hasEmptyDetails = false;
	responseFlags = 0;
	earlyResponseFlags = 0;
	connectionTerminationDetails = "";
	downstreamTransportFailureReason = "";
	localReplyBody = "";
	grpcStatus = -1;
	bytesReceived = 0;
	bytesSent = 0;
	requestHeaderBytes = 0;
	responseHeaderBytes = 0;
	downstreamWireBytesReceived = 0;
	downstreamWireBytesSent = 0;
	upstreamWireBytesReceived = 0;
	upstreamWireBytesSent = 0;
	routeName = "";
	routeMetadata: Metadata = noMetadata;
	virtualHostName = "";
	virtualClusterName = "";
	upstreamClusterName = "";
	upstreamClusterRawName = "";
	upstreamClusterMetadata: Metadata = noMetadata;
	/** Behind {@link upstreamHost}. */
	chosenHost: UpstreamHostFacts | undefined = undefined;
	attemptedHosts: UpstreamHostFacts[] | undefined = undefined;
	/** Behind the upstream's addresses and TLS session. */
	upstreamConnection: UpstreamConnectionFacts | undefined = undefined;
	upstreamTransportFailureReason = "";
	upstreamConnectionId = 0;
	attemptCount = 0;
	/** A 1xx answer of the upstream went out. */
	hasInformational = false;
	accessLogType: string | undefined = undefined;
	healthCheck = false;
	streamId = "";
	traceId = "";
	spanId = "";
	traceSampled = false;
	/** Whether the proxy's own answers have gRPC's form; undefined: as the request's content type says. For filters that change it. */
	takesGrpcReplies: boolean | undefined = undefined;
	/** The spans of the request; undefined when it has none. */
	trace: RequestTrace | undefined = undefined;
	/** The host that a filter wants the request to go to. */
	overrideHost: OverrideHost | undefined = undefined;
	dynamicMetadata: Map<string, unknown> | undefined = undefined;
	filterState: Map<string, unknown> | undefined = undefined;

	constructor(connection: ConnectionFacts, startedAt: number, startWallMs: number) {
		this.connection = connection;
		this.remote = connection.remote;
		this.startedAt = startedAt;
		this.startWallMs = startWallMs;
	}

	/** Sets a flag that is not the outcome yet. */
	addEarlyFlag(flag: number): void {
		this.responseFlags |= flag;
		this.earlyResponseFlags |= flag;
	}

	/** Adds keys to a namespace; what is there under other keys stays. */
	mergeDynamicMetadata(namespace: string, values: Readonly<Record<string, unknown>>): void {
		this.dynamicMetadata ??= new Map();
		const before = this.dynamicMetadata.get(namespace);
		this.dynamicMetadata.set(namespace, typeof before === "object" ? { ...before, ...values } : { ...values });
	}

	/** An attempt has its connection. */
	noteConnection(connection: UpstreamConnectionFacts, host: UpstreamHostFacts): void {
		this.upstreamConnection = connection;
		if (this.attemptedHosts?.includes(host) === false) this.attemptedHosts.push(host);
	}

	get upstreamHost(): UpstreamHostFacts | undefined {
		return this.chosenHost;
	}

	set upstreamHost(host: UpstreamHostFacts | undefined) {
		if (this.attemptCount > 1 && this.chosenHost !== undefined && host !== undefined) {
			this.attemptedHosts ??= this.upstreamConnection === undefined ? [] : [this.chosenHost];
		}
		this.chosenHost = host;
	}

	get upstreamLocal(): SocketAddress | undefined {
		return this.upstreamConnection?.localAddress;
	}

	get upstreamRemote(): SocketAddress | undefined {
		return this.upstreamConnection?.remoteAddress;
	}

	get upstreamTls(): TlsSession | undefined {
		return this.upstreamConnection?.tlsSession;
	}

	get responseHeaders(): HeaderList | undefined {
		return this.responseHead?.headers;
	}

	set responseHeaders(_list: HeaderList | undefined) {
		throw new Error("invariant broken: response headers are set through the response head");
	}
}
