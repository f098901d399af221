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
import type { ByteVerdict, ConnectionGates, DownstreamConnection, GateRefusal } from "../network-filter.ts";
import { countPending, countSession } from "./count-session.ts";
import { describeClient } from "./describe-client.ts";
import { findCluster } from "./find-cluster.ts";
import { HeldBytes } from "./held-bytes.ts";
import { lookUpNamedHost, namedHostOf } from "./named-host.ts";
import { describeFailure, noteCloseReason, noteOverflow } from "./session-failure.ts";
import { hashOf } from "./session-hash.ts";
import { beginRecord, noteCluster, noteDenial, noteReason, noteUpstreamReset, writeRecord } from "./session-record.ts";
import { armSessionTimers, SessionTimers } from "./session-timers.ts";
import type { ClusterChoice, TcpObservation, TcpProxy } from "./tcp-proxy.ts";
import { openTcpTunnel } from "./tcp-tunnel.ts";

const reportIntervalMs = 5_000;
/** So many bytes may be on their way to a client that reads slowly, at least the sockets' high-water mark. */
const maxUnsentBytes = 64 * 1024;
const isNever = (): boolean => false;
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
	#stopLookup: (() => void) | undefined;
	#isFull = false;
	/** Bytes of either side that the other one is not there for yet. */
	readonly #early = new HeldBytes();
	readonly #greeting = new HeldBytes();
	#downstreamEnded = false;
	#upstreamEnded = false;
	/** The upstream said its end after the client said its own. */
	#upstreamEndedLast = false;
	/** Undefined when they let everything pass from here on. */
	#gates: ConnectionGates | undefined;
	/** Somebody is asked whether the client's bytes may go on. */
	#isAsked = false;
	readonly #attempted: Host[] = [];
	#observations: readonly TcpObservation[] = [];
	#ended = false;

	constructor(proxy: TcpProxy, transport: StreamSocket, facts: ConnectionFacts, record: StreamInfo | undefined) {
		const { clock, stats } = proxy.deps;
		this.#proxy = proxy;
		this.#transport = transport;
		this.#record = record ?? createStreamInfo(facts, clock.now(), clock.wall());
		beginRecord(this.#record, facts, this.#attempted);
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
	attach({ socket, facts, gates }: DownstreamConnection): void {
		this.#record.connection = facts;
		this.#gates = gates;
		this.#downstream = socket;
		this.#out = new TurnWriter(socket, this.#proxy.deps.turns, maxUnsentBytes, socket !== this.#transport);
		socket.on("error", ({ code }: NodeJS.ErrnoException) => {
			if (code === "ECONNRESET") this.#onReset();
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
		// Nothing is read before there is somebody to send it to, unless the first byte is what is waited for.
		if (this.#isReady) this.#join();
		else socket.pause();
		if (waitsForData || gates?.denial !== undefined) socket.resume();
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

	destroy(): void {
		this.#end(true);
	}

	#end(closesClient: boolean): void {
		if (this.#ended) return;
		this.#ended = true;
		this.#timers.cancel();
		this.#stopLookup?.();
		this.#gates?.close();
		if (closesClient) {
			this.#out?.flush();
			this.#downstream?.destroy();
			this.#transport.destroy();
		}
		this.#leavePending();
		const wasReady = this.#isReady;
		this.#stream?.close(this.#upstreamEndedLast);
		if (wasReady) this.#count(-1);
		this.#proxy.sessions.delete(this);
		for (const observation of this.#observations) observation.end();
		this.#writeLog("TcpConnectionEnd");
		this.#proxy.deps.onEnd(this.#record);
	}

	// --- the upstream

	onRawReady(stream: RawStream): void {
		const record = this.#record;
		this.#leavePending();
		this.#isConnecting = false;
		this.#isReady = true;
		record.upstreamConnectedAt = this.#proxy.deps.clock.now();
		record.upstreamTls = stream.tlsSession;
		record.upstreamLocal = stream.localAddress;
		record.upstreamRemote = stream.remoteAddress;
		record.upstreamConnectionId = stream.id;
		this.#count(1);
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
		}
		record.upstreamTransportFailureReason = detail;
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
			this.#greeting.keep(view);
			if (this.#greeting.size >= this.#proxy.deps.bufferLimitBytes) this.#stream?.pause();
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
		if (this.#gates?.denial !== undefined) return;
		this.#out?.flush();
		this.#downstream?.end();
	}

	onRawClosed(isReset: boolean): void {
		if (this.#ended) return;
		this.#stream = undefined;
		this.#count(-1);
		this.#isReady = false;
		const downstream = this.#downstream;
		if (isReset) this.#passReset();
		// What was read goes on to the client before its connection ends.
		if (downstream === undefined || downstream.destroyed) this.destroy();
		else if (this.#gates?.denial === undefined) {
			this.#out?.flush();
			downstream.destroySoon();
		}
	}

	/** The upstream cut its connection: the client's is cut as well, behind what was read. */
	#passReset(): void {
		noteUpstreamReset(this.#record);
		if (this.#gates?.denial !== undefined) return;
		this.#out?.flush();
		this.#downstream?.resetAndDestroy();
	}

	onRawDrain(): void {
		this.#isFull = false;
		this.#proxy.deps.stats.downstream_flow_control_resumed_reading_total.value++;
		this.#downstream?.resume();
	}

	// --- the client

	/** The client cut its connection, and so do we the upstream's. */
	#onReset(): void {
		this.#record.downstreamCloseType = "RemoteReset";
		if (!this.#ended && this.#isReady) this.#stream?.reset();
	}

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
		if (this.#gates !== undefined && this.#hearGates() === "deny") return;
		this.#record.downstreamWireBytesReceived += view.length;
		const stream = this.#stream;
		if (this.#isAsked) {
			this.#early.keep(view);
			this.#downstream?.pause();
			return;
		}
		if (!this.#isReady || stream === undefined) {
			this.#early.keep(view);
			deps.stats.early_data_received_count_total.value++;
			if (this.#early.size >= Math.max(1, config.maxEarlyDataBytes)) this.#downstream?.pause();
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
		if (this.#gates !== undefined && this.#hearGates() === "deny") return;
		if (!this.#isAsked) this.#endUpstream();
	}

	#endUpstream(): void {
		if (this.#isReady && this.#upstreamEnded) this.#stream?.close();
		else if (this.#isReady) this.#stream?.end();
		else if (this.#upstream === undefined) this.destroy();
	}

	/** Has the chain's gates hear of the client's bytes, and ends the session when they deny them. */
	#hearGates(): ByteVerdict {
		const gates = this.#gates!;
		const verdict = gates.onBytes(() => this.#onSettled(gates));
		this.#isAsked = verdict === "wait";
		if (verdict === "deny") this.#deny(gates.denial!);
		else if (verdict === "pass") this.#gates = undefined;
		return verdict;
	}

	/** Whoever was asked has answered. */
	#onSettled({ denial }: ConnectionGates): void {
		this.#isAsked = false;
		if (this.#ended) return;
		if (denial !== undefined) this.#deny(denial);
		else if (this.#isReady) this.#sendEarly();
		else if (!this.#isConnecting && this.#upstream === undefined) this.#connect();
		if (this.#downstreamEnded && !this.#ended) this.#endUpstream();
	}

	#deny(refusal: GateRefusal): void {
		const { delayMs } = refusal;
		noteDenial(this.#record, refusal, this.#stream !== undefined);
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
		const isDenied = this.#gates?.denial !== undefined;
		if (isDenied) stream?.pause();
		if (stream === undefined || isDenied) return;
		this.#countGreeting();
		const greeting = this.#greeting.take();
		for (const bytes of greeting) downstream.write(bytes);
		if (greeting.length > 0) stream.resume();
		if (this.#upstreamEnded) downstream.end();
		if (this.#observations.length > 0) {
			const report = (): void => {
				for (const observation of this.#observations) observation.report();
			};
			report();
			this.#timers.every(reportIntervalMs, report);
		}
		if (this.#isAsked) return;
		this.#sendEarly();
		if (this.#downstreamEnded) stream.end();
	}

	/** Sends what the client said before, and reads on. */
	#sendEarly(): void {
		const stream = this.#stream!;
		for (const bytes of this.#early.take()) {
			this.#record.upstreamWireBytesSent += bytes.length;
			if (!stream.write(bytes)) this.#isFull = true;
		}
		if (this.#isFull) this.#proxy.deps.stats.downstream_flow_control_paused_reading_total.value++;
		else this.#downstream?.resume();
	}

	#countGreeting(): void {
		const { size } = this.#greeting;
		this.#record.bytesSent += size;
		this.#record.downstreamWireBytesSent += size;
		this.#proxy.deps.stats.downstream_cx_tx_bytes_total.value += size;
	}

	// --- connecting

	#connect(): void {
		const choice = this.#proxy.chooseCluster(this.#record);
		this.#isConnecting = true;
		this.#stopLookup = findCluster(this.#proxy, choice?.name, (upstream) => {
			this.#stopLookup = undefined;
			this.#isConnecting = false;
			if (upstream !== undefined) {
				this.#connectTo(upstream, choice!);
				return;
			}
			this.#proxy.deps.stats.downstream_cx_no_route.value++;
			noteReason(this.#record, "missing_cluster", choice?.name ?? "");
			this.#fail(ResponseFlag.noClusterFound);
		});
	}

	#connectTo(upstream: UpstreamCluster, choice: ClusterChoice): void {
		const record = this.#record;
		const { cluster } = upstream;
		this.#upstream = upstream;
		noteCluster(record, upstream);
		this.metadataMatch = choice.metadataMatch;
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
		this.#attempted.push(host);
		record.upstreamConnectStartAt = deps.clock.now();
		this.#host = host;
		this.#isConnecting = true;
		if (config.tunneling !== undefined) {
			record.attemptCount++;
			this.#stream = openTcpTunnel(config.tunneling, upstream, host, record, this);
			if (this.#stream === undefined) this.#fail(ResponseFlag.noHealthyUpstream);
			return;
		}
		if (!cluster.resources("default").tryAcquirePending()) {
			noteOverflow(record, cluster, "waiting");
			record.attemptCount++;
			this.#attempt();
			return;
		}
		this.#stream = upstream.openRaw(host, this, describeClient(config, record));
		if (this.#stream === undefined) {
			cluster.resources("default").releasePending();
			noteOverflow(record, cluster, "connection");
			this.#attempted.pop();
			this.#fail(ResponseFlag.upstreamOverflow);
			return;
		}
		record.attemptCount++;
		this.#isPending = true;
		countPending(upstream, 1);
	}

	#leavePending(): void {
		if (!this.#isPending) return;
		this.#isPending = false;
		countPending(this.#upstream!, -1);
	}

	/** Counts a side that joined or is gone: cut by the other end, ended by it last, or by us. */
	#count(step: 1 | -1): void {
		if (this.#proxy.config.tunneling === undefined) countSession(this.#upstream!.cluster, this.#host!, step);
	}

	#armTimers(): void {
		const { config, deps } = this.#proxy;
		armSessionTimers(this.#timers, config, Number(this.#record.filterState?.get(idleTimeoutKey)), deps.random, {
			onIdle: () => {
				deps.stats.idle_timeout.value++;
				noteCloseReason(this.#record, "tcp_session_idle_timeout", this.#stream !== undefined);
				this.destroy();
			},
			onTooOld: () => {
				deps.stats.max_downstream_connection_duration.value++;
				this.#fail(ResponseFlag.durationTimeout);
			},
			onLogDue: () => this.#writeLog("TcpPeriodic"),
		});
	}

	#fail(flags: number): void {
		this.#record.responseFlags |= flags;
		if (flags === ResponseFlag.durationTimeout)
			noteCloseReason(this.#record, "max_connection_duration_reached", this.#stream !== undefined);
		else this.#record.downstreamLocalCloseReason = describeFailure(flags);
		// Bytes that were looked at and put back count as unread, and the client is told so.
		if (this.#record.bytesReceived === 0 && this.#transport.readableLength > 0) this.#transport.resetAndDestroy();
		this.destroy();
	}

	#writeLog(type: string): void {
		writeRecord(this.#record, type, this.#proxy.deps);
	}
}
