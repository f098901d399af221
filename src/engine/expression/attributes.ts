import { getJoinedHeader, type HeaderList } from "../../core/index.ts";
import type { RequestHead, SocketAddress, StreamInfo, TlsSession, UpstreamHostFacts } from "../format/index.ts";
import { getRequestHeader } from "../matcher/index.ts";
import { fromJson, Instant, lazyMap, Span, Unsigned, type Value, type ValueMap } from "./values.ts";

/** What a name at the beginning of an expression stands for; undefined where nothing is known. Spec: Envoy, "Attributes". */
export function readName(name: string, stream: StreamInfo): Value | undefined {
	switch (name) {
		case "request":
			return lazyMap((key) => readRequest(key, stream));
		case "response":
			return lazyMap((key) => readResponse(key, stream));
		case "connection":
			return lazyMap((key) => readConnection(key, stream));
		case "upstream":
			return lazyMap((key) => readUpstream(key, stream));
		case "source":
			return lazyMap((key) => readPeer(key, stream.remote));
		case "destination":
			return lazyMap((key) => readPeer(key, stream.connection.local));
		case "metadata":
			return metadataMessage(stream.dynamicMetadata === undefined ? {} : Object.fromEntries(stream.dynamicMetadata));
		case "filter_state":
			return lazyMap((key) => readFilterState(stream.filterState?.get(key)));
		case "xds":
			return lazyMap((key) => readXds(key, stream));
		default:
			return undefined;
	}
}

/** An attribute by its path, such as `request.path`; undefined where it has no value. */
export function readAttribute(path: string, stream: StreamInfo): Value | undefined {
	const [name, ...rest] = path.split(".");
	let value = readName(name!, stream);
	for (const key of rest) {
		if (typeof value !== "object" || value === null || !("get" in value)) return undefined;
		value = value.get(key);
	}
	return value;
}

function readRequest(key: string, stream: StreamInfo): Value | undefined {
	const { request } = stream;
	switch (key) {
		case "headers":
			return lazyMap(
				(name) => (request === undefined ? undefined : getRequestHeader(request, name.toLowerCase())),
				() => (request === undefined ? [] : [...pseudoFieldsOf(request), ...fieldsOf(request.headers)]),
			);
		case "time":
			return new Instant(BigInt(Math.round(stream.startWallMs * 1000)) * 1000n);
		case "size":
			return readRequestSize(stream);
		case "total_size":
			return BigInt(stream.bytesReceived + stream.requestHeaderBytes);
		case "duration":
			return stream.endedAt < 0 ? undefined : spanOf(stream.startedAt, stream.endedAt);
		case "protocol":
			return stream.protocol === "" ? undefined : stream.protocol;
	}
	if (request === undefined) return undefined;
	const query = request.path.indexOf("?");
	switch (key) {
		case "path":
			return getRequestHeader(request, ":path");
		case "url_path":
			return query === -1 ? request.path : request.path.slice(0, query);
		case "query":
			return query === -1 ? "" : request.path.slice(query + 1).replace(/#.*/s, "");
		case "host":
			return request.authority;
		case "scheme":
			return request.scheme;
		case "method":
			return request.method;
		case "referer":
			return getRequestHeader(request, "referer");
		case "id":
			return getRequestHeader(request, "x-request-id");
		case "useragent":
			return getRequestHeader(request, "user-agent");
		default:
			return undefined;
	}
}

function readRequestSize({ request, bytesReceived }: StreamInfo): Value | undefined {
	const length = request === undefined ? undefined : getRequestHeader(request, "content-length");
	if (length === undefined) return BigInt(bytesReceived);
	return /^\d{1,18}$/.test(length) ? BigInt(length) : undefined;
}

function readResponse(key: string, stream: StreamInfo): Value | undefined {
	switch (key) {
		case "code":
			return stream.responseCode === 0 ? undefined : BigInt(stream.responseCode);
		case "code_details":
			return stream.responseCodeDetails === "" ? undefined : stream.responseCodeDetails;
		case "headers":
			return headersOf(stream.responseHeaders);
		case "trailers":
			return headersOf(stream.responseTrailers);
		case "flags":
			return BigInt(stream.responseFlags);
		case "grpc_status":
			return stream.grpcStatus < 0 ? undefined : BigInt(stream.grpcStatus);
		case "size":
			return BigInt(stream.bytesSent);
		case "total_size":
			return BigInt(stream.bytesSent + stream.responseHeaderBytes);
		case "backend_latency":
			if (stream.upstreamFirstSentAt < 0 || stream.upstreamLastReceivedAt < 0) return undefined;
			return spanOf(stream.upstreamFirstSentAt, stream.upstreamLastReceivedAt);
		default:
			return undefined;
	}
}

function readConnection(key: string, stream: StreamInfo): Value | undefined {
	const { connection } = stream;
	switch (key) {
		case "id":
			return new Unsigned(BigInt(connection.id));
		case "mtls":
			return connection.tls?.peer !== undefined;
		case "requested_server_name":
			return connection.serverName;
		case "termination_details":
			return orNothing(stream.connectionTerminationDetails || connection.terminationDetails);
		case "transport_failure_reason":
			return orNothing(connection.transportFailureReason);
		default:
			return readTls(key, connection.tls);
	}
}

function readTls(key: string, tls: TlsSession | undefined): Value | undefined {
	if (tls === undefined) return undefined;
	switch (key) {
		case "tls_version":
			return tls.version;
		case "subject_local_certificate":
			return tls.local?.subject ?? "";
		case "subject_peer_certificate":
			return tls.peer?.subject ?? "";
		case "dns_san_local_certificate":
			return tls.local?.dnsSans[0];
		case "dns_san_peer_certificate":
			return tls.peer?.dnsSans[0];
		case "uri_san_local_certificate":
			return tls.local?.uriSans[0];
		case "uri_san_peer_certificate":
			return tls.peer?.uriSans[0];
		case "sha256_peer_certificate_digest":
			return tls.peer?.fingerprint256;
		default:
			return undefined;
	}
}

function readUpstream(key: string, stream: StreamInfo): Value | undefined {
	const { upstreamHost, upstreamLocal } = stream;
	switch (key) {
		case "address":
			return upstreamHost?.address;
		case "port":
			return upstreamHost === undefined ? undefined : portOf(upstreamHost);
		case "local_address":
			return upstreamLocal?.text;
		case "locality":
			return upstreamHost === undefined ? undefined : localityOf(upstreamHost);
		case "transport_failure_reason":
			return stream.upstreamTransportFailureReason;
		case "request_attempt_count":
			return new Unsigned(BigInt(stream.attemptCount));
		default:
			return readTls(key, stream.upstreamTls);
	}
}

function portOf({ address }: UpstreamHostFacts): bigint | undefined {
	const port = /:(\d+)$/.exec(address);
	return port === null ? undefined : BigInt(port[1]!);
}

function localityOf({ locality: { region, zone, subZone } }: UpstreamHostFacts): Value {
	return fromJson({ region, zone, sub_zone: subZone });
}

function readPeer(key: string, address: SocketAddress): Value | undefined {
	if (key === "address") return address.text;
	return key === "port" && address.port !== 0 ? BigInt(address.port) : undefined;
}

/** `envoy.config.core.v3.TrafficDirection`. */
const directions = { unspecified: 0n, inbound: 1n, outbound: 2n };

function readXds(key: string, stream: StreamInfo): Value | undefined {
	switch (key) {
		case "cluster_name":
			return orNothing(stream.upstreamClusterRawName);
		case "cluster_metadata":
			return stream.upstreamClusterRawName === "" ? undefined : metadataMessage(stream.upstreamClusterMetadata);
		case "route_name":
			return stream.routeName;
		case "route_metadata":
			return metadataMessage(stream.routeMetadata);
		case "virtual_host_name":
			return stream.virtualHostName;
		case "virtual_host_metadata":
			return metadataMessage(stream.virtualHostMetadata ?? {});
		case "upstream_host_metadata":
			return stream.upstreamHost === undefined ? undefined : metadataMessage(stream.upstreamHost.metadata);
		case "filter_chain_name":
			return stream.connection.filterChainName;
		case "listener_metadata":
			return metadataMessage(stream.connection.listenerMetadata);
		case "listener_direction":
			return directions[stream.connection.trafficDirection ?? "unspecified"];
		default:
			return undefined;
	}
}

/** Objects of filter state are bytes for expressions. */
function readFilterState(object: unknown): Value | undefined {
	return typeof object === "string" ? new Uint8Array(Buffer.from(object, "latin1")) : undefined;
}

function metadataMessage(namespaces: Readonly<Record<string, unknown>>): ValueMap {
	return lazyMap((key) => (key === "filter_metadata" ? fromJson(namespaces) : undefined));
}

function headersOf(headers: HeaderList | undefined): ValueMap {
	return lazyMap(
		(name) => (headers === undefined ? undefined : getJoinedHeader(headers, name.toLowerCase())),
		() => fieldsOf(headers ?? []),
	);
}

function pseudoFieldsOf({ authority, method, path, scheme }: RequestHead): [string, string][] {
	return [
		[":authority", authority],
		[":method", method],
		[":path", path],
		[":scheme", scheme],
	];
}

function fieldsOf(headers: HeaderList): [string, string][] {
	const fields: [string, string][] = [];
	for (let index = 0; index < headers.length; index += 2) fields.push([headers[index]!, headers[index + 1]!]);
	return fields;
}

function orNothing(text: string): string | undefined {
	return text === "" ? undefined : text;
}

function spanOf(fromMs: number, toMs: number): Span {
	return new Span(BigInt(Math.round((toMs - fromMs) * 1e6)));
}
