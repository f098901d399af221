import { randomUUID } from "node:crypto";
import { getHeader, type HeaderList } from "../../core/index.ts";
import { getQueryParameter } from "../matcher/match.ts";
import type { JsonValue } from "../matcher/metadata.ts";
import { addressOperators, portOperators } from "./address-operators.ts";
import type { CompiledFormat } from "./compile-format.ts";
import type { FormatEnvironment, Operator } from "./formatter.ts";
import { grpcStatusOfHttp, grpcStatusText } from "./grpc-status.ts";
import { filterStateOperator, metadataOf, metadataOperator } from "./metadata-operators.ts";
import { numeric, ok, type Read, text, wrong } from "./operator-kinds.ts";
import { formatLongResponseFlags, formatResponseFlags } from "./response-flags.ts";
import type { RequestHead, StreamInfo, TlsCertificate } from "./stream-info.ts";
import { compileTimeFormat, formatIsoTime } from "./time-format.ts";

/** Makes an operator; an unknown name or a wrong argument is a configuration error. */
export function createOperator(
	name: string,
	argument: string | undefined,
	maxLength: number | undefined,
	environment: FormatEnvironment,
): CompiledFormat<Operator> {
	const bare = textOperators[name] ?? addressOperators[name];
	const number = numberOperators[name];
	if (bare !== undefined || number !== undefined) {
		if (maxLength !== undefined || (hasText(argument) && name !== "RESPONSE_CODE_DETAILS")) {
			return wrong(`${name} does not take any parameters or length`);
		}
		return ok(bare !== undefined ? text(bare, undefined) : numeric(number!));
	}
	const parameterised = parameterisedOperators[name];
	if (parameterised === undefined) return wrong(`not supported field in a format: ${name}`);
	if (maxLength !== undefined && !cuttable.has(name)) return wrong(`${name} does not allow length to be specified`);
	return parameterised(argument, maxLength, environment);
}

/** Operators whose values may be cut to a length. */
const cuttable: ReadonlySet<string> = new Set(
	"REQ RESP TRAILER REQUEST_HEADER RESPONSE_HEADER RESPONSE_TRAILER STREAM_INFO_REQ REQ_WITHOUT_QUERY QUERY_PARAM QUERY_PARAMS PATH ENVIRONMENT DYNAMIC_METADATA CLUSTER_METADATA UPSTREAM_METADATA METADATA FILTER_STATE UPSTREAM_FILTER_STATE COALESCE CEL TYPED_CEL".split(
		" ",
	),
);

const known = (value: string): string | undefined => (value === "" ? undefined : value);
const since = (from: number, to: number): number | undefined =>
	from < 0 || to < 0 ? undefined : Math.floor(to - from);

const textOperators: Readonly<Record<string, Read<string>>> = {
	PROTOCOL: (stream) => known(stream.protocol),
	UPSTREAM_PROTOCOL: (stream) => known(stream.upstreamProtocol),
	// Who answers may say nothing of it, which is not the same as an answer that nobody gave.
	RESPONSE_CODE_DETAILS: (stream) => (stream.hasEmptyDetails === true ? "" : known(stream.responseCodeDetails)),
	// These two are never unknown: no flag is a dash, also where unknown values are left out.
	RESPONSE_FLAGS: (stream) => formatResponseFlags(stream.responseFlags, stream.earlyResponseFlags) || "-",
	RESPONSE_FLAGS_LONG: (stream) => formatLongResponseFlags(stream.responseFlags, stream.earlyResponseFlags) || "-",
	CONNECTION_TERMINATION_DETAILS: (stream) => known(stream.connectionTerminationDetails),
	LOCAL_REPLY_BODY: (stream) => stream.localReplyBody,
	ROUTE_NAME: (stream) => known(stream.routeName),
	VIRTUAL_CLUSTER_NAME: (stream) => known(stream.virtualClusterName),
	UPSTREAM_CLUSTER: (stream) => known(stream.upstreamClusterName),
	UPSTREAM_CLUSTER_RAW: (stream) => known(stream.upstreamClusterRawName),
	UPSTREAM_TRANSPORT_FAILURE_REASON: (stream) => known(stream.upstreamTransportFailureReason.replaceAll(" ", "_")),
	DOWNSTREAM_TRANSPORT_FAILURE_REASON: (stream) =>
		known((stream.downstreamTransportFailureReason || stream.connection.transportFailureReason).replaceAll(" ", "_")),
	FILTER_CHAIN_NAME: (stream) => known(stream.connection.filterChainName),
	STREAM_ID: (stream) => known(stream.streamId) ?? randomUUID(),
	TRACE_ID: (stream) => known(stream.traceId),
	SPAN_ID: (stream) => known(stream.spanId),
	UNIQUE_ID: () => randomUUID(),
	CUSTOM_FLAGS: () => "",
	LISTENER_NAME: (stream) => known(stream.connection.listenerName ?? ""),
	TLS_JA3_FINGERPRINT: (stream) => stream.connection.ja3,
	TLS_JA4_FINGERPRINT: (stream) => stream.connection.ja4,
	DOWNSTREAM_LOCAL_CLOSE_REASON: (stream) => stream.downstreamLocalCloseReason ?? stream.connection.localCloseReason,
	UPSTREAM_LOCAL_CLOSE_REASON: (stream) => stream.upstreamLocalCloseReason,
	DOWNSTREAM_DETECTED_CLOSE_TYPE: (stream) => stream.downstreamCloseType ?? "Normal",
	UPSTREAM_DETECTED_CLOSE_TYPE: (stream) =>
		stream.upstreamCloseType ?? (stream.upstreamHost === undefined ? undefined : "Normal"),
	ACCESS_LOG_TYPE: accessLogTypeOf,
};

const numberOperators: Readonly<Record<string, Read<number>>> = {
	...portOperators,
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
	DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED: (stream) => stream.requestHeaderBytes,
	DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT: (stream) => stream.responseHeaderBytes,
	UPSTREAM_HEADER_BYTES_SENT: (stream) => stream.upstreamHeaderBytesSent ?? 0,
	UPSTREAM_HEADER_BYTES_RECEIVED: (stream) => stream.upstreamHeaderBytesReceived ?? 0,
	UPSTREAM_DECOMPRESSED_HEADER_BYTES_SENT: (stream) => stream.upstreamHeaderBytesSent ?? 0,
	UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED: (stream) => stream.upstreamHeaderBytesReceived ?? 0,
	// The kernel knows; Node does not ask it.
	DOWNSTREAM_CX_RTT: () => 0,
	ROUTE_RESOLUTION_COUNT: (stream) => stream.routeResolutions ?? (stream.protocol === "" ? 0 : 1),
	ROUTE_RESOLUTION_TIME_US: () => 0,
	REQUEST_HEADERS_BYTES: countRequestBytes,
	RESPONSE_HEADERS_BYTES: (stream) =>
		stream.responseHeaders === undefined ? 0 : countBytes(stream.responseHeaders) + statusFieldBytes,
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
	UPSTREAM_CONNECTION_ID: (stream) => stream.upstreamConnectionId,
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
	REQUEST_HEADER: (argument, maxLength) => headerOperator("REQUEST_HEADER", argument, maxLength, readRequestHeader),
	STREAM_INFO_REQ: (argument, maxLength) => headerOperator("STREAM_INFO_REQ", argument, maxLength, readRequestHeader),
	RESP: (argument, maxLength) => headerOperator("RESP", argument, maxLength, readResponseHeader),
	RESPONSE_HEADER: (argument, maxLength) => headerOperator("RESPONSE_HEADER", argument, maxLength, readResponseHeader),
	TRAILER: (argument, maxLength) => headerOperator("TRAILER", argument, maxLength, readResponseTrailer),
	RESPONSE_TRAILER: (argument, maxLength) =>
		headerOperator("RESPONSE_TRAILER", argument, maxLength, readResponseTrailer),
	CEL: (argument, maxLength, environment) => expressionOperator(argument, maxLength, environment, false),
	TYPED_CEL: (argument, maxLength, environment) => expressionOperator(argument, maxLength, environment, true),
	COALESCE: coalesceOperator,
	QUERY_PARAMS: (argument, maxLength) => {
		if (argument !== undefined && argument !== "" && argument !== "ORIG" && argument !== "DECODED") {
			return wrong(`QUERY_PARAMS takes ORIG or DECODED, not ${argument}`);
		}
		return ok(text((stream) => readQuery(stream), maxLength));
	},
	...certificateTimeOperators(),
	QUERY_PARAM: (argument, maxLength) =>
		argument === undefined || argument === ""
			? wrong("QUERY_PARAM needs the name of a parameter")
			: ok(text((stream) => readQueryParameter(stream, argument), maxLength)),
	PATH: pathOperator,
	START_TIME: (argument, maxLength) => timeOperator(argument, maxLength, "utc", (stream) => stream.startWallMs),
	START_TIME_LOCAL: (argument, maxLength) => timeOperator(argument, maxLength, "local", (stream) => stream.startWallMs),
	EMIT_TIME: (argument, maxLength) => timeOperator(argument, maxLength, "utc", readEmitTime),
	EMIT_TIME_LOCAL: (argument, maxLength) => timeOperator(argument, maxLength, "local", readEmitTime),
	COMMON_DURATION: durationOperator,
	GRPC_STATUS: (argument) => {
		const form = argument || "CAMEL_STRING";
		if (form !== "CAMEL_STRING" && form !== "SNAKE_STRING" && form !== "NUMBER")
			return wrong(`GRPC_STATUS takes CAMEL_STRING, SNAKE_STRING or NUMBER, not ${form}`);
		if (form === "NUMBER") return ok(numeric(readGrpcStatus));
		return ok(text((stream) => grpcStatusText(readGrpcStatus(stream), form), undefined));
	},
	HOSTNAME: (argument, maxLength, environment) =>
		hasText(argument)
			? wrong("HOSTNAME does not take any parameters")
			: ok(text(() => known(environment.hostname) ?? "-", maxLength)),
	REQUESTED_SERVER_NAME: serverNameOperator,
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
		return metadataOperator(rest.join(":") || ":", maxLength, read);
	},
	FILTER_STATE: (argument, maxLength) => filterStateOperator(argument, maxLength, (stream) => stream.filterState),
	UPSTREAM_FILTER_STATE: (argument, maxLength) => filterStateOperator(argument, maxLength, () => undefined),
};

function certificateTimeOperators(): Record<string, Parameterised> {
	const operators: Record<string, Parameterised> = {};
	for (const side of ["DOWNSTREAM", "UPSTREAM"]) {
		const read = (stream: StreamInfo): TlsCertificate | undefined =>
			(side === "DOWNSTREAM" ? stream.connection.tls : stream.upstreamTls)?.peer;
		operators[`${side}_PEER_CERT_V_START`] = (argument) =>
			timeOperator(argument, undefined, "utc", (stream) => read(stream)?.validFromMs);
		operators[`${side}_PEER_CERT_V_END`] = (argument) =>
			timeOperator(argument, undefined, "utc", (stream) => read(stream)?.validToMs);
	}
	return operators;
}

/** `CEL(request.path)`: what an expression says of the stream. Only a typed one keeps its type in JSON. */
function expressionOperator(
	argument: string | undefined,
	maxLength: number | undefined,
	environment: FormatEnvironment,
	isTyped: boolean,
): CompiledFormat<Operator> {
	if (environment.compileExpression === undefined) return wrong("expressions are not supported in this format");
	const compiled = environment.compileExpression(argument ?? "");
	if (!compiled.ok) return compiled;
	const operator = text(compiled.value.text, maxLength);
	return ok(isTyped ? { text: operator.text, json: compiled.value.json } : operator);
}

/** `COALESCE({"operators": ["REQUEST_HEADER(x)", …]})`: the first that has a value. */
function coalesceOperator(
	argument: string | undefined,
	maxLength: number | undefined,
	environment: FormatEnvironment,
): CompiledFormat<Operator> {
	const listed = parseOperators(argument);
	if (listed === undefined) return wrong("COALESCE needs a JSON object with a list of operators");
	const operators: Operator[] = [];
	for (const { command, parameter, length } of listed) {
		const operator = createOperator(command, parameter, length, environment);
		if (!operator.ok) return operator;
		operators.push(operator.value);
	}
	const read = (stream: StreamInfo): string | undefined => {
		for (const operator of operators) {
			const value = operator.text(stream);
			if (value !== undefined) return value;
		}
		return undefined;
	};
	return ok(text(read, maxLength));
}

interface ListedOperator {
	readonly command: string;
	readonly parameter: string | undefined;
	readonly length: number | undefined;
}

function parseOperators(argument: string | undefined): ListedOperator[] | undefined {
	let parsed: unknown;
	try {
		parsed = JSON.parse(argument ?? "");
	} catch {
		return undefined;
	}
	const list =
		typeof parsed === "object" && parsed !== null ? (parsed as { operators?: unknown }).operators : undefined;
	if (!Array.isArray(list) || list.length === 0) return undefined;
	return list.flatMap((entry: unknown): ListedOperator[] => {
		if (typeof entry === "string") return [{ command: entry, parameter: undefined, length: undefined }];
		const { command, param, max_length } = entry as { command?: unknown; param?: unknown; max_length?: unknown };
		return [
			{
				command: String(command ?? ""),
				parameter: typeof param === "string" ? param : undefined,
				length: typeof max_length === "number" ? max_length : undefined,
			},
		];
	});
}

function readEmitTime(stream: StreamInfo): number {
	return stream.startWallMs + Math.max(0, stream.endedAt - stream.startedAt);
}

function readQuery(stream: StreamInfo): string | undefined {
	const path = stream.request?.path ?? "";
	const start = path.indexOf("?");
	return start === -1 ? undefined : known(path.slice(start + 1).replace(/#.*$/, ""));
}

function readQueryParameter(stream: StreamInfo, name: string): string | undefined {
	const value = stream.request === undefined ? undefined : getQueryParameter(stream.request.path, name);
	if (value === undefined || !value.includes("%")) return value;
	try {
		return decodeURIComponent(value);
	} catch {
		return value;
	}
}

const headerName = /^:?[\w!#$&'*+.^`|~-]*$/;

function hasText(argument: string | undefined): argument is string {
	return argument !== undefined && argument !== "";
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
	if (names.some((name) => !headerName.test(name))) return wrong(`${operator}: invalid characters in ${argument}`);
	if (alternative === undefined) return ok(text((stream) => read(stream, main), maxLength));
	return ok(text((stream) => read(stream, main) ?? read(stream, alternative), maxLength));
}

/** `REQUESTED_SERVER_NAME(which:whose)`: the name that TLS asked for, or the host that the request did, before or after rewrites. */
function serverNameOperator(argument: string | undefined, maxLength: number | undefined): CompiledFormat<Operator> {
	if (maxLength !== undefined) return wrong("REQUESTED_SERVER_NAME does not allow length to be specified");
	const [which = "SNI_ONLY", whose = "ORIG_OR_HOST"] = hasText(argument) ? argument.split(":") : [];
	if (which !== "SNI_ONLY" && which !== "SNI_FIRST" && which !== "HOST_FIRST")
		return wrong(`REQUESTED_SERVER_NAME takes SNI_ONLY, SNI_FIRST or HOST_FIRST, not ${which}`);
	if (whose !== "ORIG" && whose !== "HOST" && whose !== "ORIG_OR_HOST")
		return wrong(`REQUESTED_SERVER_NAME takes ORIG, HOST or ORIG_OR_HOST, not ${whose}`);
	const asked = (stream: StreamInfo): string | undefined => known(stream.connection.serverName);
	const host = (stream: StreamInfo): string | undefined => {
		const original = whose === "HOST" ? undefined : readHeader(stream.request?.headers, "x-envoy-original-host");
		return original ?? (whose === "ORIG" ? undefined : known(stream.request?.authority ?? ""));
	};
	if (which === "SNI_ONLY") return ok(text(asked, undefined));
	if (which === "SNI_FIRST") return ok(text((stream) => asked(stream) ?? host(stream), undefined));
	return ok(text((stream) => host(stream) ?? asked(stream), undefined));
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
	read: (stream: StreamInfo) => number | undefined,
): CompiledFormat<Operator> {
	if (argument !== undefined && /%[-_0^#]*[1-9]*[EO]?n/.test(argument)) {
		return wrong("invalid header configuration: the time format contains a line end");
	}
	const isDefault = argument === undefined || argument === "";
	const format =
		isDefault && zone === "utc"
			? formatIsoTime
			: compileTimeFormat(isDefault ? "%Y-%m-%dT%H:%M:%S.%3f%z" : argument, zone);
	if (format === undefined) return wrong(`invalid time format: ${argument}`);
	return ok(
		text((stream) => {
			const time = read(stream);
			return time === undefined ? undefined : format(time);
		}, maxLength),
	);
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

const neverKnown = (): number => -1;

function durationOperator(argument: string | undefined): CompiledFormat<Operator> {
	const [start, end, precision = "ms"] = (argument ?? "").split(":");
	if (start === undefined || end === undefined)
		return wrong(`invalid common duration configuration: ${argument ?? ""}`);
	const from = timePoints[start] ?? neverKnown;
	const to = timePoints[end] ?? neverKnown;
	const factor = { ms: 1, us: 1000, ns: 1_000_000 }[precision];
	if (factor === undefined) return wrong(`COMMON_DURATION takes ms, us or ns, not ${precision}`);
	return ok(
		numeric((stream) => {
			const first = from(stream);
			const last = to(stream);
			return first < 0 || last < first ? undefined : Math.floor((last - first) * factor);
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

function readResponseTrailer(stream: StreamInfo, name: string): string | undefined {
	return readHeader(stream.responseTrailers, name);
}

function readHeader(headers: HeaderList | undefined, name: string): string | undefined {
	return headers === undefined ? undefined : getHeader(headers, name);
}

/** Only of gRPC's requests; an answer that says none has the one that its HTTP status stands for. */
function readGrpcStatus(stream: StreamInfo): number | undefined {
	const type = readHeader(stream.request?.headers, "content-type");
	if (type === undefined || !/^application\/grpc($|\+)/.test(type)) return undefined;
	if (stream.grpcStatus >= 0) return stream.grpcStatus;
	const found = readHeader(stream.responseTrailers, "grpc-status") ?? readHeader(stream.responseHeaders, "grpc-status");
	// What is no number is -1, as Envoy shows it.
	if (found !== undefined && found !== "") return /^\d+$/.test(found) ? Number(found) : -1;
	return stream.responseCode === 0 ? undefined : grpcStatusOfHttp(stream.responseCode);
}

/** What the entry is written for. */
export function accessLogTypeOf(stream: StreamInfo): string {
	return stream.accessLogType ?? (stream.protocol === "" ? "TcpConnectionEnd" : "DownstreamEnd");
}

function withoutQuery(path: string | undefined): string | undefined {
	if (path === undefined) return undefined;
	const end = path.search(/[?#]/);
	return end === -1 ? path : path.slice(0, end);
}

/** `:status` and its three digits. */
const statusFieldBytes = 10;

function countRequestBytes({ request }: StreamInfo): number {
	if (request === undefined) return 0;
	const { method, path, authority, scheme } = request;
	let bytes = countBytes(request.headers);
	if (method !== "") bytes += 7 + method.length;
	if (path !== "") bytes += 5 + path.length;
	if (authority !== "") bytes += 10 + authority.length;
	if (scheme !== "") bytes += 7 + scheme.length;
	return bytes;
}

function countBytes(headers: HeaderList | undefined): number {
	return headers === undefined ? 0 : headers.reduce((sum, part) => sum + part.length, 0);
}
