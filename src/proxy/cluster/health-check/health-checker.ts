import { connect as connectPlain, type Socket } from "node:net";
import type { Clock, Log, Random, Timer } from "../../../core/index.ts";
import { type CheckResult, computeCheckInterval, HostCheckState } from "../../../engine/health-check/index.ts";
import { findSystemPath } from "../../../os/index.ts";
import type { StatsScope } from "../../../telemetry/index.ts";
import type { ClusterConfig, HealthCheckConfig, UpstreamTransportSocket } from "../../runtime-config/index.ts";
import type { SecretSource } from "../../secret/index.ts";
import { createHealthCheckStats, createTlsStats, type HealthCheckStats } from "../../stats/index.ts";
import { createUpstreamTls, sendPassthrough, type UpstreamTls } from "../../transport/index.ts";
import { type Count, HealthFlag, type Host } from "../cluster.ts";
import { type EventLog, formatHealthEvent, type HealthEvent, type HealthFailure } from "../event-log.ts";
import { selectSocketByLabels, setHealthFlag, setHealthFlags } from "../host.ts";
import { createHttpProbe } from "./http-probe.ts";
import { createGrpcProbe, createHttp2Probe } from "./http2-probe.ts";
import type { ConnectForCheck, Probe } from "./probe.ts";
import { createTcpProbe } from "./tcp-probe.ts";

/** What a checker needs of its cluster. */
export interface HealthCheckerOptions {
	readonly cluster: ClusterConfig;
	readonly config: HealthCheckConfig;
	readonly clock: Clock;
	readonly random: Random;
	readonly log: Log;
	readonly secrets: SecretSource;
	/** `cluster.<name>`. */
	readonly stats: StatsScope;
	/** `upstream_cx_total`: without traffic checks are rarer. */
	readonly connections: Count;
	/** The checks of the cluster, this one among them. */
	readonly all: readonly HealthChecker[];
	openEventLog?(path: string): EventLog;
	/** After each result of a check; `isChanged` says whether the host's health is another one. */
	onChecked(host: Host, isChanged: boolean, passed: boolean): void;
}

/** Checks every host of a cluster in its own rhythm. */
export class HealthChecker {
	readonly options: HealthCheckerOptions;
	readonly stats: HealthCheckStats;
	readonly #sessions = new Map<Host, CheckSession>();
	readonly #tls = new Map<UpstreamTransportSocket, UpstreamTls>();
	readonly #logs: readonly EventLog[];

	constructor(options: HealthCheckerOptions) {
		this.options = options;
		const { config, cluster } = options;
		this.#logs = config.events.paths.flatMap((path) => options.openEventLog?.(path) ?? []);
		const scope = options.stats.scope("health_check");
		this.stats = createHealthCheckStats(cluster.healthChecks.length > 1 ? scope.scope(`name.${config.name}`) : scope);
	}

	/** Writes an event down, where events are. */
	tell(host: Host, event: HealthEvent): void {
		if (this.#logs.length === 0) return;
		const { clock, cluster, config } = this.options;
		const line = formatHealthEvent(config.checker.kind, cluster.name, host, event, clock.wall());
		for (const log of this.#logs) log.write(line);
	}

	/** Begins to check a host, which counts as failed until a check passed. */
	addHost(host: Host): void {
		if (host.healthCheck.disabled || this.#sessions.has(host)) return;
		const session = new CheckSession(this, host);
		this.#sessions.set(host, session);
		session.begin();
	}

	removeHost(host: Host): void {
		this.#sessions.get(host)?.close();
		this.#sessions.delete(host);
	}

	/** What all checks of the cluster together found of a host. */
	findingsOf(host: Host): Readonly<Record<"isFailed" | "isDegraded" | "isTimedOut" | "isFirst", boolean>> {
		const states = this.options.all.map((checker) => checker.#sessions.get(host)?.state);
		const has = (name: "isFailed" | "isDegraded" | "isTimedOut" | "isFirst"): boolean =>
			states.some((state) => state?.[name] === true);
		return {
			isFailed: has("isFailed"),
			isDegraded: has("isDegraded"),
			isTimedOut: has("isTimedOut"),
			isFirst: has("isFirst"),
		};
	}

	/** The host said with an answer that it is not well: fails until its next check. */
	failAtOnce(host: Host): void {
		this.#sessions.get(host)?.failAtOnce();
	}

	/** Whether no result has come of some host. */
	get isWaiting(): boolean {
		for (const session of this.#sessions.values()) if (session.isFirst) return true;
		return false;
	}

	close(): void {
		for (const session of this.#sessions.values()) session.close();
		this.#sessions.clear();
	}

	/** The TLS side for a transport socket; undefined for plain text. */
	tlsOf(socket: UpstreamTransportSocket): UpstreamTls | undefined {
		if (socket.kind !== "tls") return undefined;
		const known = this.#tls.get(socket);
		if (known !== undefined) return known;
		const { alpnProtocols } = this.options.config;
		const config = alpnProtocols.length === 0 ? socket.tls : { ...socket.tls, alpnProtocols };
		const side = createUpstreamTls(config, this.options.secrets, createTlsStats(this.options.stats, "client"));
		this.#tls.set(socket, side);
		return side;
	}
}

/** The checks of one host. */
class CheckSession {
	readonly #checker: HealthChecker;
	readonly #host: Host;
	readonly state = new HostCheckState();
	readonly #probe: Probe;
	#timer: Timer | undefined;
	#cancel: (() => void) | undefined;
	#isClosed = false;

	constructor(checker: HealthChecker, host: Host) {
		this.#checker = checker;
		this.#host = host;
		this.#probe = createProbe(checker, host);
	}

	failAtOnce(): void {
		const { options, stats } = this.#checker;
		if (this.#isClosed || this.state.isFailed) return;
		stats.failure.value++;
		stats.passive_failure.value++;
		stats.healthy.value--;
		this.state.isFailed = true;
		const excluded = setHealthFlag(this.#host, HealthFlag.excludedViaImmediateHealthCheckFail, true);
		options.onChecked(this.#host, this.#showHealth() || excluded, false);
	}

	get isFirst(): boolean {
		return this.state.isFirst;
	}

	begin(): void {
		const { initialJitterMs } = this.#checker.options.config;
		if (initialJitterMs === 0) this.#check();
		else this.#wait(Math.max(1, Math.floor(this.#checker.options.random.next() * initialJitterMs)));
	}

	close(): void {
		if (this.#isClosed) return;
		this.#isClosed = true;
		this.#timer?.cancel();
		this.#cancel?.();
		this.#probe.close();
		if (!this.state.isFailed) this.#checker.stats.healthy.value--;
		if (this.state.isDegraded) this.#checker.stats.degraded.value--;
	}

	#wait(delayMs: number): void {
		this.#timer = this.#checker.options.clock.setTimer(delayMs, () => this.#check(), { unref: true });
	}

	#check(): void {
		const { clock, config } = this.#checker.options;
		this.#checker.stats.attempt.value++;
		const cancel = this.#probe.start((result) => this.#onResult(result));
		this.#cancel = cancel;
		this.#timer = clock.setTimer(
			config.timeoutMs,
			() => {
				cancel();
				this.#onResult({ kind: "timeout" });
			},
			{ unref: true },
		);
	}

	#onResult(result: CheckResult): void {
		if (this.#isClosed) return;
		this.#cancel = undefined;
		this.#timer?.cancel();
		const { options, stats } = this.#checker;
		const state = this.state;
		const wasFailed = state.isFailed;
		const wasDegraded = state.isDegraded;
		const { isFirst } = state;
		const transition = state.onResult(result, options.config);
		this.#tellEvents(result, { isFirst, wasFailed, wasDegraded });
		const passed = result.kind === "passed";
		if (passed) stats.success.value++;
		else stats.failure.value++;
		if (result.kind === "network" || result.kind === "timeout") stats.network_failure.value++;
		stats.healthy.value += Number(wasFailed) - Number(state.isFailed);
		stats.degraded.value += Number(state.isDegraded) - Number(wasDegraded);
		if (wasFailed && passed) this.#host.healthySince = options.clock.now();
		const hasTraffic = options.connections.value > 0;
		const delay = computeCheckInterval(options.config, passed, transition, hasTraffic, options.random);
		this.#wait(delay);
		if (wasFailed !== state.isFailed)
			options.log.info(state.isFailed ? "health check fails" : "health check passes", {
				cluster: options.cluster.name,
				host: this.#host.address,
				...(passed ? {} : { cause: result.kind }),
			});
		options.onChecked(this.#host, this.#showHealth(), passed);
	}

	/** In Envoy's order: what changed, then the result itself. */
	#tellEvents(
		result: CheckResult,
		before: { readonly isFirst: boolean; readonly wasFailed: boolean; readonly wasDegraded: boolean },
	): void {
		const { isFirst, wasFailed, wasDegraded } = before;
		const { isFailed, isDegraded } = this.state;
		const { everyFailure, everySuccess } = this.#checker.options.config.events;
		const tell = (event: HealthEvent): void => this.#checker.tell(this.#host, event);
		const failure_type = failureTypes[result.kind];
		const http_status_code = "httpStatus" in result ? (result.httpStatus ?? 0) : 0;
		if (wasFailed && !isFailed) tell({ add_healthy_event: { first_check: isFirst } });
		if (!wasDegraded && isDegraded) tell({ degraded_healthy_host: {} });
		if (wasDegraded && !isDegraded) tell({ no_longer_degraded_host: {} });
		if (!wasFailed && isFailed) tell({ eject_unhealthy_event: { failure_type, http_status_code } });
		if (result.kind === "passed") {
			if (everySuccess) tell({ successful_health_check_event: {} });
		} else if (isFirst || everyFailure) {
			tell({ health_check_failure_event: { failure_type, first_check: isFirst, http_status_code } });
		}
	}

	/** A host is well when every check of it says so. */
	#showHealth(): boolean {
		const { isFailed, isDegraded, isTimedOut, isFirst } = this.#checker.findingsOf(this.#host);
		const excluded = isFailed ? 0 : HealthFlag.excludedViaImmediateHealthCheckFail;
		return setHealthFlags(
			this.#host,
			HealthFlag.failedActiveHealthCheck |
				HealthFlag.degradedActiveHealthCheck |
				HealthFlag.activeHealthCheckTimeout |
				(isFirst ? 0 : HealthFlag.pendingActiveHealthCheck) |
				excluded,
			(isFailed ? HealthFlag.failedActiveHealthCheck : 0) |
				(isDegraded ? HealthFlag.degradedActiveHealthCheck : 0) |
				(isTimedOut ? HealthFlag.activeHealthCheckTimeout : 0),
		);
	}
}

const failureTypes: Readonly<Record<CheckResult["kind"], HealthFailure>> = {
	passed: "ACTIVE",
	refused: "ACTIVE",
	retriable: "ACTIVE",
	network: "NETWORK",
	timeout: "NETWORK_TIMEOUT",
};

function createProbe(checker: HealthChecker, host: Host): Probe {
	const { cluster, config } = checker.options;
	const check = config.checker;
	const socket =
		config.transportSocketMatchCriteria === undefined
			? host.transportSocket
			: selectSocketByLabels(cluster, config.transportSocketMatchCriteria);
	const connect = connectTo(host, checker.tlsOf(socket));
	const authorityOr = (name: string): string => host.healthCheck.hostname || name || cluster.name;
	const { clock } = checker.options;
	const common = { isSecure: socket.kind === "tls", reuseConnection: config.reuseConnection, host, clock, connect };
	switch (check.kind) {
		case "tcp":
			return createTcpProbe(check, connect);
		case "http": {
			const onVerifyCluster = (): void => void checker.stats.verify_cluster.value++;
			const options = { ...common, check, authority: authorityOr(check.host), onVerifyCluster };
			return check.http2 ? createHttp2Probe(options) : createHttpProbe(options);
		}
		case "grpc":
			return createGrpcProbe({ ...common, ...check, authority: authorityOr(check.authority) });
	}
}

/** Connects to the address to be checked, which may be another one than the host's. */
function connectTo(host: Host, tls: UpstreamTls | undefined): ConnectForCheck {
	return (ready): Socket => {
		const { address, port } = host.healthCheck;
		const checked = address ?? host.endpoint;
		const target =
			checked.kind !== "socket"
				? { path: findSystemPath(checked) }
				: { host: checked.address, port: port || checked.port, noDelay: true };
		const withdraw = sendPassthrough(checked);
		const socket = tls === undefined ? connectPlain(target) : tls.connect(target, host.hostname || undefined);
		// A socket without a listener for errors would end the process; whoever checks looks at the close as well.
		socket.on("error", () => socket.destroy());
		socket.once("close", withdraw);
		if (tls === undefined) socket.once("connect", ready);
		else tls.onReady(socket, ready);
		return socket;
	};
}
