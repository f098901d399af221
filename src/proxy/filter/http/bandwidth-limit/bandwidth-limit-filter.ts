import type { HeaderList } from "../../../../core/index.ts";
import type { BandwidthLimitConfig } from "../../../runtime-config/index.ts";
import { type BandwidthLimitStats, createBandwidthLimitStats } from "../../../stats/index.ts";
import { isFlagOn } from "../compressor/compressor-filter.ts";
import type { FilterStream, HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";
import { endsApart } from "../message-end.ts";
import { routeConfigOf } from "../route-configs.ts";
import { ByteBucket } from "./byte-bucket.ts";
import { LimitedDirection } from "./limited-direction.ts";

/** What a config brings with it, shared by the streams it is for. */
interface Limit {
	readonly config: BandwidthLimitConfig;
	readonly bucket: ByteBucket;
	readonly stats: BandwidthLimitStats;
}

/** Milliseconds, as trailers tell them. */
interface Durations {
	/** From the first byte that came to the last one that left. */
	whole: number;
	/** From the last byte that came to the last one that left. */
	held: number;
}

/** What of a stream is limited. */
interface Limited {
	readonly limit: Limit;
	request: LimitedDirection | undefined;
	response: LimitedDirection | undefined;
	readonly took: { request: Durations; response: Durations };
	trailers: HeaderList | undefined;
}

type Direction = "request" | "response";

/** Limits how many bytes bodies bring in a second, all streams of the filter together.
 *  Spec: `envoy.extensions.filters.http.bandwidth_limit.v3`. */
export function createBandwidthLimitFilter(parts: FilterParts, config: BandwidthLimitConfig): HttpFilter {
	const { name, disabled, index, context } = parts;
	const limits = new WeakMap<BandwidthLimitConfig, Limit>();
	const limitOf = (used: BandwidthLimitConfig): Limit => {
		let limit = limits.get(used);
		if (limit === undefined) {
			limit = {
				config: used,
				bucket: new ByteBucket(used.bytesPerSecond, used.fillIntervalMs),
				stats: createBandwidthLimitStats(context.stats.scope(`${used.statPrefix}.http_bandwidth_limit`)),
			};
			limits.set(used, limit);
		}
		return limit;
	};
	limitOf(config);

	function begin(stream: FilterStream, direction: Direction): void {
		const used = routeConfigOf(stream, name, "bandwidth-limit")?.config ?? config;
		const isLimited = direction === "request" ? used.limitsRequests : used.limitsResponses;
		if (!isLimited || !isFlagOn(used.enabled, parts)) return;
		const limited = (stream.getState(index) as Limited | undefined) ?? {
			limit: limitOf(used),
			request: undefined,
			response: undefined,
			took: { request: { whole: 0, held: 0 }, response: { whole: 0, held: 0 } },
			trailers: undefined,
		};
		limited.limit.stats[`${direction}_enabled`].value++;
		stream.setState(index, limited);
	}

	function open(stream: FilterStream, limited: Limited, direction: Direction): LimitedDirection {
		const { bucket, stats } = limited.limit;
		const path = () => (direction === "request" ? stream.requestPath : stream.responsePath);
		stats[`${direction}_pending`].value++;
		const opened: LimitedDirection = new LimitedDirection(context.clock, bucket, limited.limit.config.fillIntervalMs, {
			write: (view, last) => path().add(index, Buffer.from(view), last),
			pause: () => path().pause(),
			resume: () => path().resume(),
			onAllowed(bytes) {
				stats[`${direction}_allowed_size`].value = bytes;
				stats[`${direction}_allowed_total_size`].value += bytes;
			},
			onEnforced: () => void stats[`${direction}_enforced`].value++,
			onDone(mayContinue) {
				finish(limited, direction, opened);
				if (!mayContinue) return;
				if (direction === "request") stream.continueRequest(index);
				else stream.continueResponse(index);
			},
		});
		return opened;
	}

	function finish(limited: Limited, direction: Direction, ended: LimitedDirection): void {
		const { config: used, stats } = limited.limit;
		const now = context.clock.now();
		const took = limited.took[direction];
		took.whole = Math.floor(now - ended.beganAt);
		took.held = ended.wasEnforced ? Math.floor(now - (ended.endedAt ?? now)) : 0;
		stats[`${direction}_transfer_duration`].record(took.whole);
		stats[`${direction}_pending`].value--;
		limited[direction] = undefined;
		if (direction === "response" && limited.trailers !== undefined && used.addsTrailers) {
			addDurations(limited.trailers, used.trailerPrefix, limited.took);
		}
	}

	function push(stream: FilterStream, direction: Direction, view: Buffer, last: boolean): boolean {
		const limited = stream.getState(index) as Limited | undefined;
		const { limitsRequests, limitsResponses } = limited?.limit.config ?? config;
		if (limited === undefined || !(direction === "request" ? limitsRequests : limitsResponses)) return false;
		const { stats, config: used } = limited.limit;
		stats[`${direction}_incoming_size`].value = last && endsApart(stream, direction) ? 0 : view.length;
		stats[`${direction}_incoming_total_size`].value += view.length;
		limited[direction] ??= open(stream, limited, direction);
		const addsTrailers = last && direction === "response" && used.addsTrailers;
		if (addsTrailers) {
			limited.trailers = [];
			stream.responsePath.addTrailers(index, limited.trailers);
		}
		limited[direction].push(view, last && !addsTrailers);
		if (addsTrailers) limited[direction].end();
		return true;
	}

	function endWithTrailers(stream: FilterStream, direction: Direction, trailers: HeaderList) {
		const limited = stream.getState(index) as Limited | undefined;
		if (limited === undefined) return "continue";
		if (direction === "response") limited.trailers = trailers;
		return limited[direction]?.end() === true ? "stop" : "continue";
	}

	return {
		name,
		disabled,
		index,
		onRequestHead(stream) {
			begin(stream, "request");
			return "continue";
		},
		onRequestBody: (stream, { bytes }, last) => (push(stream, "request", bytes, last) ? "taken" : "continue"),
		onRequestTrailers: (stream, trailers) => endWithTrailers(stream, "request", trailers),
		onResponseHead(stream) {
			begin(stream, "response");
			return "continue";
		},
		onResponseBody: (stream, { bytes }, last) => (push(stream, "response", bytes, last) ? "taken" : "continue"),
		onResponseTrailers: (stream, trailers) => endWithTrailers(stream, "response", trailers),
		onEnd(stream) {
			const limited = stream.getState(index) as Limited | undefined;
			for (const direction of ["request", "response"] as const) {
				const open = limited?.[direction];
				if (limited === undefined || open === undefined) continue;
				open.close();
				limited.limit.stats[`${direction}_pending`].value--;
			}
		},
	};
}

function addDurations(trailers: HeaderList, prefix: string, took: Limited["took"]): void {
	for (const [text, ms] of [
		["request-delay", took.request.whole],
		["request-filter-delay", took.request.held],
		["response-delay", took.response.whole],
		["response-filter-delay", took.response.held],
	] as const) {
		if (ms > 0) trailers.push(`${prefix}bandwidth-${text}-ms`, String(ms));
	}
}
