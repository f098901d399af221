import { getHeader, type Timer } from "../../../../core/index.ts";
import type { FaultConfig } from "../../../../engine/fault/index.ts";
import { ResponseFlag } from "../../../../engine/format/index.ts";
import { matchRequestHeaders } from "../../../../engine/matcher/index.ts";
import { computeShare, getRuntimeNumber, type RuntimeFraction } from "../../../../engine/runtime/index.ts";
import type { StatsScope } from "../../../../telemetry/index.ts";
import type { DataPathContext } from "../../../data-path-context.ts";
import type { HttpFilterOverride } from "../../../runtime-config/index.ts";
import {
	createFaultSourceStats,
	createFaultStats,
	type FaultSourceStats,
	type FaultStats,
} from "../../../stats/index.ts";
import { destinationOf } from "../destination.ts";
import type { FilterStream, HttpFilter } from "../filter.ts";
import { ResponseThrottle } from "./response-throttle.ts";

/** A fault under way. */
interface ActiveFault {
	timer: Timer | undefined;
	throttle: ResponseThrottle | undefined;
}

/** Injects delays, aborts and slow answers. Spec: `envoy.extensions.filters.http.fault.v3`. */
export function createFaultFilter(
	name: string,
	disabled: boolean,
	index: number,
	config: FaultConfig,
	context: DataPathContext,
	scope: StatsScope,
): HttpFilter {
	const injector = new FaultInjector(context, scope.scope("fault"), index, !config.disableDownstreamClusterStats);
	return {
		name,
		disabled,
		index,
		onRequestHead(stream) {
			const override = stream.routeConfig(name) as HttpFilterOverride | undefined;
			return injector.inject(stream, override?.kind === "fault" ? override.config : config);
		},
		onResponseBody(stream, chunk, last) {
			const throttle = (stream.getState(index) as ActiveFault | undefined)?.throttle;
			if (throttle === undefined) return "continue";
			throttle.push(chunk.bytes, last);
			return "taken";
		},
		onResponseTrailers(stream) {
			const throttle = (stream.getState(index) as ActiveFault | undefined)?.throttle;
			return throttle === undefined || throttle.isIdle ? "continue" : "stop";
		},
		onEnd: (stream) => injector.end(stream),
	};
}

/** Names of downstream clusters come from requests: more than these are not counted apart. */
const maxSources = 1000;

class FaultInjector {
	readonly #context: DataPathContext;
	readonly #scope: StatsScope;
	readonly #stats: FaultStats;
	readonly #sources = new Map<string, FaultSourceStats>();
	readonly #index: number;
	/** As in Envoy, what the filter says no to routes cannot say yes to. */
	readonly #countsSources: boolean;

	/** @param scope `http.<stat_prefix>.fault` */
	constructor(context: DataPathContext, scope: StatsScope, index: number, countsSources: boolean) {
		this.#countsSources = countsSources;
		this.#context = context;
		this.#scope = scope;
		this.#stats = createFaultStats(scope);
		this.#index = index;
	}

	inject(stream: FilterStream, config: FaultConfig): "continue" | "stop" {
		if (!this.#applies(stream, config)) return "continue";
		this.#limitResponse(stream, config);
		const delayMs = this.#chooseDelay(stream, config);
		if (delayMs !== undefined && this.#begin(stream, config)) {
			this.#count(stream, config, "delays_injected");
			stream.record.addEarlyFlag(ResponseFlag.delayInjected);
			const fault = stream.getState(this.#index) as ActiveFault;
			fault.timer = this.#context.clock.setTimer(delayMs, () => {
				fault.timer = undefined;
				if (!this.#abort(stream, config)) stream.continueRequest(this.#index);
			});
			return "stop";
		}
		return this.#abort(stream, config) ? "stop" : "continue";
	}

	/** The fault is over, or the stream is. */
	end(stream: FilterStream): void {
		const fault = stream.getState(this.#index) as ActiveFault | undefined;
		if (fault === undefined) return;
		fault.timer?.cancel();
		fault.throttle?.close();
		stream.setState(this.#index, undefined);
		this.#stats.active_faults.value--;
	}

	#applies(stream: FilterStream, config: FaultConfig): boolean {
		const { request } = stream;
		if (config.upstreamCluster !== "" && destinationOf(stream) !== config.upstreamCluster) return false;
		if (config.downstreamNodes.length > 0) {
			const node = getHeader(request.headers, "x-envoy-downstream-service-node");
			if (node === undefined || !config.downstreamNodes.includes(node)) return false;
		}
		return config.headers.length === 0 || matchRequestHeaders(config.headers, request);
	}

	#limitResponse(stream: FilterStream, config: FaultConfig): void {
		const limit = config.responseRateLimit;
		if (limit === undefined) return;
		const isByHeader = limit.fixedKibibytesPerSecond === undefined;
		const percentHeader = isByHeader ? "x-envoy-fault-throughput-response-percentage" : undefined;
		if (!this.#hits(stream, limit.fraction, percentHeader)) return;
		const kibibytes = limit.fixedKibibytesPerSecond ?? readNumber(stream, "x-envoy-fault-throughput-response");
		if (kibibytes === undefined || kibibytes === 0 || !this.#begin(stream, config)) return;
		this.#stats.response_rl_injected.value++;
		const fault = stream.getState(this.#index) as ActiveFault;
		fault.throttle = new ResponseThrottle(this.#context.clock, kibibytes * 1024, {
			write: (view, last) => stream.responsePath.add(this.#index, view, last),
			pause: () => stream.responsePath.pause(),
			onIdle: () => {
				stream.responsePath.resume();
				stream.continueResponse(this.#index);
			},
		});
	}

	#chooseDelay(stream: FilterStream, config: FaultConfig): number | undefined {
		const { delay, runtimeKeys } = config;
		if (delay === undefined) return undefined;
		const percentHeader = delay.fixedMs === undefined ? "x-envoy-fault-delay-request-percentage" : undefined;
		const own = keysOfSource(stream);
		if (!this.#hits(stream, withKey(delay.fraction, own?.delayShare), percentHeader)) return undefined;
		const wanted = delay.fixedMs ?? readNumber(stream, "x-envoy-fault-delay-request");
		if (wanted === undefined) return undefined;
		const delayMs = this.#readRuntime([runtimeKeys.delayDuration, own?.delayDuration], wanted);
		return delayMs > 0 ? delayMs : undefined;
	}

	/** @returns whether the request was answered */
	#abort(stream: FilterStream, config: FaultConfig): boolean {
		const chosen = this.#chooseAbort(stream, config);
		if (chosen === undefined || !this.#begin(stream, config)) return false;
		this.#count(stream, config, "aborts_injected");
		stream.sendLocalReply({
			status: chosen.status,
			body: config.abort?.body || "fault filter abort",
			details: "fault_filter_abort",
			flags: ResponseFlag.faultInjected,
			...(chosen.grpcStatus === undefined ? {} : { grpcStatus: chosen.grpcStatus }),
		});
		return true;
	}

	/** Counts for all, and for the cluster that sent the request. */
	#count({ request }: FilterStream, config: FaultConfig, name: keyof FaultSourceStats): void {
		this.#stats[name].value++;
		const source = getHeader(request.headers, "x-envoy-downstream-service-cluster") ?? "";
		if (source === "" || !this.#countsSources || config.disableDownstreamClusterStats) return;
		let stats = this.#sources.get(source);
		if (stats === undefined) {
			if (this.#sources.size >= maxSources) return;
			stats = createFaultSourceStats(this.#scope.scope(source));
			this.#sources.set(source, stats);
		}
		stats[name].value++;
	}

	#chooseAbort(
		stream: FilterStream,
		config: FaultConfig,
	): { readonly status: number; readonly grpcStatus?: number } | undefined {
		const { abort, runtimeKeys } = config;
		if (abort === undefined) return undefined;
		const isByHeader = abort.status.kind === "header";
		const own = keysOfSource(stream);
		const fraction = withKey(abort.fraction, own?.abortShare);
		if (!this.#hits(stream, fraction, isByHeader ? "x-envoy-fault-abort-request-percentage" : undefined)) {
			return undefined;
		}
		// Clients that are not gRPC get 200, as from Envoy.
		const fromGrpc = (status: number) => ({ status: 200, grpcStatus: status });
		switch (abort.status.kind) {
			case "http":
				return { status: this.#readRuntime([runtimeKeys.abortHttpStatus, own?.abortHttpStatus], abort.status.status) };
			case "grpc":
				return fromGrpc(this.#readRuntime([runtimeKeys.abortGrpcStatus, own?.abortGrpcStatus], abort.status.status));
			default: {
				const status = readNumber(stream, "x-envoy-fault-abort-request");
				if (status !== undefined) return status >= 200 && status < 600 ? { status } : undefined;
				const grpcStatus = readNumber(stream, "x-envoy-fault-abort-grpc-request");
				return grpcStatus === undefined ? undefined : fromGrpc(grpcStatus);
			}
		}
	}

	/** A number, by the last key that the runtime knows. */
	#readRuntime(keys: readonly (string | undefined)[], otherwise: number): number {
		const { runtime } = this.#context;
		return keys.reduce((value, key) => getRuntimeNumber(runtime, key ?? "", value), otherwise);
	}

	/** A header may lower the share of faults that headers ask for. */
	#hits(stream: FilterStream, fraction: RuntimeFraction, percentHeader: string | undefined): boolean {
		let share = computeShare(fraction, this.#context.runtime);
		if (percentHeader !== undefined) {
			const numerator = readNumber(stream, percentHeader);
			if (numerator !== undefined) share = Math.min(share, numerator / fraction.denominator);
		}
		return share >= 1 || (share > 0 && this.#context.random.next() < share);
	}

	/** Takes part in the bound on faults at once. @returns whether there is room */
	#begin(stream: FilterStream, config: FaultConfig): boolean {
		if (stream.getState(this.#index) !== undefined) return true;
		const bound = getRuntimeNumber(
			this.#context.runtime,
			config.runtimeKeys.maxActiveFaults,
			config.maxActiveFaults < 0 ? Number.POSITIVE_INFINITY : config.maxActiveFaults,
		);
		if (this.#stats.active_faults.value >= bound) {
			this.#stats.faults_overflow.value++;
			return false;
		}
		this.#stats.active_faults.value++;
		stream.setState(this.#index, { timer: undefined, throttle: undefined } satisfies ActiveFault);
		return true;
	}
}

/** Runtime keys for the cluster that a request came from, which take the place of those for all in shares. */
interface SourceKeys {
	readonly delayShare: string;
	readonly delayDuration: string;
	readonly abortShare: string;
	readonly abortHttpStatus: string;
	readonly abortGrpcStatus: string;
}

function keysOfSource({ request }: FilterStream): SourceKeys | undefined {
	const source = getHeader(request.headers, "x-envoy-downstream-service-cluster") ?? "";
	if (source === "") return undefined;
	const prefix = `fault.http.${source}`;
	return {
		delayShare: `${prefix}.delay.fixed_delay_percent`,
		delayDuration: `${prefix}.delay.fixed_duration_ms`,
		abortShare: `${prefix}.abort.abort_percent`,
		abortHttpStatus: `${prefix}.abort.http_status`,
		abortGrpcStatus: `${prefix}.abort.grpc_status`,
	};
}

function withKey(fraction: RuntimeFraction, runtimeKey: string | undefined): RuntimeFraction {
	return runtimeKey === undefined ? fraction : { ...fraction, runtimeKey };
}

function readNumber({ request }: FilterStream, name: string): number | undefined {
	const text = getHeader(request.headers, name);
	return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
