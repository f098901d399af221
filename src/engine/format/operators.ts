import { getHeader, type HeaderList } from "../../core/index.ts";
import { getQueryParameter } from "../matcher/match.ts";
import type { JsonValue, Metadata } from "../matcher/metadata.ts";
import { addressOperators } from "./address-operators.ts";
import type { CompiledFormat } from "./compile-format.ts";
import type { FormatEnvironment, Operator } from "./formatter.ts";
import { grpcStatusText } from "./grpc-status.ts";
import { formatLongResponseFlags, formatResponseFlags } from "./response-flags.ts";
import type { RequestHead, StreamInfo } from "./stream-info.ts";
import { compileTimeFormat, formatIsoTime } from "./time-format.ts";

type Read<T> = (stream: StreamInfo) => T | undefined;

/** Makes an operator; an unknown name or a wrong argument is a configuration error. */
export function createOperator(
	name: string,
	argument: string | undefined,
	maxLength: number | undefined,
	environment: FormatEnvironment,
): CompiledFormat<Operator> {
	const simple = textOperators[name] ?? addressOperators[name];
	if (simple !== undefined) {
		if (argument !== undefined && name !== "RESPONSE_CODE_DETAILS") return wrong(`${name} takes no argument`);
		return ok(text(simple, maxLength));
	}
	const number = numberOperators[name];
	if (number !== undefined) return argument === undefined ? ok(numeric(number)) : wrong(`${name} takes no argument`);
	const parameterised = parameterisedOperators[name];
	if (parameterised === undefined) return wrong(`not supported field in a format: ${name}`);
	return parameterised(argument, maxLength, environment);
}

const known = (value: string): string | undefined => (value === "" ? undefined : value);
const since = (from: number, to: number): number | undefined =>
	from < 0 || to < 0 ? undefined : Math.floor(to - from);

const textOperators: Readonly<Record<string, Read<string>>> = {
	PROTOCOL: (stream) => known(stream.protocol),
	UPSTREAM_PROTOCOL: (stream) => known(stream.upstreamProtocol),
	RESPONSE_CODE_DETAILS: (stream) => known(stream.responseCodeDetails),
	// These two are never unknown: no flag is a dash, also where unknown values are left out.
	RESPONSE_FLAGS: (stream) => formatResponseFlags(stream.responseFlags, stream.earlyResponseFlags) || "-",
	RESPONSE_FLAGS_LONG: (stream) => formatLongResponseFlags(stream.responseFlags, stream.earlyResponseFlags) || "-",
	CONNECTION_TERMINATION_DETAILS: (stream) => known(stream.connectionTerminationDetails),
	LOCAL_REPLY_BODY: (stream) => stream.localReplyBody,
	ROUTE_NAME: (stream) => known(stream.routeName),
	VIRTUAL_CLUSTER_NAME: (stream) => known(stream.virtualClusterName),
	UPSTREAM_CLUSTER: (stream) => known(stream.upstreamClusterName),
	UPSTREAM_CLUSTER_RAW: (stream) => known(stream.upstreamClusterRawName),
	UPSTREAM_TRANSPORT_FAILURE_REASON: (stream) => known(stream.upstreamTransportFailureReason),
	DOWNSTREAM_TRANSPORT_FAILURE_REASON: (stream) =>
		known(stream.downstreamTransportFailureReason) ?? known(stream.connection.transportFailureReason),
	REQUESTED_SERVER_NAME: (stream) => known(stream.connection.serverName),
	FILTER_CHAIN_NAME: (stream) => known(stream.connection.filterChainName),
	STREAM_ID: (stream) => known(stream.streamId),
	TRACE_ID: (stream) => known(stream.traceId),
	SPAN_ID: (stream) => known(stream.spanId),
	UNIQUE_ID: (stream) => known(stream.streamId),
	CUSTOM_FLAGS: () => undefined,
	ACCESS_LOG_TYPE: (stream) => (stream.request === undefined ? "TcpConnectionEnd" : "DownstreamEnd"),
};

const numberOperators: Readonly<Record<string, Read<number>>> = {
	RESPONSE_CODE: (stream) => stream.responseCode,
	BYTES_RECEIVED: (stream) => stream.bytesReceived,
	BYTES_SENT: (stream) => stream.bytesSent,
	BYTES_RETRANSMITTED: () => 0,
	PACKETS_RETRANSMITTED: () => 0,
	UPSTREAM_WIRE_BYTES_SENT: (stream) => stream.upstreamWireBytesSent,
	UPSTREAM_WIRE_BYTES_RECEIVED: (stream) => stream.upstreamWireBytesReceived,
	DOWNSTREAM_WIRE_BYTES_SENT: (stream) => stream.downstreamWireBytesSent,
	DOWNSTREAM_WIRE_BYTES_RECEIVED: (stream) => stream.downstreamWireBytesReceived,
	DOWNSTREAM_HEADER_BYTES_RECEIVED: (stream) => stream.requestHeaderBytes,
	DOWNSTREAM_HEADER_BYTES_SENT: (stream) => stream.responseHeaderBytes,
	REQUEST_HEADERS_BYTES: (stream) => stream.requestHeaderBytes,
	RESPONSE_HEADERS_BYTES: (stream) => stream.responseHeaderBytes,
	RESPONSE_TRAILERS_BYTES: (stream) => countBytes(stream.responseTrailers),
	DURATION: (stream) => since(stream.startedAt, stream.endedAt),
	REQUEST_DURATION: (stream) => since(stream.startedAt, stream.requestReceivedAt),
	REQUEST_TX_DURATION: (stream) => since(stream.startedAt, stream.upstreamLastSentAt),
	RESPONSE_DURATION: (stream) => since(stream.startedAt, stream.upstreamFirstReceivedAt),
	RESPONSE_TX_DURATION: (stream) => since(stream.upstreamFirstReceivedAt, stream.downstreamLastSentAt),
	DOWNSTREAM_HANDSHAKE_DURATION: () => undefined,
	ROUNDTRIP_DURATION: () => undefined,
	UPSTREAM_CONNECTION_POOL_READY_DURATION: (stream) => since(stream.startedAt, stream.upstreamFirstSentAt),
	CONNECTION_ID: (stream) => stream.connection.id,
	UPSTREAM_CONNECTION_ID: (stream) => (stream.upstreamConnectionId === 0 ? undefined : stream.upstreamConnectionId),
	UPSTREAM_REQUEST_ATTEMPT_COUNT: (stream) => stream.attemptCount,
	GRPC_STATUS_NUMBER: (stream) => readGrpcStatus(stream),
};

type Parameterised = (
	argument: string | undefined,
	maxLength: number | undefined,
	environment: FormatEnvironment,
) => CompiledFormat<Operator>;

const parameterisedOperators: Readonly<Record<string, Parameterised>> = {
	REQ: (argument, maxLength) => headerOperator("REQ", argument, maxLength, readRequestHeader),
	REQ_WITHOUT_QUERY: (argument, maxLength) =>
		headerOperator("REQ_WITHOUT_QUERY", argument, maxLength, (stream, name) =>
			withoutQuery(readRequestHeader(stream, name)),
		),
	RESP: (argument, maxLength) => headerOperator("RESP", argument, maxLength, readResponseHeader),
	TRAILER: (argument, maxLength) =>
		headerOperator("TRAILER", argument, maxLength, (stream, name) => readHeader(stream.responseTrailers, name)),
	QUERY_PARAM: (argument, maxLength) =>
		argument === undefined || argument === ""
			? wrong("QUERY_PARAM needs the name of a parameter")
			: ok(
					text(
						(stream) => (stream.request === undefined ? undefined : getQueryParameter(stream.request.path, argument)),
						maxLength,
					),
				),
	PATH: pathOperator,
	START_TIME: (argument, maxLength) => timeOperator(argument, maxLength, "utc", (stream) => stream.startWallMs),
	START_TIME_LOCAL: (argument, maxLength) => timeOperator(argument, maxLength, "local", (stream) => stream.startWallMs),
	EMIT_TIME: (argument, maxLength) =>
		timeOperator(
			argument,
			maxLength,
			"utc",
			(stream) => stream.startWallMs + Math.max(0, stream.endedAt - stream.startedAt),
		),
	COMMON_DURATION: durationOperator,
	GRPC_STATUS: (argument) => {
		const form = argument ?? "CAMEL_STRING";
		if (form !== "CAMEL_STRING" && form !== "SNAKE_STRING" && form !== "NUMBER")
			return wrong(`GRPC_STATUS takes CAMEL_STRING, SNAKE_STRING or NUMBER, not ${form}`);
		if (form === "NUMBER") return ok(numeric(readGrpcStatus));
		return ok(text((stream) => grpcStatusText(readGrpcStatus(stream), form), undefined));
	},
	HOSTNAME: (_argument, maxLength, environment) => ok(text(() => known(environment.hostname) ?? "-", maxLength)),
	ENVIRONMENT: (argument, maxLength, environment) => {
		if (argument === undefined || argument === "") return wrong("ENVIRONMENT needs the name of a variable");
		const value = environment.environment(argument) ?? "-";
		return ok(text(() => value, maxLength));
	},
	DYNAMIC_METADATA: (argument, maxLength) =>
		metadataOperator(
			argument,
			maxLength,
			(stream, namespace) => stream.dynamicMetadata?.get(namespace) as JsonValue | undefined,
		),
	CLUSTER_METADATA: (argument, maxLength) =>
		metadataOperator(argument, maxLength, (stream, namespace) => stream.upstreamClusterMetadata[namespace]),
	UPSTREAM_METADATA: (argument, maxLength) =>
		metadataOperator(argument, maxLength, (stream, namespace) => stream.upstreamHost?.metadata[namespace]),
	METADATA: (argument, maxLength) => {
		const [type, ...rest] = (argument ?? "").split(":");
		const read = metadataOf[type ?? ""];
		if (read === undefined)
			return wrong(`METADATA of ${type}: the type is one of ${Object.keys(metadataOf).join(", ")}`);
		return metadataOperator(rest.join(":"), maxLength, read);
	},
	FILTER_STATE: (argument, maxLength) => {
		const [key, form = "TYPED"] = (argument ?? "").split(":");
		if (key === undefined || key === "") return wrong("FILTER_STATE needs a key");
		if (form !== "TYPED" && form !== "PLAIN" && form !== "FIELD")
			return wrong(`FILTER_STATE takes PLAIN, TYPED or FIELD, not ${form}`);
		return ok(jsonOperator((stream) => stream.filterState?.get(key) as JsonValue | undefined, maxLength));
	},
};

const metadataOf: Readonly<Record<string, (stream: StreamInfo, namespace: string) => JsonValue | undefined>> = {
	DYNAMIC: (stream, namespace) => stream.dynamicMetadata?.get(namespace) as JsonValue | undefined,
	CLUSTER: (stream, namespace) => fromMetadata(stream.upstreamClusterMetadata, namespace),
	ROUTE: (stream, namespace) => fromMetadata(stream.routeMetadata, namespace),
	UPSTREAM_HOST: (stream, namespace) => fromMetadata(stream.upstreamHost?.metadata, namespace),
	LISTENER: (stream, namespace) => fromMetadata(stream.connection.listenerMetadata, namespace),
};

function fromMetadata(metadata: Metadata | undefined, namespace: string): JsonValue | undefined {
	return metadata?.[namespace];
}

function metadataOperator(
	argument: string | undefined,
	maxLength: number | undefined,
	read: (stream: StreamInfo, namespace: string) => JsonValue | undefined,
): CompiledFormat<Operator> {
	const [namespace, ...path] = (argument ?? "").split(":");
	if (namespace === undefined || namespace === "") return wrong("a metadata operator needs a namespace");
	return ok(
		jsonOperator((stream) => {
			let value = read(stream, namespace);
			for (const key of path) {
				if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
				value = (value as Record<string, JsonValue>)[key];
			}
			return value ?? undefined;
		}, maxLength),
	);
}

function headerOperator(
	operator: string,
	argument: string | undefined,
	maxLength: number | undefined,
	read: (stream: StreamInfo, name: string) => string | undefined,
): CompiledFormat<Operator> {
	const names = (argument ?? "").toLowerCase().split("?");
	const [main, alternative] = names;
	if (main === undefined || (main === "" && alternative === undefined))
		return wrong(`${operator} needs the name of a header`);
	if (names.length > 2) return wrong(`${operator} takes at most one alternative header: ${argument}`);
	if (alternative === undefined) return ok(text((stream) => read(stream, main), maxLength));
	return ok(text((stream) => read(stream, main) ?? read(stream, alternative), maxLength));
}

function pathOperator(argument: string | undefined, maxLength: number | undefined): CompiledFormat<Operator> {
	const [query = "WQ", which = "ORIG_OR_PATH"] = argument === undefined || argument === "" ? [] : argument.split(":");
	if (query !== "WQ" && query !== "NQ") return wrong(`PATH takes WQ or NQ, not ${query}`);
	if (which !== "ORIG" && which !== "PATH" && which !== "ORIG_OR_PATH")
		return wrong(`PATH takes ORIG, PATH or ORIG_OR_PATH, not ${which}`);
	return ok(
		text((stream) => {
			const original = which === "PATH" ? undefined : readHeader(stream.request?.headers, "x-envoy-original-path");
			const path = original ?? (which === "ORIG" ? undefined : known(stream.request?.path ?? ""));
			return query === "NQ" ? withoutQuery(path) : path;
		}, maxLength),
	);
}

function timeOperator(
	argument: string | undefined,
	maxLength: number | undefined,
	zone: "utc" | "local",
	read: (stream: StreamInfo) => number,
): CompiledFormat<Operator> {
	const isDefault = argument === undefined || argument === "";
	const format =
		isDefault && zone === "utc"
			? formatIsoTime
			: compileTimeFormat(isDefault ? "%Y-%m-%dT%H:%M:%S.%3f%z" : argument, zone);
	if (format === undefined) return wrong(`invalid time format: ${argument}`);
	return ok(text((stream) => format(read(stream)), maxLength));
}

const timePoints: Readonly<Record<string, (stream: StreamInfo) => number>> = {
	DS_RX_BEG: (stream) => stream.startedAt,
	DS_RX_END: (stream) => stream.requestReceivedAt,
	US_CX_BEG: (stream) => stream.upstreamConnectStartAt,
	US_CX_END: (stream) => stream.upstreamConnectedAt,
	US_HS_END: (stream) => stream.upstreamHandshakeAt,
	US_TX_BEG: (stream) => stream.upstreamFirstSentAt,
	US_TX_END: (stream) => stream.upstreamLastSentAt,
	US_RX_BEG: (stream) => stream.upstreamFirstReceivedAt,
	US_RX_BODY_BEG: (stream) => stream.upstreamFirstReceivedAt,
	US_RX_END: (stream) => stream.upstreamLastReceivedAt,
	DS_TX_BEG: (stream) => stream.downstreamFirstSentAt,
	DS_TX_END: (stream) => stream.downstreamLastSentAt,
};

function durationOperator(argument: string | undefined): CompiledFormat<Operator> {
	const [start, end, precision = "ms"] = (argument ?? "").split(":");
	const from = timePoints[start ?? ""];
	const to = timePoints[end ?? ""];
	if (from === undefined || to === undefined)
		return wrong(`COMMON_DURATION needs two time points of ${Object.keys(timePoints).join(", ")}`);
	const factor = { ms: 1, us: 1000, ns: 1_000_000 }[precision];
	if (factor === undefined) return wrong(`COMMON_DURATION takes ms, us or ns, not ${precision}`);
	return ok(
		numeric((stream) => {
			const first = from(stream);
			const last = to(stream);
			return first < 0 || last < 0 ? undefined : Math.floor((last - first) * factor);
		}),
	);
}

function readRequestHeader(stream: StreamInfo, name: string): string | undefined {
	const { request } = stream;
	if (request === undefined) return undefined;
	if (name.charCodeAt(0) === 58 || name === "host") return readPseudoHeader(request, name);
	return getHeader(request.headers, name);
}

function readPseudoHeader(request: RequestHead, name: string): string | undefined {
	switch (name) {
		case ":method":
			return known(request.method);
		case ":path":
			return known(request.path);
		case ":authority":
		case "host":
			return known(request.authority);
		case ":scheme":
			return known(request.scheme);
		default:
			return undefined;
	}
}

function readResponseHeader(stream: StreamInfo, name: string): string | undefined {
	if (name === ":status") return stream.responseCode === 0 ? undefined : String(stream.responseCode);
	return readHeader(stream.responseHeaders, name);
}

function readHeader(headers: HeaderList | undefined, name: string): string | undefined {
	return headers === undefined ? undefined : getHeader(headers, name);
}

function readGrpcStatus(stream: StreamInfo): number | undefined {
	if (stream.grpcStatus >= 0) return stream.grpcStatus;
	const found = readHeader(stream.responseTrailers, "grpc-status") ?? readHeader(stream.responseHeaders, "grpc-status");
	return found !== undefined && /^\d+$/.test(found) ? Number(found) : undefined;
}

function withoutQuery(path: string | undefined): string | undefined {
	if (path === undefined) return undefined;
	const end = path.search(/[?#]/);
	return end === -1 ? path : path.slice(0, end);
}

function countBytes(headers: HeaderList | undefined): number {
	return headers === undefined ? 0 : headers.reduce((sum, part) => sum + part.length, 0);
}

function text(read: Read<string>, maxLength: number | undefined): Operator {
	if (maxLength === undefined) return { text: read, json: read };
	const cut: Read<string> = (stream) => read(stream)?.slice(0, maxLength);
	return { text: cut, json: cut };
}

function numeric(read: Read<number>): Operator {
	return { text: (stream) => read(stream)?.toString(), json: read };
}

function jsonOperator(read: Read<JsonValue>, maxLength: number | undefined): Operator {
	const format: Read<string> = (stream) => {
		const value = read(stream);
		if (value === undefined) return undefined;
		return (typeof value === "string" ? value : JSON.stringify(value)).slice(0, maxLength);
	};
	return { text: format, json: read };
}

function ok(operator: Operator): CompiledFormat<Operator> {
	return { ok: true, value: operator };
}

function wrong(problem: string): { readonly ok: false; readonly problem: string } {
	return { ok: false, problem };
}
