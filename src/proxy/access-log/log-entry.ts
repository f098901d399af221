import { randomUUID } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";
import { anyPack, DurationSchema, StringValueSchema, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { type Address, AddressSchema } from "../../api/gen/envoy/config/core/v3/address_pb.js";
import { type Metadata, MetadataSchema, RequestMethod } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import {
	type AccessLogCommon,
	AccessLogCommonSchema,
	AccessLogType,
	ConnectionPropertiesSchema,
	HTTPAccessLogEntry_HTTPVersion,
	HTTPAccessLogEntrySchema,
	HTTPRequestPropertiesSchema,
	HTTPResponsePropertiesSchema,
	type ResponseFlags,
	ResponseFlags_Unauthorized_Reason,
	ResponseFlags_UnauthorizedSchema,
	ResponseFlagsSchema,
	TCPAccessLogEntrySchema,
	type TLSProperties,
	type TLSProperties_CertificateProperties,
	TLSProperties_CertificatePropertiesSchema,
	TLSProperties_TLSVersion,
	TLSPropertiesSchema,
} from "../../api/gen/envoy/data/accesslog/v3/accesslog_pb.js";
import { getHeader, getJoinedHeader, type HeaderList } from "../../core/index.ts";
import {
	accessLogTypeOf,
	ResponseFlag,
	type SocketAddress,
	type StreamInfo,
	type TlsCertificate,
	type TlsSession,
} from "../../engine/format/index.ts";
import type { GrpcAccessLogSink } from "../runtime-config/index.ts";
import { tlsCipherCodes } from "./tls-ciphers.ts";

/** The packed `HTTPAccessLogEntry` or `TCPAccessLogEntry` of a stream. */
export function encodeEntry(stream: StreamInfo, config: GrpcAccessLogSink): Uint8Array {
	const common = describeCommon(stream, config);
	if (config.protocol === "tcp") {
		return toBinary(
			TCPAccessLogEntrySchema,
			create(TCPAccessLogEntrySchema, {
				commonProperties: common,
				connectionProperties: create(ConnectionPropertiesSchema, {
					receivedBytes: BigInt(stream.bytesReceived),
					sentBytes: BigInt(stream.bytesSent),
				}),
			}),
		);
	}
	return toBinary(
		HTTPAccessLogEntrySchema,
		create(HTTPAccessLogEntrySchema, {
			commonProperties: common,
			protocolVersion: versions[stream.protocol] ?? HTTPAccessLogEntry_HTTPVersion.PROTOCOL_UNSPECIFIED,
			request: describeRequest(stream, config.requestHeaders),
			response: describeResponse(stream, config),
		}),
	);
}

const versions: Readonly<Record<string, HTTPAccessLogEntry_HTTPVersion>> = {
	"HTTP/1.0": HTTPAccessLogEntry_HTTPVersion.HTTP10,
	"HTTP/1.1": HTTPAccessLogEntry_HTTPVersion.HTTP11,
	"HTTP/2": HTTPAccessLogEntry_HTTPVersion.HTTP2,
};

function describeCommon(stream: StreamInfo, config: GrpcAccessLogSink): AccessLogCommon {
	const { connection, startedAt } = stream;
	const since = (at: number): { value?: Duration } => (at < 0 ? {} : { value: toDuration(at - startedAt) });
	const common = create(AccessLogCommonSchema, {
		downstreamRemoteAddress: toAddress(stream.remote),
		downstreamLocalAddress: toAddress(connection.local),
		downstreamDirectRemoteAddress: toAddress(connection.directRemote),
		startTime: toTimestamp(stream.startWallMs),
		...(stream.responseFlags === 0 ? {} : { responseFlags: describeFlags(stream) }),
		upstreamCluster: stream.upstreamClusterName,
		upstreamTransportFailureReason: stream.upstreamTransportFailureReason,
		downstreamTransportFailureReason: stream.downstreamTransportFailureReason,
		routeName: stream.routeName,
		upstreamRequestAttemptCount: stream.attemptCount,
		connectionTerminationDetails: stream.connectionTerminationDetails,
		streamId: stream.streamId === "" && config.protocol === "tcp" ? randomUUID() : stream.streamId,
		downstreamWireBytesSent: BigInt(stream.downstreamWireBytesSent),
		downstreamWireBytesReceived: BigInt(stream.downstreamWireBytesReceived),
		upstreamWireBytesSent: BigInt(stream.upstreamWireBytesSent),
		upstreamWireBytesReceived: BigInt(stream.upstreamWireBytesReceived),
		accessLogType: AccessLogType[accessLogTypeOf(stream) as keyof typeof AccessLogType] ?? AccessLogType.NotSet,
		...(stream.dynamicMetadata === undefined ? {} : { metadata: describeMetadata(stream.dynamicMetadata) }),
	});
	setTime(common, "timeToLastRxByte", since(stream.requestReceivedAt));
	setTime(common, "timeToFirstUpstreamTxByte", since(stream.upstreamFirstSentAt));
	setTime(common, "timeToLastUpstreamTxByte", since(stream.upstreamLastSentAt));
	setTime(common, "timeToFirstUpstreamRxByte", since(stream.upstreamFirstReceivedAt));
	setTime(common, "timeToLastUpstreamRxByte", since(stream.upstreamLastReceivedAt));
	setTime(common, "timeToFirstDownstreamTxByte", since(stream.downstreamFirstSentAt));
	setTime(common, "timeToLastDownstreamTxByte", since(stream.downstreamLastSentAt));
	setTime(common, "duration", since(stream.endedAt));
	if (connection.tls !== undefined) common.tlsProperties = describeTls(connection.tls, connection.serverName);
	if (stream.upstreamRemote !== undefined) common.upstreamRemoteAddress = toAddress(stream.upstreamRemote);
	if (stream.upstreamLocal !== undefined) common.upstreamLocalAddress = toAddress(stream.upstreamLocal);
	for (const { tag, read } of config.customTags) {
		const value = read(stream);
		if (value !== undefined) common.customTags[tag] = value;
	}
	for (const key of config.filterStateObjects) {
		const text = formatFilterState(stream, key);
		if (text === undefined) continue;
		common.filterStateObjects[key] = anyPack(StringValueSchema, create(StringValueSchema, { value: text }));
	}
	return common;
}

function describeMetadata(metadata: ReadonlyMap<string, unknown>): Metadata {
	return create(MetadataSchema, { filterMetadata: Object.fromEntries(metadata) as Record<string, never> });
}

type TimeField = {
	[K in keyof AccessLogCommon]-?: AccessLogCommon[K] extends Duration | undefined ? K : never;
}[keyof AccessLogCommon];

function setTime(common: AccessLogCommon, field: TimeField, { value }: { value?: Duration }): void {
	if (value !== undefined) common[field] = value;
}

function describeRequest(stream: StreamInfo, more: readonly string[]) {
	const { request } = stream;
	if (request === undefined) return create(HTTPRequestPropertiesSchema);
	const { headers } = request;
	const read = (name: string): string => getHeader(headers, name) ?? "";
	const method = RequestMethod[request.method as keyof typeof RequestMethod] as RequestMethod | undefined;
	return create(HTTPRequestPropertiesSchema, {
		requestMethod: method ?? RequestMethod.METHOD_UNSPECIFIED,
		scheme: request.scheme,
		authority: request.authority,
		path: request.path,
		userAgent: read("user-agent"),
		referer: read("referer"),
		forwardedFor: read("x-forwarded-for"),
		requestId: read("x-request-id"),
		originalPath: read("x-envoy-original-path"),
		requestHeadersBytes: BigInt(
			countBytes(headers) +
				sizeOf(":method", request.method) +
				sizeOf(":path", request.path) +
				sizeOf(":authority", request.authority) +
				sizeOf(":scheme", request.scheme),
		),
		requestBodyBytes: BigInt(stream.bytesReceived),
		requestHeaders: pick(headers, more, request.authority),
		upstreamHeaderBytesSent: BigInt(stream.upstreamHeaderBytesSent ?? 0),
		downstreamHeaderBytesReceived: BigInt(stream.requestHeaderBytes),
	});
}

function describeResponse(stream: StreamInfo, config: GrpcAccessLogSink) {
	const headers = stream.responseHeaders ?? [];
	return create(HTTPResponsePropertiesSchema, {
		...(stream.responseCode === 0 ? {} : { responseCode: stream.responseCode }),
		responseCodeDetails: stream.responseCodeDetails,
		responseHeadersBytes: BigInt(headers.length === 0 ? 0 : countBytes(headers) + sizeOf(":status", "200")),
		responseBodyBytes: BigInt(stream.bytesSent),
		responseHeaders: pick(headers, config.responseHeaders, undefined),
		responseTrailers: pick(stream.responseTrailers ?? [], config.responseTrailers, undefined),
		upstreamHeaderBytesReceived: BigInt(stream.upstreamHeaderBytesReceived ?? 0),
		downstreamHeaderBytesSent: BigInt(stream.responseHeaderBytes),
	});
}

function pick(headers: HeaderList, names: readonly string[], authority: string | undefined): Record<string, string> {
	const picked: Record<string, string> = {};
	for (const name of names) {
		const isAuthority = authority !== undefined && (name === "host" || name === ":authority");
		const value = isAuthority ? authority : getJoinedHeader(headers, name);
		if (value !== undefined) picked[name] = value;
	}
	return picked;
}

function sizeOf(name: string, value: string): number {
	return value === "" ? 0 : name.length + value.length;
}

function countBytes(headers: HeaderList): number {
	return headers.reduce((sum, part) => sum + part.length, 0);
}

const flagFields: readonly (readonly [bit: number, field: keyof ResponseFlags])[] = [
	[ResponseFlag.failedLocalHealthCheck, "failedLocalHealthcheck"],
	[ResponseFlag.noHealthyUpstream, "noHealthyUpstream"],
	[ResponseFlag.upstreamRequestTimeout, "upstreamRequestTimeout"],
	[ResponseFlag.localReset, "localReset"],
	[ResponseFlag.upstreamRemoteReset, "upstreamRemoteReset"],
	[ResponseFlag.upstreamConnectionFailure, "upstreamConnectionFailure"],
	[ResponseFlag.upstreamConnectionTermination, "upstreamConnectionTermination"],
	[ResponseFlag.upstreamOverflow, "upstreamOverflow"],
	[ResponseFlag.noRouteFound, "noRouteFound"],
	[ResponseFlag.delayInjected, "delayInjected"],
	[ResponseFlag.faultInjected, "faultInjected"],
	[ResponseFlag.rateLimited, "rateLimited"],
	[ResponseFlag.rateLimitServiceError, "rateLimitServiceError"],
	[ResponseFlag.downstreamConnectionTermination, "downstreamConnectionTermination"],
	[ResponseFlag.upstreamRetryLimitExceeded, "upstreamRetryLimitExceeded"],
	[ResponseFlag.streamIdleTimeout, "streamIdleTimeout"],
	[ResponseFlag.invalidEnvoyRequestHeaders, "invalidEnvoyRequestHeaders"],
	[ResponseFlag.downstreamProtocolError, "downstreamProtocolError"],
	[ResponseFlag.upstreamMaxStreamDurationReached, "upstreamMaxStreamDurationReached"],
	[ResponseFlag.responseFromCacheFilter, "responseFromCacheFilter"],
	[ResponseFlag.noFilterConfigFound, "noFilterConfigFound"],
	[ResponseFlag.durationTimeout, "durationTimeout"],
	[ResponseFlag.upstreamProtocolError, "upstreamProtocolError"],
	[ResponseFlag.noClusterFound, "noClusterFound"],
	[ResponseFlag.overloadManager, "overloadManager"],
	[ResponseFlag.dnsResolutionFailed, "dnsResolutionFailure"],
	[ResponseFlag.downstreamRemoteReset, "downstreamRemoteReset"],
];

function describeFlags({ responseFlags }: StreamInfo): ResponseFlags {
	const flags = create(ResponseFlagsSchema);
	const fields = flags as unknown as Record<string, boolean>;
	for (const [bit, field] of flagFields) if ((responseFlags & bit) !== 0) fields[field] = true;
	if ((responseFlags & ResponseFlag.unauthorizedExternalService) !== 0) {
		const reason = ResponseFlags_Unauthorized_Reason.EXTERNAL_SERVICE;
		flags.unauthorizedDetails = create(ResponseFlags_UnauthorizedSchema, { reason });
	}
	return flags;
}

const tlsVersions: Readonly<Record<string, TLSProperties_TLSVersion>> = {
	TLSv1: TLSProperties_TLSVersion.TLSv1,
	"TLSv1.1": TLSProperties_TLSVersion.TLSv1_1,
	"TLSv1.2": TLSProperties_TLSVersion.TLSv1_2,
	"TLSv1.3": TLSProperties_TLSVersion.TLSv1_3,
};

function describeTls(session: TlsSession, serverName: string): TLSProperties {
	const cipher = tlsCipherCodes[session.cipher];
	return create(TLSPropertiesSchema, {
		tlsVersion: tlsVersions[session.version] ?? TLSProperties_TLSVersion.VERSION_UNSPECIFIED,
		...(cipher === undefined ? {} : { tlsCipherSuite: cipher }),
		tlsSniHostname: serverName,
		tlsSessionId: session.sessionId,
		localCertificateProperties: describeCertificate(session.local),
		peerCertificateProperties: describeCertificate(session.peer),
	});
}

function describeCertificate(certificate: TlsCertificate | undefined): TLSProperties_CertificateProperties {
	if (certificate === undefined) return create(TLSProperties_CertificatePropertiesSchema);
	const uris = certificate.uriSans.map((value) => ({ san: { case: "uri" as const, value } }));
	const names = certificate.dnsSans.map((value) => ({ san: { case: "dns" as const, value } }));
	return create(TLSProperties_CertificatePropertiesSchema, {
		subjectAltName: [...uris, ...names],
		subject: certificate.subject,
	});
}

/** An address as messages have it. */
export function toAddress({ text, ip, port }: SocketAddress): Address {
	if (port === 0 && text === ip) return create(AddressSchema, { address: { case: "pipe", value: { path: text } } });
	return create(AddressSchema, {
		address: {
			case: "socketAddress",
			value: { address: ip, portSpecifier: { case: "portValue", value: port } },
		},
	});
}

function toDuration(ms: number): Duration {
	const nanos = Math.max(0, Math.floor(ms * 1e6));
	return create(DurationSchema, { seconds: BigInt(Math.floor(nanos / 1e9)), nanos: nanos % 1e9 });
}

function toTimestamp(ms: number): Timestamp {
	return create(TimestampSchema, { seconds: BigInt(Math.floor(ms / 1000)), nanos: Math.floor((ms % 1000) * 1e6) });
}

/** An entry of the filter state as text; undefined for one that is not there, or is no JSON. */
export function formatFilterState({ filterState }: StreamInfo, key: string): string | undefined {
	const value = filterState?.get(key);
	return typeof value === "string" ? value : (JSON.stringify(value) as string | undefined);
}
