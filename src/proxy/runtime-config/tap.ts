import type {
	HttpGenericBodyMatch,
	HttpHeadersMatch,
	MatchPredicate,
} from "../../api/gen/envoy/config/common/matcher/v3/matcher_pb.js";
import type {
	HttpGenericBodyMatch as OldBodyMatch,
	MatchPredicate as OldPredicate,
	OutputSink,
	TapConfig as TapMessage,
} from "../../api/gen/envoy/config/tap/v3/common_pb.js";
import { OutputSink_Format } from "../../api/gen/envoy/config/tap/v3/common_pb.js";
import type { Tap } from "../../api/gen/envoy/extensions/filters/http/tap/v3/tap_pb.js";
import type { MessagePredicate } from "../../engine/matcher/index.ts";
import type { RuntimeFraction } from "../../engine/runtime/index.ts";
import { readHeaderMatchers } from "./matchers.ts";
import type { Scope } from "./scope.ts";
import { readRuntimeFraction, toMs } from "./values.ts";

/** How traces are written. */
export type TapFormat = "json-bytes" | "json-string" | "binary" | "binary-delimited" | "text";

/** `envoy.config.tap.v3.TapConfig`: what is recorded, and where it goes. */
export interface TapConfig {
	readonly match: MessagePredicate;
	/** Of the requests, those that are looked at; undefined for all. */
	readonly enabled: RuntimeFraction | undefined;
	/** Bytes of a body; of each piece where traces are streamed. 1 KiB by default. */
	readonly maxRequestBytes: number;
	readonly maxResponseBytes: number;
	/** Whether parts of messages go out as they come, instead of one trace at the end. */
	readonly streaming: boolean;
	readonly format: TapFormat;
	readonly sink: TapSinkConfig;
}

export type TapSinkConfig =
	| { readonly kind: "streaming-admin" }
	| { readonly kind: "buffered-admin"; readonly maxTraces: number /** 0 for none. */; readonly timeoutMs: number }
	| { readonly kind: "file"; readonly pathPrefix: string };

/** `envoy.extensions.filters.http.tap.v3.Tap`. */
export interface TapFilterConfig {
	readonly source:
		| { readonly kind: "admin"; readonly configId: string }
		| { readonly kind: "static"; readonly config: TapConfig };
	readonly recordsReceivedTime: boolean;
	readonly recordsDownstream: boolean;
	readonly recordsUpstream: boolean;
}

const defaultBodyBytes = 1024;

export function readTap(message: Tap, scope: Scope): TapFilterConfig | undefined {
	const at = scope.at("common_config");
	const type = message.commonConfig?.configType;
	const records = {
		recordsReceivedTime: message.recordHeadersReceivedTime,
		recordsDownstream: message.recordDownstreamConnection,
		recordsUpstream: message.recordUpstreamConnection,
	};
	if (type?.case === "adminConfig") return { ...records, source: { kind: "admin", configId: type.value.configId } };
	if (type?.case !== "staticConfig") return undefined;
	const config = readTapConfig(type.value, at.at("static_config"), "static");
	return config === undefined ? undefined : { ...records, source: { kind: "static", config } };
}

/** @param place where the config came from: only the admin port can be answered with traces */
export function readTapConfig(message: TapMessage, scope: Scope, place: "static" | "admin"): TapConfig | undefined {
	const { outputConfig } = message;
	const output = scope.at("output_config");
	const [sinkMessage] = outputConfig?.sinks ?? [];
	const sink = sinkMessage === undefined ? undefined : readSink(sinkMessage, output.at("sinks", 0), place);
	const predicate = message.match ?? message.matchConfig;
	if (predicate === undefined) scope.at("match").report("neither match nor match_config is set");
	const match =
		predicate === undefined
			? undefined
			: readPredicate(predicate, scope.at(message.match === undefined ? "match_config" : "match"));
	if (outputConfig === undefined || sinkMessage === undefined || sink === undefined || match === undefined)
		return undefined;
	return {
		match,
		enabled: readRuntimeFraction(message.tapEnabled),
		maxRequestBytes: outputConfig.maxBufferedRxBytes ?? defaultBodyBytes,
		maxResponseBytes: outputConfig.maxBufferedTxBytes ?? defaultBodyBytes,
		streaming: outputConfig.streaming,
		format: formats[sinkMessage.format] ?? "json-bytes",
		sink,
	};
}

const formats: Readonly<Record<OutputSink_Format, TapFormat>> = {
	[OutputSink_Format.JSON_BODY_AS_BYTES]: "json-bytes",
	[OutputSink_Format.JSON_BODY_AS_STRING]: "json-string",
	[OutputSink_Format.PROTO_BINARY]: "binary",
	[OutputSink_Format.PROTO_BINARY_LENGTH_DELIMITED]: "binary-delimited",
	[OutputSink_Format.PROTO_TEXT]: "text",
};

/** Formats of which one can tell where a trace ends. */
const adminFormats: ReadonlySet<TapFormat> = new Set(["json-bytes", "json-string", "binary-delimited"]);

function readSink(message: OutputSink, scope: Scope, place: "static" | "admin"): TapSinkConfig | undefined {
	const { outputSinkType: type } = message;
	switch (type.case) {
		case "filePerTap":
			return { kind: "file", pathPrefix: type.value.pathPrefix };
		case "streamingAdmin":
		case "bufferedAdmin": {
			if (place === "static")
				scope.report("traces go to the admin port only where it was asked for them (admin_config)");
			if (!adminFormats.has(formats[message.format]))
				scope.at("format").report("the admin port shows JSON and length-delimited messages only");
			if (type.case === "streamingAdmin") return { kind: "streaming-admin" };
			return {
				kind: "buffered-admin",
				maxTraces: Number(type.value.maxTraces),
				timeoutMs: toMs(type.value.timeout, 0),
			};
		}
		default:
			// The table of supported fields reports the others.
			return undefined;
	}
}

function readPredicate({ rule }: MatchPredicate | OldPredicate, scope: Scope): MessagePredicate {
	switch (rule.case) {
		case "orMatch":
		case "andMatch": {
			const [kind, field] = rule.case === "orMatch" ? (["or", "or_match"] as const) : (["and", "and_match"] as const);
			const at = scope.at(field);
			return { kind, rules: rule.value.rules.map((one, index) => readPredicate(one, at.at("rules", index))) };
		}
		case "notMatch":
			return { kind: "not", rule: readPredicate(rule.value, scope.at("not_match")) };
		case "httpRequestHeadersMatch":
			return { kind: "request-headers", headers: readFields(rule.value, scope.at("http_request_headers_match")) };
		case "httpRequestTrailersMatch":
			return { kind: "request-trailers", headers: readFields(rule.value, scope.at("http_request_trailers_match")) };
		case "httpResponseHeadersMatch":
			return { kind: "response-headers", headers: readFields(rule.value, scope.at("http_response_headers_match")) };
		case "httpResponseTrailersMatch":
			return { kind: "response-trailers", headers: readFields(rule.value, scope.at("http_response_trailers_match")) };
		case "httpRequestGenericBodyMatch":
			return { kind: "request-body", ...readBodyMatch(rule.value) };
		case "httpResponseGenericBodyMatch":
			return { kind: "response-body", ...readBodyMatch(rule.value) };
		default:
			return { kind: "any" };
	}
}

function readFields({ headers }: Pick<HttpHeadersMatch, "headers">, scope: Scope) {
	return readHeaderMatchers(headers, scope, "headers");
}

function readBodyMatch({ bytesLimit, patterns }: HttpGenericBodyMatch | OldBodyMatch) {
	return {
		limitBytes: bytesLimit,
		patterns: patterns.map(({ rule }) =>
			rule.case === "stringMatch" ? Buffer.from(rule.value, "utf8") : Buffer.from(rule.value ?? []),
		),
	};
}
