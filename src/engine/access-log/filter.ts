import { assertNever, getHeader, type Random } from "../../core/index.ts";
import { matchesExpression } from "../expression/index.ts";
import { accessLogTypeOf, grpcStatusOfHttp, type StreamInfo } from "../format/index.ts";
import { matchMetadata, matchRequestHeader } from "../matcher/index.ts";
import { computeShare, getRuntimeNumber, type Runtime } from "../runtime/index.ts";
import type { AccessLogFilter, Comparison } from "./types.ts";

/** Whether a stream that ended (or is answered locally) passes a filter. */
export type StreamPredicate = (stream: StreamInfo, random: Random) => boolean;

/** Compiles a filter; undefined takes every stream. */
export function compileAccessLogFilter(filter: AccessLogFilter | undefined, runtime: Runtime): StreamPredicate {
	if (filter === undefined) return () => true;
	switch (filter.kind) {
		case "status-code":
			return (stream) => compare(filter.comparison, stream.responseCode, runtime);
		case "duration":
			return (stream) =>
				stream.endedAt >= 0 && compare(filter.comparison, Math.floor(stream.endedAt - stream.startedAt), runtime);
		case "not-health-check":
			return (stream) => !stream.healthCheck;
		case "traceable":
			return (stream) => stream.traceSampled;
		case "runtime":
			return (stream, random) => isInShare(filter, stream.streamId, random, runtime);
		case "and": {
			const all = filter.filters.map((inner) => compileAccessLogFilter(inner, runtime));
			return (stream, random) => all.every((takes) => takes(stream, random));
		}
		case "or": {
			const any = filter.filters.map((inner) => compileAccessLogFilter(inner, runtime));
			return (stream, random) => any.some((takes) => takes(stream, random));
		}
		case "header":
			return (stream) => stream.request !== undefined && matchRequestHeader(filter.matcher, stream.request);
		case "response-flag":
			return (stream) => (filter.flags === 0 ? stream.responseFlags : stream.responseFlags & filter.flags) !== 0;
		case "grpc-status":
			return (stream) => filter.statuses.includes(grpcStatusOf(stream)) !== filter.exclude;
		case "metadata":
			return (stream) =>
				hasMetadata(stream, filter.matcher.namespace, filter.matcher.path)
					? matchMetadata(filter.matcher, stream.dynamicMetadata)
					: filter.matchIfKeyNotFound;
		case "expression":
			return (stream) => matchesExpression(filter.expression, stream);
		case "log-type":
			return (stream) => filter.types.includes(accessLogTypeOf(stream)) !== filter.exclude;
		default:
			return assertNever(filter);
	}
}

function compare(comparison: Comparison, actual: number, runtime: Runtime): boolean {
	const value = getRuntimeNumber(runtime, comparison.runtimeKey, comparison.value);
	switch (comparison.operator) {
		case "equal":
			return actual === value;
		case "not-equal":
			return actual !== value;
		case "greater-or-equal":
			return actual >= value;
		case "less-or-equal":
			return actual <= value;
		default:
			return assertNever(comparison.operator);
	}
}

/** With a request id that is a UUID every hop decides alike; otherwise by chance. */
function isInShare(
	filter: Extract<AccessLogFilter, { kind: "runtime" }>,
	streamId: string,
	random: Random,
	runtime: Runtime,
): boolean {
	const share = computeShare(filter, runtime);
	const stable = filter.independentRandomness ? Number.NaN : Number.parseInt(streamId.slice(0, 8), 16);
	if (Number.isNaN(stable)) return random.next() < share;
	return stable % filter.denominator < Math.round(share * filter.denominator);
}

function grpcStatusOf(stream: StreamInfo): number {
	if (stream.grpcStatus >= 0) return stream.grpcStatus;
	const found =
		(stream.responseTrailers && getHeader(stream.responseTrailers, "grpc-status")) ??
		(stream.responseHeaders && getHeader(stream.responseHeaders, "grpc-status"));
	if (found !== undefined && /^\d+$/.test(found)) return Number(found);
	return stream.responseCode > 0 ? grpcStatusOfHttp(stream.responseCode) : 2;
}

function hasMetadata(stream: StreamInfo, namespace: string, path: readonly string[]): boolean {
	let value: unknown = stream.dynamicMetadata?.get(namespace);
	for (const key of path) {
		if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return false;
		value = (value as Record<string, unknown>)[key];
	}
	return value !== undefined;
}
