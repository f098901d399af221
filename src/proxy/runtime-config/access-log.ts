import { dirname } from "node:path";
import {
	type AccessLog,
	type ComparisonFilter,
	ComparisonFilter_Op,
	type ExtensionFilter,
	type AccessLogFilter as FilterMessage,
} from "../../api/gen/envoy/config/accesslog/v3/accesslog_pb.js";
import type { SubstitutionFormatString } from "../../api/gen/envoy/config/core/v3/substitution_format_string_pb.js";
import { AccessLogType } from "../../api/gen/envoy/data/accesslog/v3/accesslog_pb.js";
import type { FileAccessLog } from "../../api/gen/envoy/extensions/access_loggers/file/v3/file_pb.js";
import type { ExpressionFilter } from "../../api/gen/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.js";
import type {
	HttpGrpcAccessLogConfig,
	TcpGrpcAccessLogConfig,
} from "../../api/gen/envoy/extensions/access_loggers/grpc/v3/als_pb.js";
import type { OpenTelemetryAccessLogConfig } from "../../api/gen/envoy/extensions/access_loggers/open_telemetry/v3/logs_service_pb.js";
import type {
	StderrAccessLog,
	StdoutAccessLog,
} from "../../api/gen/envoy/extensions/access_loggers/stream/v3/stream_pb.js";
import type { AccessLogFilter, Comparison } from "../../engine/access-log/index.ts";
import {
	compileJsonFormat,
	defaultAccessLogFormat,
	type Formatter,
	type JsonFormat,
	parseResponseFlag,
} from "../../engine/format/index.ts";
import type { AccessLogConfig } from "./access-log-config.ts";
import { readGrpcAccessLog, readOpenTelemetryAccessLog } from "./access-log-services.ts";
import { readExpressionText } from "./expression.ts";
import { formatEnvironmentOf } from "./format-environment.ts";
import { readHeaderMatcher, readMetadataMatcher } from "./matchers.ts";
import type { Scope } from "./scope.ts";
import { readDataSourceNow, readFormat, readFraction, unpackExtension } from "./values.ts";

/** Translates a list of access logs. */
export function readAccessLogs(messages: readonly AccessLog[], scope: Scope, field: string): AccessLogConfig[] {
	return messages.flatMap((message, index) => readAccessLog(message, scope.at(field, index)) ?? []);
}

function readAccessLog(message: AccessLog, scope: Scope): AccessLogConfig | undefined {
	const at = scope.at("typed_config");
	const sink = unpackExtension(message.configType.value, at);
	const filter = message.filter === undefined ? undefined : readAccessLogFilter(message.filter, scope.at("filter"));
	const { name } = message;
	switch (sink?.$typeName) {
		case "envoy.extensions.access_loggers.file.v3.FileAccessLog": {
			const file = sink as FileAccessLog;
			if (file.path !== "" && scope.options.pathExists?.(dirname(file.path)) === false) {
				at.at("path").report(`unable to open file '${file.path}': there is no folder ${dirname(file.path)}`);
			}
			return {
				name,
				filter,
				formatter: maskTokens(readFileFormat(file, at), scope),
				sink: { kind: "file", path: file.path },
			};
		}
		case "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog":
			return {
				name,
				filter,
				formatter: maskTokens(readStreamFormat(sink as StdoutAccessLog, at), scope),
				sink: { kind: "stdout" },
			};
		case "envoy.extensions.access_loggers.stream.v3.StderrAccessLog":
			return {
				name,
				filter,
				formatter: maskTokens(readStreamFormat(sink as StderrAccessLog, at), scope),
				sink: { kind: "stderr" },
			};
		case "envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig":
		case "envoy.extensions.access_loggers.grpc.v3.TcpGrpcAccessLogConfig": {
			const service = readGrpcAccessLog(sink as HttpGrpcAccessLogConfig | TcpGrpcAccessLogConfig, at);
			return service === undefined ? undefined : { name, filter, formatter: nothing, sink: service };
		}
		case "envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig": {
			const service = readOpenTelemetryAccessLog(sink as OpenTelemetryAccessLogConfig, at);
			return service === undefined ? undefined : { name, filter, formatter: nothing, sink: service };
		}
		case undefined:
			return undefined;
		default:
			at.report(`access logger ${sink?.$typeName} is not supported`);
			return undefined;
	}
}

const nothing: Formatter = { literal: "", format: () => "" };

/** The environment variable that has access logs mask tokens: set for every proxy of a mesh of ours. */
const maskVariable = "AMIME_MASK_ACCESS_TOKENS";

/** Lines of a log without the tokens that requests may carry in their query (RFC 6750 section 2.3). Envoy writes them, and so does a proxy that
 *  is not told otherwise. */
function maskTokens(formatter: Formatter, { environment }: Scope): Formatter {
	if (formatter.literal !== undefined || environment.environment(maskVariable) !== "1") return formatter;
	return {
		literal: undefined,
		format(stream) {
			const text = formatter.format(stream);
			return text.includes("access_token=") ? text.replace(tokenInQuery, "$1[redacted]") : text;
		},
	};
}

const tokenInQuery = /([?&]access_token=)[^&#\s"\\]+/g;

function readFileFormat(message: FileAccessLog, scope: Scope): Formatter {
	const format = message.accessLogFormat;
	switch (format.case) {
		case "format":
			return readFormat(format.value === "" ? defaultAccessLogFormat : format.value, scope.at("format"));
		case "jsonFormat":
			return addLineEnd(readJsonFormat(format.value as JsonFormat, scope.at("json_format"), false));
		case "typedJsonFormat":
			return addLineEnd(readJsonFormat(format.value as JsonFormat, scope.at("typed_json_format"), false));
		case "logFormat":
			return readSubstitutionFormat(format.value, scope.at("log_format"));
		default:
			return readFormat(defaultAccessLogFormat, scope);
	}
}

function readStreamFormat(message: StdoutAccessLog | StderrAccessLog, scope: Scope): Formatter {
	const format = message.accessLogFormat;
	return format.case === "logFormat"
		? readSubstitutionFormat(format.value, scope.at("log_format"))
		: readFormat(defaultAccessLogFormat, scope);
}

/** Translates a `SubstitutionFormatString` of an access log or a local reply: JSON ends its line, as in Envoy. */
export function readSubstitutionFormat(message: SubstitutionFormatString, scope: Scope): Formatter {
	const { format, omitEmptyValues } = message;
	checkFormatters(message.formatters, scope);
	const missing = omitEmptyValues ? "" : "-";
	switch (format.case) {
		case "textFormat":
			return readFormat(format.value, scope.at("text_format"), missing);
		case "jsonFormat":
			return addLineEnd(readJsonFormat(format.value as JsonFormat, scope.at("json_format"), omitEmptyValues));
		case "textFormatSource": {
			const at = scope.at("text_format_source");
			const text = readDataSourceNow(format.value, at);
			return readFormat(Buffer.from(text ?? []).toString("utf8"), at, missing);
		}
		default:
			return readFormat("", scope, missing);
	}
}

/** Formats know every operator anyway; what is listed must be one of their extensions. */
const formatterTypes: ReadonlySet<string> = new Set([
	"envoy.extensions.formatter.cel.v3.Cel",
	"envoy.extensions.formatter.metadata.v3.Metadata",
	"envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery",
]);

function checkFormatters(messages: SubstitutionFormatString["formatters"], scope: Scope): void {
	for (const [index, { typedConfig }] of messages.entries()) {
		const at = scope.at("formatters", index).at("typed_config");
		const config = unpackExtension(typedConfig, at);
		if (config === undefined || formatterTypes.has(config.$typeName)) continue;
		at.report(`formatter ${config.$typeName} is not supported`);
	}
}

function readJsonFormat(format: JsonFormat, scope: Scope, omitEmpty: boolean): Formatter {
	const compiled = compileJsonFormat(format, {
		missing: omitEmpty ? "" : "-",
		environment: formatEnvironmentOf(scope),
	});
	if (compiled.ok) return compiled.value;
	scope.report(compiled.problem);
	return { literal: "", format: () => "" };
}

function addLineEnd(formatter: Formatter): Formatter {
	return { literal: undefined, format: (stream) => `${formatter.format(stream)}\n` };
}

/** Translates a filter of access logs and local replies. */
export function readAccessLogFilter(message: FilterMessage, scope: Scope): AccessLogFilter {
	const specifier = message.filterSpecifier;
	switch (specifier.case) {
		case "statusCodeFilter":
			return { kind: "status-code", comparison: readComparison(specifier.value.comparison) };
		case "durationFilter":
			return { kind: "duration", comparison: readComparison(specifier.value.comparison) };
		case "notHealthCheckFilter":
			return { kind: "not-health-check" };
		case "traceableFilter":
			return { kind: "traceable" };
		case "runtimeFilter": {
			const { runtimeKey, percentSampled, useIndependentRandomness } = specifier.value;
			return {
				kind: "runtime",
				...readFraction(percentSampled, runtimeKey),
				independentRandomness: useIndependentRandomness,
			};
		}
		case "andFilter":
		case "orFilter": {
			const kind = specifier.case === "andFilter" ? "and" : "or";
			const at = scope.at(`${kind}_filter`);
			return {
				kind,
				filters: specifier.value.filters.map((one, index) => readAccessLogFilter(one, at.at("filters", index))),
			};
		}
		case "headerFilter":
			return specifier.value.header === undefined
				? { kind: "and", filters: [] }
				: {
						kind: "header",
						matcher: readHeaderMatcher(specifier.value.header, scope.at("header_filter").at("header")),
					};
		case "responseFlagFilter":
			return { kind: "response-flag", flags: readFlags(specifier.value.flags, scope.at("response_flag_filter")) };
		case "grpcStatusFilter":
			return { kind: "grpc-status", statuses: specifier.value.statuses, exclude: specifier.value.exclude };
		case "metadataFilter": {
			const { matcher, matchIfKeyNotFound } = specifier.value;
			const at = scope.at("metadata_filter").at("matcher");
			if (matcher === undefined) return { kind: "and", filters: [] };
			return {
				kind: "metadata",
				matcher: readMetadataMatcher(matcher, at),
				matchIfKeyNotFound: matchIfKeyNotFound ?? true,
			};
		}
		case "extensionFilter":
			return readExtensionFilter(specifier.value, scope.at("extension_filter"));
		case "logTypeFilter":
			return {
				kind: "log-type",
				types: specifier.value.types.map((type) => AccessLogType[type] ?? ""),
				exclude: specifier.value.exclude,
			};
		default:
			return { kind: "and", filters: [] };
	}
}

function readExtensionFilter(message: ExtensionFilter, scope: Scope): AccessLogFilter {
	const at = scope.at("typed_config");
	const config = unpackExtension(message.configType.value, at);
	if (config?.$typeName === "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter") {
		const { expression } = config as ExpressionFilter;
		return { kind: "expression", expression: readExpressionText(expression, at.at("expression")) };
	}
	if (config !== undefined) at.report(`access log filter ${config.$typeName} is not supported`);
	return { kind: "or", filters: [] };
}

function readFlags(flags: readonly string[], scope: Scope): number {
	let bits = 0;
	for (const [index, flag] of flags.entries()) {
		const bit = parseResponseFlag(flag);
		if (bit === undefined) scope.at("flags", index).report(`unknown response flag ${flag}`);
		else bits |= bit;
	}
	return bits;
}

const operators: Readonly<Record<number, Comparison["operator"]>> = {
	[ComparisonFilter_Op.EQ]: "equal",
	[ComparisonFilter_Op.GE]: "greater-or-equal",
	[ComparisonFilter_Op.LE]: "less-or-equal",
	[ComparisonFilter_Op.NE]: "not-equal",
};

function readComparison(message: ComparisonFilter | undefined): Comparison {
	return {
		operator: operators[message?.op ?? ComparisonFilter_Op.EQ] ?? "equal",
		value: message?.value?.defaultValue ?? 0,
		runtimeKey: message?.value?.runtimeKey ?? "",
	};
}
