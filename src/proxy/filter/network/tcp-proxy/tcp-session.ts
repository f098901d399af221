import { connect, type Socket } from "node:net";
import type { Millis, Timer } from "../../../../core/index.ts";
import { createStreamInfo, ResponseFlag, type StreamInfo } from "../../../../engine/format/index.ts";
import { xxHash64 } from "../../../../engine/hash/index.ts";
import type { BalancerContext } from "../../../../engine/load-balancer/index.ts";
import type { Cluster, Host } from "../../../cluster/index.ts";
import type { UpstreamTls } from "../../../transport/index.ts";
import type { DownstreamConnection } from "../network-filter.ts";
import type { TcpObservation, TcpProxy } from "./tcp-proxy.ts";

const idleTimer = 0;
const durationTimer = 1;
const reportTimer = 2;
const reportIntervalMs = 5_000;

/** One connection and the one it is forwarded to. */
export class TcpSession implements BalancerContext<Host> {
	readonly #proxy: TcpProxy;
	readonly #downstream: Socket;
	readonly #record: StreamInfo;
	readonly hash: bigint | undefined;
	readonly hostSelectionMaxAttempts = 1;
	readonly attemptedPriorities = undefined;
	metadataMatch: BalancerContext["metadataMatch"];
	#cluster: Cluster | undefined;
	#host: Host | undefined;
	#upstream: Socket | undefined;
	#lastActivity: Millis = 0;
	readonly #timers: (Timer | undefined)[] = [undefined, undefined, undefined];
	#observations: readonly TcpObservation[] = [];
	/** The upstream said its end after we said ours. */
	#upstreamEndedLast = false;
	#ended = false;

	constructor(proxy: TcpProxy, { socket, facts }: DownstreamConnection) {
		const { clock } = proxy.deps;
		this.#proxy = proxy;
		this.#downstream = socket;
		this.#record = createStreamInfo(facts, clock.now(), clock.wall());
		this.hash = proxy.config.hashSourceIp ? xxHash64(facts.remote.ip) : undefined;
	}

	shouldSelectAnotherHost(): boolean {
		return false;
	}

	/** Writes the access log of a connection that never got here. */
	recordRefusal(): void {
		this.#record.connectionTerminationDetails = this.#record.connection.terminationDetails;
		this.#writeLog();
	}

	start(): void {
		const { config, deps, sessions } = this.#proxy;
		sessions.add(this);
		const downstream = this.#downstream;
		// Nothing is read before there is somebody to send it to.
		downstream.pause();
		downstream.on("error", () => undefined);
		downstream.once("close", () => this.destroy());
		this.#observations = deps.observers.map((observe) => observe(this.#record));
		this.#armTimers();
		const choice = this.#proxy.chooseCluster();
		const cluster = choice === undefined ? undefined : deps.getCluster(choice.name);
		if (choice === undefined || cluster === undefined) {
			deps.stats.downstream_cx_no_route.value++;
			this.#fail(ResponseFlag.noClusterFound);
			return;
		}
		this.#cluster = cluster;
		this.#record.upstreamClusterName = cluster.config.statName;
		this.#record.upstreamClusterRawName = cluster.name;
		this.#record.upstreamClusterMetadata = cluster.config.metadata;
		this.metadataMatch = choice.metadataMatch ?? config.metadataMatch;
		this.#attempt();
	}

	/** Ends both sides at once. */
	destroy(): void {
		if (this.#ended) return;
		this.#ended = true;
		for (const timer of this.#timers) timer?.cancel();
		this.#downstream.destroy();
		this.#upstream?.destroy();
		this.#proxy.sessions.delete(this);
		for (const observation of this.#observations) observation.end();
		this.#writeLog();
	}

	#attempt(): void {
		const cluster = this.#cluster!;
		const { stats } = cluster;
		const host = cluster.chooseHost(this);
		if (host === undefined) {
			stats.upstream_cx_none_healthy.value++;
			this.#fail(ResponseFlag.noHealthyUpstream);
			return;
		}
		const resources = cluster.resources("default");
		if (!resources.tryAcquireConnection()) {
			stats.upstream_cx_overflow.value++;
			this.#fail(ResponseFlag.upstreamOverflow);
			return;
		}
		this.#record.attemptCount++;
		this.#host = host;
		this.#record.upstreamHost = host;
		this.#record.upstreamConnectStartAt = this.#proxy.deps.clock.now();
		for (const count of [
			stats.upstream_cx_total,
			stats.upstream_cx_active,
			stats.upstream_rq_pending_total,
			stats.upstream_rq_pending_active,
			host.stats.cx_total,
			host.stats.cx_active,
		]) {
			count.value++;
		}
		const tls = this.#proxy.deps.upstreamTlsOf(cluster, host);
		const upstream = openUpstream(cluster, host, tls);
		this.#upstream = upstream;
		let isReady = false;
		let failure: Error | undefined;
		const timer = this.#proxy.deps.clock.setTimer(cluster.config.connectTimeoutMs, () => {
			stats.upstream_cx_connect_timeout.value++;
			upstream.destroy(new Error("connection timeout"));
		});
		const onReady = (): void => {
			isReady = true;
			timer.cancel();
			stats.upstream_rq_pending_active.value--;
			// As in Envoy, a connection of layer 4 is one request of its cluster.
			for (const count of [
				stats.upstream_rq_total,
				stats.upstream_rq_active,
				host.stats.rq_total,
				host.stats.rq_active,
			]) {
				count.value++;
			}
			this.#join(upstream, tls);
		};
		if (tls === undefined) upstream.once("connect", onReady);
		else tls.onReady(upstream, onReady);
		upstream.on("error", (error) => {
			failure ??= error;
		});
		upstream.once("close", () => {
			timer.cancel();
			resources.releaseConnection();
			stats.upstream_cx_active.value--;
			stats.upstream_cx_destroy.value++;
			host.stats.cx_active.value--;
			if (isReady) {
				this.#countEnd(host, failure !== undefined);
				this.destroy();
			} else {
				stats.upstream_rq_pending_active.value--;
				this.#onConnectFailed(failure);
			}
		});
	}

	/** The upstream side of a joined session is gone: cut by the other end, ended by it last, or by us. */
	#countEnd(host: Host, wasCut: boolean): void {
		const { stats } = this.#cluster!;
		stats.upstream_rq_active.value--;
		host.stats.rq_active.value--;
		const byUs = this.#ended || !(wasCut || this.#upstreamEndedLast);
		stats.upstream_cx_destroy_with_active_rq.value++;
		if (byUs) {
			stats.upstream_cx_destroy_local.value++;
			stats.upstream_cx_destroy_local_with_active_rq.value++;
		} else {
			stats.upstream_cx_destroy_remote.value++;
			stats.upstream_cx_destroy_remote_with_active_rq.value++;
		}
	}

	#onConnectFailed(failure: Error | undefined): void {
		const cluster = this.#cluster!;
		cluster.stats.upstream_cx_connect_fail.value++;
		this.#host!.stats.cx_connect_fail.value++;
		cluster.reportFailure(this.#host!, "connect-failure");
		this.#record.upstreamTransportFailureReason = failure?.message ?? "";
		if (this.#ended) return;
		if (this.#record.attemptCount < this.#proxy.config.maxConnectAttempts) {
			this.#attempt();
			return;
		}
		cluster.stats.upstream_cx_connect_attempts_exceeded.value++;
		const wasRetried = this.#proxy.config.maxConnectAttempts > 1;
		this.#fail(ResponseFlag.upstreamConnectionFailure | (wasRetried ? ResponseFlag.upstreamRetryLimitExceeded : 0));
	}

	/** Connects the two sides: each waits for the other's buffer, and a half close goes through. */
	#join(upstream: Socket, tls: UpstreamTls | undefined): void {
		const { clock, stats } = this.#proxy.deps;
		const record = this.#record;
		const downstream = this.#downstream;
		const clusterStats = this.#cluster!.stats;
		record.upstreamConnectedAt = clock.now();
		record.upstreamTls = tls?.sessionOf(upstream);
		record.upstreamLocal = {
			text: `${upstream.localAddress ?? ""}:${upstream.localPort ?? 0}`,
			ip: upstream.localAddress ?? "",
			port: upstream.localPort ?? 0,
		};
		this.#lastActivity = record.upstreamConnectedAt;
		downstream.on("data", (bytes: Buffer) => {
			record.bytesReceived += bytes.length;
			stats.downstream_cx_rx_bytes_total.value += bytes.length;
			clusterStats.upstream_cx_tx_bytes_total.value += bytes.length;
			this.#lastActivity = clock.now();
			if (upstream.write(bytes)) return;
			stats.downstream_flow_control_paused_reading_total.value++;
			downstream.pause();
		});
		upstream.on("drain", () => {
			stats.downstream_flow_control_resumed_reading_total.value++;
			downstream.resume();
		});
		upstream.on("data", (bytes: Buffer) => {
			record.bytesSent += bytes.length;
			stats.downstream_cx_tx_bytes_total.value += bytes.length;
			clusterStats.upstream_cx_rx_bytes_total.value += bytes.length;
			this.#lastActivity = clock.now();
			if (!downstream.write(bytes)) upstream.pause();
		});
		downstream.on("drain", () => upstream.resume());
		downstream.on("end", () => upstream.end());
		upstream.on("end", () => {
			this.#upstreamEndedLast = upstream.writableEnded;
			downstream.end();
		});
		if (this.#observations.length > 0) this.#armReport();
		downstream.resume();
	}

	#armReport(): void {
		const { clock } = this.#proxy.deps;
		const report = (): void => {
			for (const observation of this.#observations) observation.report();
			this.#timers[reportTimer] = clock.setTimer(reportIntervalMs, report, { unref: true });
		};
		report();
	}

	#armTimers(): void {
		const { clock, stats } = this.#proxy.deps;
		const { idleTimeoutMs, maxDownstreamConnectionDurationMs } = this.#proxy.config;
		this.#lastActivity = clock.now();
		const checkIdle = (): void => {
			const idleMs = clock.now() - this.#lastActivity;
			if (idleMs >= idleTimeoutMs) {
				stats.idle_timeout.value++;
				this.#record.responseFlags |= ResponseFlag.streamIdleTimeout;
				this.destroy();
				return;
			}
			this.#timers[idleTimer] = clock.setTimer(idleTimeoutMs - idleMs, checkIdle, { unref: true });
		};
		if (idleTimeoutMs > 0) this.#timers[idleTimer] = clock.setTimer(idleTimeoutMs, checkIdle, { unref: true });
		if (maxDownstreamConnectionDurationMs > 0) {
			const end = (): void => {
				stats.max_downstream_connection_duration.value++;
				this.#record.responseFlags |= ResponseFlag.durationTimeout;
				this.destroy();
			};
			this.#timers[durationTimer] = clock.setTimer(maxDownstreamConnectionDurationMs, end, { unref: true });
		}
	}

	#fail(flags: number): void {
		this.#record.responseFlags |= flags;
		this.destroy();
	}

	#writeLog(): void {
		this.#record.endedAt = this.#proxy.deps.clock.now();
		for (const log of this.#proxy.deps.accessLogs) log.log(this.#record);
	}
}

function openUpstream(cluster: Cluster, host: Host, tls: UpstreamTls | undefined): Socket {
	const { bindAddress, tcpKeepalive } = cluster.config;
	const { endpoint } = host;
	const target =
		endpoint.kind === "pipe"
			? { path: endpoint.path, allowHalfOpen: true }
			: {
					allowHalfOpen: true,
					host: endpoint.address,
					port: endpoint.port,
					noDelay: true,
					...(bindAddress === undefined ? {} : { localAddress: bindAddress }),
					...(tcpKeepalive === undefined
						? {}
						: { keepAlive: true, keepAliveInitialDelay: (tcpKeepalive.idleSeconds ?? 7200) * 1000 }),
				};
	return tls === undefined ? connect(target) : tls.connect(target, host.hostname);
}
