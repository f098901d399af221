import type { TypedExtensionConfig } from "../../api/gen/envoy/config/core/v3/extension_pb.js";
import {
	type HttpConnectionManager,
	HttpConnectionManager_CodecType,
	HttpConnectionManager_ForwardClientCertDetails,
	HttpConnectionManager_PathWithEscapedSlashesAction,
	HttpConnectionManager_ServerHeaderTransformation,
	type LocalReplyConfig as LocalReplyMessage,
	type ResponseMapper,
} from "../../api/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { HeaderMutation } from "../../api/gen/envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation_pb.js";
import type { CustomHeaderConfig } from "../../api/gen/envoy/extensions/http/original_ip_detection/custom_header/v3/custom_header_pb.js";
import type { XffConfig } from "../../api/gen/envoy/extensions/http/original_ip_detection/xff/v3/xff_pb.js";
import {
	type UuidRequestIdConfig,
	UuidRequestIdConfigSchema,
} from "../../api/gen/envoy/extensions/request_id/uuid/v3/uuid_pb.js";
import { unpackAny } from "../../api/index.ts";
import type { LocalReplyConfig, LocalReplyMapper } from "../../engine/local-reply/index.ts";
import { parseCidr } from "../../engine/matcher/index.ts";
import type { HeaderMutationStep } from "../../engine/router/index.ts";
import { readAccessLogFilter, readAccessLogs } from "./access-log.ts";
import { readBodyFormat } from "./body-format.ts";
import { readConfigSource } from "./config-source.ts";
import { readSteps } from "./header-mutation.ts";
import type {
	HttpConnectionManagerConfig,
	OriginalIpDetection,
	UpgradeConfig,
} from "./http-connection-manager-config.ts";
import { readHttpFilters } from "./http-filters.ts";
import { readCommonHttp, readHttp1, readHttp2 } from "./http-protocol.ts";
import { qualifyName } from "./resource-name.ts";
import { readScopedRoutes } from "./route-scopes.ts";
import { readRouteConfiguration } from "./routes.ts";
import { type Scope, toWireText } from "./scope.ts";
import { readTracing } from "./tracing.ts";
import { readCidrs, readDataSourceNow, readHeaderAdditions, toMs, unpackExtension } from "./values.ts";

const codecs: Readonly<Record<number, HttpConnectionManagerConfig["codec"]>> = {
	[HttpConnectionManager_CodecType.AUTO]: "auto",
	[HttpConnectionManager_CodecType.HTTP1]: "http1",
	[HttpConnectionManager_CodecType.HTTP2]: "http2",
};
const serverHeaders: Readonly<Record<number, HttpConnectionManagerConfig["serverHeader"]>> = {
	[HttpConnectionManager_ServerHeaderTransformation.OVERWRITE]: "overwrite",
	[HttpConnectionManager_ServerHeaderTransformation.APPEND_IF_ABSENT]: "append-if-absent",
	[HttpConnectionManager_ServerHeaderTransformation.PASS_THROUGH]: "pass-through",
};
/** What an `internal_address_config` without ranges means. */
const privateRanges = (
	[
		["10.0.0.0", 8],
		["172.16.0.0", 12],
		["192.168.0.0", 16],
		["127.0.0.1", 32],
		["fd00::", 8],
		["::1", 128],
	] as const
).flatMap(([address, length]) => parseCidr(address, length) ?? []);

const forwardClientCerts: Readonly<Record<number, HttpConnectionManagerConfig["forwardClientCert"]>> = {
	[HttpConnectionManager_ForwardClientCertDetails.SANITIZE]: "sanitize",
	[HttpConnectionManager_ForwardClientCertDetails.FORWARD_ONLY]: "forward-only",
	[HttpConnectionManager_ForwardClientCertDetails.APPEND_FORWARD]: "append-forward",
	[HttpConnectionManager_ForwardClientCertDetails.SANITIZE_SET]: "sanitize-set",
	[HttpConnectionManager_ForwardClientCertDetails.ALWAYS_FORWARD_ONLY]: "always-forward-only",
};
const escapedSlashes: Readonly<Record<number, HttpConnectionManagerConfig["escapedSlashes"]>> = {
	[HttpConnectionManager_PathWithEscapedSlashesAction.REJECT_REQUEST]: "reject",
	[HttpConnectionManager_PathWithEscapedSlashesAction.UNESCAPE_AND_REDIRECT]: "unescape-and-redirect",
	[HttpConnectionManager_PathWithEscapedSlashesAction.UNESCAPE_AND_FORWARD]: "unescape-and-forward",
};

/** Translates the HTTP connection manager; undefined when it has no usable routes. */
export function readHttpConnectionManager(
	message: HttpConnectionManager,
	scope: Scope,
): HttpConnectionManagerConfig | undefined {
	const routes = readRoutes(message, scope);
	const codec = codecs[message.codecType];
	if (codec === undefined) scope.at("codec_type").report("only AUTO, HTTP1 and HTTP2 are supported");
	const filters = readHttpFilters(message.httpFilters, scope, "http_filters");
	if (routes === undefined) return undefined;
	return {
		statPrefix: message.statPrefix,
		codec: codec ?? "auto",
		routes,
		filters,
		...readProtocolPart(message),
		...readTimeouts(message),
		...readLogs(message, scope),
		...readForwarding(message, scope),
		...readPaths(message),
		upgrades: readUpgrades(message, scope),
		localReply: readLocalReply(message.localReplyConfig, scope.at("local_reply_config")),
		earlyHeaderMutations: readEarlyMutations(message.earlyHeaderMutationExtensions, scope),
		tracing: readTracing(message.tracing, scope.at("tracing")),
	};
}

function readEarlyMutations(messages: readonly TypedExtensionConfig[], scope: Scope): HeaderMutationStep[] {
	return messages.flatMap((message, index) => {
		const at = scope.at("early_header_mutation_extensions", index).at("typed_config");
		const config = unpackExtension(message.typedConfig, at);
		if (config === undefined) return [];
		if (config.$typeName === "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation")
			return readSteps((config as HeaderMutation).mutations, at, "mutations");
		at.report(`early header mutation ${config.$typeName} is not supported`);
		return [];
	});
}

function readRoutes(message: HttpConnectionManager, scope: Scope): HttpConnectionManagerConfig["routes"] | undefined {
	const specifier = message.routeSpecifier;
	if (specifier.case === "routeConfig") {
		return { kind: "inline", table: readRouteConfiguration(specifier.value, scope.at("route_config"), true) };
	}
	if (specifier.case === "scopedRoutes") return readScopedRoutes(specifier.value, scope.at("scoped_routes"));
	if (specifier.case !== "rds") return undefined;
	const at = scope.at("rds");
	const source =
		specifier.value.configSource === undefined
			? undefined
			: readConfigSource(specifier.value.configSource, at.at("config_source"));
	if (source === undefined) return undefined;
	return { kind: "rds", name: qualifyName(specifier.value.routeConfigName, source), source };
}

function readProtocolPart(
	message: HttpConnectionManager,
): Pick<
	HttpConnectionManagerConfig,
	| "serverName"
	| "serverHeader"
	| "schemeOverwrite"
	| "schemeMatchUpstream"
	| "addUserAgent"
	| "maxRequestHeadersBytes"
	| "common"
	| "http1"
	| "http2"
	| "streamErrorOnInvalidMessage"
	| "appendLocalOverload"
	| "proxy100Continue"
> {
	const scheme = message.schemeHeaderTransformation;
	const overwrite = scheme?.transformation.case === "schemeToOverwrite" ? scheme.transformation.value : undefined;
	return {
		serverName: message.serverName === "" ? "envoy" : toWireText(message.serverName),
		serverHeader: serverHeaders[message.serverHeaderTransformation] ?? "overwrite",
		schemeOverwrite: overwrite === "http" || overwrite === "https" ? overwrite : undefined,
		schemeMatchUpstream: overwrite === undefined && scheme?.matchUpstream === true,
		addUserAgent: message.addUserAgent ?? false,
		maxRequestHeadersBytes: (message.maxRequestHeadersKb ?? 60) * 1024,
		common: readCommonHttp(message.commonHttpProtocolOptions),
		http1: readHttp1(message.httpProtocolOptions),
		http2: readHttp2(message.http2ProtocolOptions),
		streamErrorOnInvalidMessage: message.streamErrorOnInvalidHttpMessage ?? false,
		appendLocalOverload: message.appendLocalOverload,
		proxy100Continue: message.proxy100Continue,
	};
}

function readTimeouts(
	message: HttpConnectionManager,
): Pick<
	HttpConnectionManagerConfig,
	"streamIdleTimeoutMs" | "requestTimeoutMs" | "requestHeadersTimeoutMs" | "drainTimeoutMs" | "delayedCloseTimeoutMs"
> {
	return {
		streamIdleTimeoutMs: toMs(message.streamIdleTimeout, 300_000),
		requestTimeoutMs: toMs(message.requestTimeout, 0),
		requestHeadersTimeoutMs: toMs(message.requestHeadersTimeout, 0),
		drainTimeoutMs: toMs(message.drainTimeout, 5000),
		delayedCloseTimeoutMs: toMs(message.delayedCloseTimeout, 1000),
	};
}

function readLogs(
	message: HttpConnectionManager,
	scope: Scope,
): Pick<HttpConnectionManagerConfig, "accessLogs" | "accessLogOnNewRequest" | "accessLogFlushIntervalMs"> {
	const options = message.accessLogOptions;
	return {
		accessLogs: readAccessLogs(message.accessLog, scope, "access_log"),
		accessLogOnNewRequest: options?.flushAccessLogOnNewRequest ?? message.flushAccessLogOnNewRequest,
		accessLogFlushIntervalMs: toMs(options?.accessLogFlushInterval ?? message.accessLogFlushInterval, 0),
	};
}

function readForwarding(
	message: HttpConnectionManager,
	scope: Scope,
): Pick<
	HttpConnectionManagerConfig,
	| "useRemoteAddress"
	| "xffNumTrustedHops"
	| "skipXffAppend"
	| "appendXForwardedPort"
	| "representIpv4AsIpv6"
	| "internalAddresses"
	| "originalIpDetection"
	| "via"
	| "generateRequestId"
	| "preserveExternalRequestId"
	| "alwaysSetRequestIdInResponse"
	| "packTraceReason"
	| "samplesByRequestId"
	| "forwardClientCert"
	| "clientCertDetails"
> {
	const details = message.setCurrentClientCertDetails;
	const internal = message.internalAddressConfig;
	if (message.originalIpDetectionExtensions.length > 0 && (message.useRemoteAddress || message.xffNumTrustedHops > 0)) {
		scope
			.at("original_ip_detection_extensions")
			.report("original IP detection extensions and use_remote_address may not be mixed");
	}
	return {
		useRemoteAddress: message.useRemoteAddress ?? false,
		xffNumTrustedHops: message.xffNumTrustedHops,
		skipXffAppend: message.skipXffAppend,
		appendXForwardedPort: message.appendXForwardedPort,
		representIpv4AsIpv6: message.representIpv4RemoteAddressAsIpv4MappedIpv6,
		internalAddresses: {
			unixSockets: internal?.unixSockets ?? false,
			ranges:
				internal === undefined
					? undefined
					: internal.cidrRanges.length === 0
						? privateRanges
						: readCidrs(internal.cidrRanges, scope.at("internal_address_config"), "cidr_ranges"),
		},
		originalIpDetection: readOriginalIpDetection(message, scope),
		via: toWireText(message.via),
		generateRequestId: message.generateRequestId ?? true,
		preserveExternalRequestId: message.preserveExternalRequestId,
		alwaysSetRequestIdInResponse: message.alwaysSetRequestIdInResponse,
		samplesByRequestId: readSamplesByRequestId(message),
		packTraceReason: readPackTraceReason(message, scope.at("request_id_extension")),
		forwardClientCert: forwardClientCerts[message.forwardClientCertDetails] ?? "sanitize",
		clientCertDetails: {
			subject: details?.subject ?? false,
			cert: details?.cert ?? false,
			chain: details?.chain ?? false,
			dns: details?.dns ?? false,
			uri: details?.uri ?? false,
		},
	};
}

function readPackTraceReason(message: HttpConnectionManager, scope: Scope): boolean {
	if (message.requestIdExtension === undefined) return true;
	const config = unpackExtension(message.requestIdExtension.typedConfig, scope.at("typed_config"));
	if (config === undefined) return true;
	if (config.$typeName !== "envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig") {
		scope.report(`request id extension ${config.$typeName} is not supported`);
		return true;
	}
	return (config as UuidRequestIdConfig).packTraceReason ?? true;
}

function readSamplesByRequestId(message: HttpConnectionManager): boolean {
	const config = message.requestIdExtension?.typedConfig;
	const read = config === undefined ? undefined : unpackAny(config);
	if (read?.$typeName !== UuidRequestIdConfigSchema.typeName) return true;
	return (read as UuidRequestIdConfig).useRequestIdForTraceSampling ?? true;
}

function readOriginalIpDetection(message: HttpConnectionManager, scope: Scope): OriginalIpDetection[] {
	return message.originalIpDetectionExtensions.flatMap((extension, index): OriginalIpDetection[] => {
		const at = scope.at("original_ip_detection_extensions", index).at("typed_config");
		const config = unpackExtension(extension.typedConfig, at);
		switch (config?.$typeName) {
			case "envoy.extensions.http.original_ip_detection.custom_header.v3.CustomHeaderConfig": {
				const custom = config as CustomHeaderConfig;
				return [
					{
						kind: "custom-header",
						header: custom.headerName.toLowerCase(),
						trusted: custom.allowExtensionToSetAddressAsTrusted,
						rejectStatus: custom.rejectWithStatus?.code ?? 0,
					},
				];
			}
			case "envoy.extensions.http.original_ip_detection.xff.v3.XffConfig":
				return [readForwardedDetection(config as XffConfig, at)];
			case undefined:
				return [];
			default:
				at.report(`original IP detection ${config?.$typeName} is not supported`);
				return [];
		}
	});
}

function readForwardedDetection(config: XffConfig, scope: Scope): OriginalIpDetection {
	const trusted = config.xffTrustedCidrs;
	if (trusted !== undefined && config.xffNumTrustedHops > 0)
		scope.at("xff_trusted_cidrs").report("cannot be set together with xff_num_trusted_hops");
	return {
		kind: "xff",
		numTrustedHops: config.xffNumTrustedHops,
		skipXffAppend: config.skipXffAppend ?? true,
		trustedRanges:
			trusted === undefined || trusted.cidrs.length === 0
				? undefined
				: readCidrs(trusted.cidrs, scope.at("xff_trusted_cidrs"), "cidrs"),
	};
}

function readPaths(
	message: HttpConnectionManager,
): Pick<
	HttpConnectionManagerConfig,
	"normalizePath" | "mergeSlashes" | "escapedSlashes" | "stripPort" | "stripTrailingHostDot"
> {
	const stripsAny = message.stripPortMode.case === "stripAnyHostPort" && message.stripPortMode.value;
	return {
		normalizePath: message.normalizePath ?? false,
		mergeSlashes: message.mergeSlashes,
		escapedSlashes: escapedSlashes[message.pathWithEscapedSlashesAction] ?? "keep",
		stripPort: stripsAny ? "any" : message.stripMatchingHostPort ? "matching" : "keep",
		stripTrailingHostDot: message.stripTrailingHostDot,
	};
}

function readUpgrades(message: HttpConnectionManager, scope: Scope): UpgradeConfig[] {
	const types = new Set<string>();
	return message.upgradeConfigs.map((upgrade, index) => {
		const at = scope.at("upgrade_configs", index);
		const type = upgrade.upgradeType.toLowerCase();
		if (types.has(type)) at.report(`multiple upgrade configs named ${upgrade.upgradeType}`);
		types.add(type);
		const filters = upgrade.filters.length === 0 ? undefined : readHttpFilters(upgrade.filters, at, "filters");
		return { type, enabled: upgrade.enabled ?? true, filters };
	});
}

function readLocalReply(message: LocalReplyMessage | undefined, scope: Scope): LocalReplyConfig | undefined {
	if (message === undefined) return undefined;
	return {
		mappers: message.mappers.map((mapper, index) => readMapper(mapper, scope.at("mappers", index))),
		bodyFormat: readBodyFormat(message.bodyFormat, scope.at("body_format")),
	};
}

function readMapper(message: ResponseMapper, scope: Scope): LocalReplyMapper {
	const body = readDataSourceNow(message.body, scope.at("body"));
	return {
		filter:
			message.filter === undefined
				? { kind: "and", filters: [] }
				: readAccessLogFilter(message.filter, scope.at("filter")),
		status: message.statusCode ?? 0,
		body: body === undefined ? undefined : Buffer.from(body).toString("latin1"),
		bodyFormat: readBodyFormat(message.bodyFormatOverride, scope.at("body_format_override")),
		headers: readHeaderAdditions(message.headersToAdd, scope, "headers_to_add"),
	};
}
