import { computeBackoff, type ListMember } from "../../../../core/index.ts";
import {
	type ConnectionFacts,
	createStreamInfo,
	ResponseFlag,
	type StreamInfo,
} from "../../../../engine/format/index.ts";
import type { BalancerContext } from "../../../../engine/load-balancer/index.ts";
import { HandleSocket, type StreamSocket, sharedReadBuffer } from "../../../../os/index.ts";
import type { Host } from "../../../cluster/index.ts";
import type { RawStream, RawStreamOwner, UpstreamCluster } from "../../../connection-pool/index.ts";
import { TurnWriter } from "../../../transport/index.ts";
import type { DownstreamConnection, GateRefusal } from "../network-filter.ts";
import { lookUpNamedHost, namedHostOf } from "./named-host.ts";
import { hashOf } from "./session-hash.ts";
import { SessionTimers } from "./session-timers.ts";
import type { TcpObservation, TcpProxy } from "./tcp-proxy.ts";
import { openTcpTunnel } from "./tcp-tunnel.ts";

const reportIntervalMs = 5_000;
/** So many bytes may be on their way to a client that reads slowly, at least the sockets' high-water mark. */
const maxUnsentBytes = 64 * 1024;
const isNever = (): boolean => false;
const clusterKey = "envoy.tcp_proxy.cluster";
const idleTimeoutKey = "envoy.tcp_proxy.per_connection_idle_timeout_ms";

/** One connection and the one it is forwarded to. */
export class TcpSession implements BalancerContext<Host>, RawStreamOwner, ListMember {
	place = -1;
	readonly #proxy: TcpProxy;
	readonly #record: StreamInfo;
	readonly #timers: SessionTimers;
	readonly hash: bigint | undefined;
	readonly hostSelectionMaxAttempts = 1;
	readonly attemptedPriorities = undefined;
	readonly shouldSelectAnotherHost = isNever;
	metadataMatch: BalancerContext["metadataMatch"];
	/** The client's socket below its TLS. */
	readonly #transport: StreamSocket;
	/** The client, after its handshake. */
	#downstream: StreamSocket | undefined;
	/** What goes to it. */
	#out: TurnWriter | undefined;
	#upstream: UpstreamCluster | undefined;
	#host: Host | undefined;
	#stream: RawStream | undefined;
	#isPending = false;
	#isReady = false;
	#isConnecting = false;
	#isFull = false;
	/** Bytes of either side that the other one is not there for yet. */
	#early: Buffer[] = [];
	#greeting: Buffer[] = [];
	#greetingBytes = 0;
	#earlyBytes = 0;
	#downstreamEnded = false;
	#upstreamEnded = false;
	/** The upstream said its end after the client said its own. */
	#upstreamEndedLast = false;
	#denial: GateRefusal | undefined;
	#onFirstByte: (() => boolean) | undefined;
	#observations: readonly TcpObservation[] = [];
	#ended = false;

	constructor(proxy: TcpProxy, transport: StreamSocket, facts: ConnectionFacts, record: StreamInfo | undefined) {
		const { clock, stats } = proxy.deps;
		this.#proxy = proxy;
		this.#transport = transport;
		this.#record = record ?? createStreamInfo(facts, clock.now(), clock.wall());
		this.#record.dynamicMetadata = facts.dynamicMetadata;
		this.#record.filterState = facts.filterState;
		this.#record.upstreamCloseType = "Normal";
		this.#timers = new SessionTimers(clock);
		this.hash = hashOf(proxy.config, facts);
		stats.downstream_cx_total.value++;
	}

	get originalDestination(): BalancerContext["originalDestination"] {
		const { isLocalRestored, local } = this.#record.connection;
		return isLocalRestored === true ? { address: local.ip, port: local.port } : undefined;
	}

	getRequestHeader(name: string): string | undefined {
		return name === ":authority" ? namedHostOf(this.#record) : undefined;
	}

	/** The client has come; its handshake may still go on. */
	open(): void {
		const { config, sessions } = this.#proxy;
		sessions.add(this);
		this.#armTimers();
		if (config.flushAccessLogOnStart) this.#writeLog("TcpConnectionStart");
		if (config.connectMode === "immediate") this.#connect();
	}

	/** The client's handshake is done. */
	attach({ socket, facts, denial, onFirstByte }: DownstreamConnection): void {
		this.#record.connection = facts;
		this.#denial = denial;
		this.#onFirstByte = onFirstByte;
		this.#downstream = socket;
		const isTls = socket !== this.#transport;
		this.#out = new TurnWriter(socket, this.#proxy.deps.turns, maxUnsentBytes, isTls);
		socket.on("error", (error: NodeJS.ErrnoException) => {
			if (error.code === "ECONNRESET") this.#record.downstreamCloseType = "RemoteReset";
		});
		socket.once("close", () => this.destroy());
		if (this.#ended) {
			socket.destroy();
			return;
		}
		this.#observations = this.#proxy.deps.observers.map((observe) => observe(this.#record));
		this.#listen(socket);
		const { connectMode } = this.#proxy.config;
		const waitsForData = connectMode === "downstream-data";
		if (connectMode === "downstream-tls-handshake") this.#connect();
		if (this.#isReady) this.#join();
		// Nothing is read before there is somebody to send it to, unless the first byte is what is waited for.
		else if (waitsForData || denial !== undefined) socket.resume();
		else socket.pause();
	}

	/** The client was turned away: writes the access log. */
	refuse(facts: ConnectionFacts, flags = 0): void {
		if (this.#ended) return;
		this.#record.responseFlags |= flags;
		this.#record.connection = facts;
		this.#record.connectionTerminationDetails = facts.terminationDetails;
		this.#record.downstreamTransportFailureReason = facts.transportFailureReason;
		if (facts.terminationDetails !== "") this.#countGreeting();
		if (facts.localCloseReason !== undefined && this.#stream !== undefined) {
			this.#record.upstreamLocalCloseReason = facts.localCloseReason;
		}
		this.#end(false);
	}

	/** Ends both sides at once. */
	destroy(): void {
		this.#end(true);
	}

	#end(closesClient: boolean): void {
		if (this.#ended) return;
		this.#ended = true;
		this.#timers.cancel();
		if (closesClient) {
			this.#out?.flush();
			this.#downstream?.destroy();
			this.#transport.destroy();
		}
		this.#leavePending();
		const wasReady = this.#isReady;
		this.#stream?.close(this.#upstreamEndedLast);
		if (wasReady) this.#countEnd();
		this.#finish();
	}

	// --- the upstream

	onRawReady(stream: RawStream): void {
		const { clock } = this.#proxy.deps;
		const record = this.#record;
		this.#leavePending();
		this.#isConnecting = false;
		this.#isReady = true;
		record.upstreamConnectedAt = clock.now();
		record.upstreamTls = stream.tlsSession;
		record.upstreamLocal = stream.localAddress;
		record.upstreamRemote = stream.remoteAddress;
		record.upstreamConnectionId = stream.id;
		if (this.#proxy.config.tunneling === undefined) this.#countRequest(1);
		this.#timers.touch();
		if (this.#proxy.config.flushAccessLogOnConnected) this.#writeLog("TcpUpstreamConnected");
		if (this.#downstream !== undefined) this.#join();
	}

	onRawFailed(_stream: RawStream, detail: string): void {
		this.#leavePending();
		this.#stream = undefined;
		this.#isConnecting = false;
		if (this.#ended) return;
		const { config, deps } = this.#proxy;
		const record = this.#record;
		if (config.tunneling === undefined) {
			this.#upstream!.cluster.stats.upstream_rq_pending_failure_eject.value++;
			record.upstreamTransportFailureReason = detail;
		} else if (detail.startsWith("tunnel_response:")) {
			record.upstreamTransportFailureReason = detail;
		}
		record.responseFlags |= ResponseFlag.upstreamConnectionFailure;
		if (config.backoff === undefined || record.attemptCount >= config.maxConnectAttempts) {
			this.#attempt();
			return;
		}
		const delayMs = computeBackoff(config.backoff, record.attemptCount - 1, deps.random);
		this.#timers.after(delayMs, () => this.#attempt());
	}

	onRawData(view: Buffer): void {
		const { stats } = this.#proxy.deps;
		const downstream = this.#downstream;
		this.#timers.touch();
		this.#record.upstreamWireBytesReceived += view.length;
		if (downstream === undefined) {
			this.#greeting.push(Buffer.from(view));
			this.#greetingBytes += view.length;
			if (this.#greetingBytes >= this.#proxy.deps.bufferLimitBytes) this.#stream?.pause();
			return;
		}
		this.#record.bytesSent += view.length;
		this.#record.downstreamWireBytesSent += view.length;
		stats.downstream_cx_tx_bytes_total.value += view.length;
		if (!this.#out!.writeView(view)) this.#stream?.pause();
	}

	onRawEnd(): void {
		this.#upstreamEnded = true;
		this.#upstreamEndedLast = this.#downstreamEnded;
		if (this.#denial !== undefined) return;
		this.#out?.flush();
		this.#downstream?.end();
	}

	onRawClosed(): void {
		if (this.#ended) return;
		this.#stream = undefined;
		this.#countEnd();
		this.#isReady = false;
		const downstream = this.#downstream;
		// What was read goes on to the client before its connection ends.
		if (downstream === undefined || downstream.destroyed) this.destroy();
		else if (this.#denial === undefined) {
			this.#out?.flush();
			downstream.destroySoon();
		}
	}

	onRawDrain(): void {
		this.#isFull = false;
		this.#proxy.deps.stats.downstream_flow_control_resumed_reading_total.value++;
		this.#downstream?.resume();
	}

	// --- the client

	#listen(socket: StreamSocket): void {
		if (socket instanceof HandleSocket) socket.readInto((bytes) => this.#onData(sharedReadBuffer.subarray(0, bytes)));
		else socket.on("data", (bytes: Buffer) => this.#onData(bytes));
		socket.on("end", () => this.#onEnd());
		socket.on("drain", () => this.#stream?.resume());
	}

	/** The view is good during the call. */
	#onData(view: Buffer): void {
		const { config, deps } = this.#proxy;
		this.#record.bytesReceived += view.length;
		deps.stats.downstream_cx_rx_bytes_total.value += view.length;
		this.#timers.touch();
		this.#tellFirstByte();
		if (this.#denial !== undefined) {
			this.#deny(this.#denial);
			return;
		}
		this.#record.downstreamWireBytesReceived += view.length;
		const stream = this.#stream;
		if (!this.#isReady || stream === undefined) {
			this.#early.push(Buffer.from(view));
			this.#earlyBytes += view.length;
			deps.stats.early_data_received_count_total.value++;
			if (this.#earlyBytes >= Math.max(1, config.maxEarlyDataBytes)) this.#downstream?.pause();
			if (!this.#isConnecting && this.#upstream === undefined) this.#connect();
			return;
		}
		this.#record.upstreamWireBytesSent += view.length;
		if (stream.write(view)) return;
		if (!this.#isFull) deps.stats.downstream_flow_control_paused_reading_total.value++;
		this.#isFull = true;
		this.#downstream?.pause();
	}

	#onEnd(): void {
		this.#downstreamEnded = true;
		this.#tellFirstByte();
		if (this.#denial !== undefined) this.#deny(this.#denial);
		else if (this.#isReady && this.#upstreamEnded) this.#stream?.close();
		else if (this.#isReady) this.#stream?.end();
		else if (this.#upstream === undefined) this.destroy();
	}

	#tellFirstByte(): void {
		if (this.#onFirstByte !== undefined && !this.#onFirstByte()) this.#onFirstByte = undefined;
	}

	#deny({ terminationDetails, closeReason, delayMs }: GateRefusal): void {
		this.#record.connectionTerminationDetails = terminationDetails;
		if (closeReason !== undefined) this.#noteCloseReason(closeReason);
		if (delayMs === 0) {
			this.destroy();
			return;
		}
		this.#downstream?.pause();
		this.#timers.after(delayMs, () => this.destroy());
	}

	/** Connects the two sides: each waits for the other's buffer, and a half close goes through. */
	#join(): void {
		const stream = this.#stream;
		const downstream = this.#downstream!;
		if (this.#denial !== undefined) stream?.pause();
		if (stream === undefined || this.#denial !== undefined) return;
		const { stats } = this.#proxy.deps;
		for (const bytes of this.#early.splice(0)) {
			this.#record.upstreamWireBytesSent += bytes.length;
			if (!stream.write(bytes)) this.#isFull = true;
		}
		const greeting = this.#greeting.splice(0);
		for (const bytes of greeting) downstream.write(bytes);
		this.#countGreeting();
		if (greeting.length > 0) stream.resume();
		if (this.#downstreamEnded) stream.end();
		if (this.#upstreamEnded) downstream.end();
		if (this.#observations.length > 0) {
			this.#report();
			this.#timers.every(reportIntervalMs, () => this.#report());
		}
		if (this.#isFull) stats.downstream_flow_control_paused_reading_total.value++;
		else downstream.resume();
	}

	#countGreeting(): void {
		this.#record.bytesSent += this.#greetingBytes;
		this.#record.downstreamWireBytesSent += this.#greetingBytes;
		this.#proxy.deps.stats.downstream_cx_tx_bytes_total.value += this.#greetingBytes;
		this.#greetingBytes = 0;
	}

	#report(): void {
		for (const observation of this.#observations) observation.report();
	}

	// --- connecting

	#connect(): void {
		const { config, deps } = this.#proxy;
		const record = this.#record;
		const forced = record.filterState?.get(clusterKey);
		const choice =
			typeof forced === "string" && forced !== ""
				? { name: forced, metadataMatch: undefined }
				: this.#proxy.chooseCluster();
		const upstream = choice === undefined ? undefined : deps.getCluster(choice.name);
		if (choice === undefined || upstream === undefined) {
			deps.stats.downstream_cx_no_route.value++;
			this.#fail(ResponseFlag.noClusterFound);
			return;
		}
		const { cluster } = upstream;
		this.#upstream = upstream;
		record.upstreamClusterName = upstream.shownName;
		record.upstreamClusterRawName = cluster.name;
		record.upstreamClusterMetadata = cluster.config.metadata;
		this.metadataMatch =
			choice.metadataMatch === undefined ? config.metadataMatch : { ...config.metadataMatch, ...choice.metadataMatch };
		lookUpNamedHost(cluster, record, () => this.#attempt());
	}

	#attempt(): void {
		if (this.#ended) return;
		const { config, deps } = this.#proxy;
		const record = this.#record;
		const upstream = this.#upstream!;
		const { cluster } = upstream;
		const { stats } = cluster;
		if (record.attemptCount >= config.maxConnectAttempts) {
			stats.upstream_cx_connect_attempts_exceeded.value++;
			this.#fail(ResponseFlag.upstreamRetryLimitExceeded);
			return;
		}
		const host = cluster.chooseHost(this);
		if (host === undefined) {
			stats.upstream_cx_none_healthy.value++;
			this.#fail(ResponseFlag.noHealthyUpstream);
			return;
		}
		record.upstreamHost = host;
		record.upstreamConnectStartAt = deps.clock.now();
		this.#host = host;
		this.#isConnecting = true;
		if (config.tunneling !== undefined) {
			record.attemptCount++;
			this.#stream = openTcpTunnel(config.tunneling, upstream, host, record, this);
			return;
		}
		if (!cluster.resources("default").tryAcquirePending()) {
			stats.upstream_rq_pending_overflow.value++;
			record.attemptCount++;
			this.#attempt();
			return;
		}
		this.#stream = upstream.openRaw(host, this, record.connection);
		if (this.#stream === undefined) {
			cluster.resources("default").releasePending();
			this.#fail(ResponseFlag.upstreamOverflow);
			return;
		}
		record.attemptCount++;
		this.#isPending = true;
		stats.upstream_rq_pending_total.value++;
		stats.upstream_rq_pending_active.value++;
	}

	#leavePending(): void {
		if (!this.#isPending) return;
		const { cluster } = this.#upstream!;
		this.#isPending = false;
		cluster.stats.upstream_rq_pending_active.value--;
		cluster.resources("default").releasePending();
	}

	/** As in Envoy, a connection of layer 4 is one request of its cluster. */
	#countRequest(step: 1 | -1): void {
		const { stats } = this.#upstream!.cluster;
		const host = this.#host!;
		if (step === 1) {
			stats.upstream_rq_total.value++;
			host.stats.rq_total.value++;
		}
		stats.upstream_rq_active.value += step;
		host.stats.rq_active.value += step;
	}

	/** The upstream side of a joined session is gone: cut by the other end, ended by it last, or by us. */
	#countEnd(): void {
		if (this.#proxy.config.tunneling === undefined) this.#countRequest(-1);
	}

	#armTimers(): void {
		const { config, deps } = this.#proxy;
		const { idleTimeoutMs, maxDownstreamConnectionDurationMs: durationMs, durationJitterPercent } = config;
		const stated = Number(this.#record.filterState?.get(idleTimeoutKey));
		const idleMs = stated > 0 ? stated : idleTimeoutMs;
		if (idleMs > 0) {
			this.#timers.watchIdle(idleMs, () => {
				deps.stats.idle_timeout.value++;
				this.#noteCloseReason("tcp_session_idle_timeout");
				this.destroy();
			});
		}
		if (durationMs > 0) {
			const jitterMs =
				durationMs * (durationJitterPercent / 100) * (durationJitterPercent > 0 ? deps.random.next() : 0);
			this.#timers.after(durationMs + jitterMs, () => {
				deps.stats.max_downstream_connection_duration.value++;
				this.#fail(ResponseFlag.durationTimeout);
			});
		}
		if (config.accessLogFlushIntervalMs > 0) {
			this.#timers.every(config.accessLogFlushIntervalMs, () => this.#writeLog("TcpPeriodic"));
		}
	}

	/** We end both sides. */
	#noteCloseReason(reason: string): void {
		this.#record.downstreamLocalCloseReason = reason;
		if (this.#stream !== undefined) this.#record.upstreamLocalCloseReason = reason;
	}

	#fail(flags: number): void {
		this.#record.responseFlags |= flags;
		if (flags === ResponseFlag.durationTimeout) this.#noteCloseReason("max_connection_duration_reached");
		else this.#record.downstreamLocalCloseReason = `tcp_initializion_failure:${failureNumbers.get(flags) ?? 0}`;
		// Bytes that were looked at and put back count as unread, and the client is told so.
		if (this.#downstream === undefined && this.#transport.readableLength > 0) this.#transport.resetAndDestroy();
		this.destroy();
	}

	#finish(): void {
		this.#proxy.sessions.delete(this);
		for (const observation of this.#observations) observation.end();
		this.#writeLog(undefined);
	}

	#writeLog(type: string | undefined): void {
		const { accessLogs, clock } = this.#proxy.deps;
		if (accessLogs.length === 0) return;
		const record = this.#record;
		record.accessLogType = type ?? "TcpConnectionEnd";
		record.endedAt = clock.now();
		for (const log of accessLogs) log.log(record);
	}
}

/** Envoy's numbers (and its spelling) of what kept a session from its upstream. */
const failureNumbers: ReadonlyMap<number, number> = new Map([
	[ResponseFlag.noHealthyUpstream, 1],
	[ResponseFlag.upstreamOverflow, 2],
	[ResponseFlag.noClusterFound, 3],
]);
