import { getHeader } from "../../../../core/index.ts";
import type { StatsScope } from "../../../../telemetry/index.ts";
import type { GrpcStatsConfig } from "../../../runtime-config/index.ts";
import type { FilterStream, HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";
import { clusterScopeOf, countGrpcStatus, FrameCounter, isGrpcResponse, parseGrpcPath } from "./grpc-method.ts";

/** A gRPC request under way. */
interface GrpcExchange {
	/** Of the cluster; undefined when the path names no method. */
	readonly scope: StatsScope | undefined;
	/** `grpc` or `grpc.<service>.<method>`. */
	readonly prefix: string;
	readonly requests: FrameCounter;
	readonly responses: FrameCounter;
	isGrpcAnswer: boolean;
}

const filterStateKey = "envoy.filters.http.grpc_stats";

/** `envoy.extensions.filters.http.grpc_stats.v3.FilterObject`, as logs show it. */
class MessageCounts {
	readonly #requests: number;
	readonly #responses: number;

	constructor(requests: number, responses: number) {
		this.#requests = requests;
		this.#responses = responses;
	}

	toJSON(): Record<string, string> {
		return {
			...(this.#requests === 0 ? {} : { requestMessageCount: String(this.#requests) }),
			...(this.#responses === 0 ? {} : { responseMessageCount: String(this.#responses) }),
		};
	}

	toString(): string {
		return `${this.#requests},${this.#responses}`;
	}
}

/** Counts gRPC requests, their messages and statuses for their cluster. Spec: `envoy.extensions.filters.http.grpc_stats.v3`. */
export function createGrpcStatsFilter(parts: FilterParts, config: GrpcStatsConfig): HttpFilter {
	const { name, disabled, index } = parts;
	const exchangeOf = (stream: FilterStream): GrpcExchange | undefined =>
		stream.getState(index) as GrpcExchange | undefined;
	const countMessages = (
		stream: FilterStream,
		exchange: GrpcExchange,
		which: "request" | "response",
		bytes: Buffer,
	): void => {
		const counter = which === "request" ? exchange.requests : exchange.responses;
		const added = counter.inspect(bytes);
		if (added === 0) return;
		if (config.emitsFilterState) {
			const { record } = stream;
			record.filterState ??= new Map();
			record.filterState.set(filterStateKey, new MessageCounts(exchange.requests.count, exchange.responses.count));
		}
		if (exchange.scope !== undefined) {
			exchange.scope.scope(exchange.prefix).counter(`${which}_message_count`).value += added;
		}
	};
	const recordTime = ({ record }: FilterStream, exchange: GrpcExchange): void => {
		if (!config.timesUpstream || exchange.scope === undefined) return;
		const { upstreamLastSentAt: sent, upstreamLastReceivedAt: received } = record;
		if (sent < 0 || received < 0) return;
		exchange.scope
			.scope(exchange.prefix)
			.histogram("upstream_rq_time")
			.record(received - sent);
	};
	return {
		name,
		disabled,
		index,
		onRequestHead(stream) {
			if (!isGrpcType(getHeader(stream.request.headers, "content-type"))) return "continue";
			const method = parseGrpcPath(stream.request.path);
			const exchange: GrpcExchange = {
				scope: method === undefined ? undefined : clusterScopeOf(stream, parts),
				prefix: method === undefined ? "grpc" : prefixOf(config, method.service, method.method),
				requests: new FrameCounter(),
				responses: new FrameCounter(),
				isGrpcAnswer: false,
			};
			stream.setState(index, exchange);
			return "continue";
		},
		onRequestBody(stream, chunk) {
			const exchange = exchangeOf(stream);
			if (exchange !== undefined) countMessages(stream, exchange, "request", chunk.bytes);
			return "continue";
		},
		onResponseHead(stream, head, endStream) {
			const exchange = exchangeOf(stream);
			if (exchange === undefined) return "continue";
			exchange.isGrpcAnswer = isGrpcResponse(head, endStream);
			if (exchange.scope !== undefined) countGrpcStatus(exchange.scope, exchange.prefix, head.headers);
			if (endStream) recordTime(stream, exchange);
			return "continue";
		},
		onResponseBody(stream, chunk) {
			const exchange = exchangeOf(stream);
			if (exchange?.isGrpcAnswer === true) countMessages(stream, exchange, "response", chunk.bytes);
			return "continue";
		},
		onResponseTrailers(stream, trailers) {
			const exchange = exchangeOf(stream);
			if (exchange?.scope !== undefined) {
				countGrpcStatus(exchange.scope, exchange.prefix, trailers);
				recordTime(stream, exchange);
			}
			return "continue";
		},
	};
}

function prefixOf({ methods, replacesDots }: GrpcStatsConfig, service: string, method: string): string {
	if (methods === "all") return `grpc.${replacesDots ? service.replaceAll(".", "_") : service}.${method}`;
	return methods.has(`${service}/${method}`) ? `grpc.${service}.${method}` : "grpc";
}

function isGrpcType(type: string | undefined): boolean {
	return type !== undefined && /^application\/grpc(?:\+|$)/.test(type);
}
