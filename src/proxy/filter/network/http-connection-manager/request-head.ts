import {
	getHeader,
	getJoinedHeader,
	type HeaderList,
	removeHeader,
	setHeader,
	truncate,
} from "../../../../core/index.ts";
import type { SocketAddress } from "../../../../engine/format/index.ts";
import { mutateHeaders, requestPseudoHeaders } from "../../http/header-mutation/mutate-headers.ts";
import type { PassRequestHead } from "../../http/pass-head.ts";
import { applyClientCertificateHeader } from "./client-certificate-header.ts";
import type { HttpStream } from "./http-stream.ts";
import { detectClientAddress, isInternalAddress } from "./original-address.ts";
import { isRefererValid } from "./referer.ts";

/** Headers with which only internal clients may steer the proxy. */
const internalOnly: ReadonlySet<string> = new Set([
	"x-envoy-retriable-status-codes",
	"x-envoy-retriable-header-names",
	"x-envoy-retry-on",
	"x-envoy-retry-grpc-on",
	"x-envoy-max-retries",
	"x-envoy-upstream-alt-stat-name",
	"x-envoy-upstream-rq-timeout-ms",
	"x-envoy-upstream-rq-per-try-timeout-ms",
	"x-envoy-upstream-rq-timeout-alt-response",
	"x-envoy-expected-rq-timeout-ms",
	"x-envoy-force-trace",
	"x-envoy-ip-tags",
	"x-envoy-original-url",
	"x-envoy-hedge-on-per-try-timeout",
]);
/** Headers that clients at the edge may not send either. */
const edgeOnly: ReadonlySet<string> = new Set([
	"x-envoy-decorator-operation",
	"x-envoy-downstream-service-cluster",
	"x-envoy-downstream-service-node",
	...internalOnly,
]);
/** Fields of which Envoy keeps one, joined by commas. */
const joinedNames: ReadonlySet<string> = new Set([
	"x-forwarded-for",
	"x-forwarded-proto",
	"x-forwarded-host",
	"x-forwarded-client-cert",
]);

/** Envoy's `mutateRequestHeaders`: client address, x-forwarded-*, x-envoy-*, x-request-id, x-forwarded-client-cert, via.
 *  @returns a status when an address detection refuses the request */
export function mutateRequestHead(stream: HttpStream): { readonly rejectStatus: number } | undefined {
	const { request, manager } = stream;
	const { config } = manager;
	const internalNames = manager.routes.of(request)?.internalOnlyHeaders;
	const isOpen = internalNames === undefined || internalNames.length === 0;
	if (!request.mayHaveExtensions && manager.hasPlainHeaders && isOpen) {
		// Nothing to judge: only what every request gets.
		const scheme = manager.isTls ? "https" : "http";
		request.add("x-forwarded-proto", scheme);
		if (request.scheme === "") request.scheme = scheme;
		if (config.generateRequestId) {
			request.add("x-request-id", createRequestId(stream));
		}
		return undefined;
	}
	return mutateFully(stream);
}

function mutateFully(stream: HttpStream): { readonly rejectStatus: number } | undefined {
	const { request, manager, record } = stream;
	const { config } = manager;
	const { earlyHeaderMutations } = config;
	if (earlyHeaderMutations.length > 0) {
		mutateHeaders(earlyHeaderMutations, request.headers, record, requestPseudoHeaders(request));
	}
	const { headers } = request;
	joinDuplicates(headers);
	const referer = getHeader(headers, "referer");
	if (referer !== undefined && !isRefererValid(referer)) removeHeader(headers, "referer");
	removeHeader(headers, "x-envoy-internal");
	const detected = detectClientAddress(stream);
	if (detected.rejectStatus !== 0) return { rejectStatus: detected.rejectStatus };
	const isTls = manager.isTls;
	if (detected.appendsPeer && stream.connection.remote.port !== 0) appendPeer(stream, headers);
	if (config.useRemoteAddress) applyRemoteAddress(stream, headers);
	if (getHeader(headers, "x-forwarded-proto") === undefined)
		headers.push("x-forwarded-proto", isTls ? "https" : "http");
	if (request.scheme === "") {
		const forwarded = getHeader(headers, "x-forwarded-proto")!.toLowerCase();
		request.scheme = forwarded === "http" || forwarded === "https" ? forwarded : isTls ? "https" : "http";
	}
	const { address } = detected;
	const isInternal = detected.isSingle && address !== undefined && isInternalAddress(config.internalAddresses, address);
	record.remote = address ?? stream.connection.remote;
	const isEdge = !isInternal && config.useRemoteAddress;
	if (isInternal) {
		setHeader(headers, "x-envoy-internal", "true");
		stream.isTraceForced = getHeader(headers, "x-envoy-force-trace") !== undefined;
	} else {
		removeEnvoyHeaders(headers, isEdge ? edgeOnly : internalOnly);
		for (const name of manager.routes.of(request)?.internalOnlyHeaders ?? []) removeHeader(headers, name);
	}
	if (config.addUserAgent && manager.context.nodeCluster !== "") applyUserAgent(stream, headers);
	if (config.via !== "") appendVia(headers, config.via);
	if (isEdge && record.remote.port >= 0 && !record.remote.ip.startsWith("/")) {
		setHeader(headers, "x-envoy-external-address", record.remote.ip);
	}
	applyRequestId(stream, request, isEdge);
	applyClientCertificateHeader(stream, headers);
	return undefined;
}

/** Takes the `x-envoy-` headers of `names` out, in one pass. */
function removeEnvoyHeaders(headers: HeaderList, names: ReadonlySet<string>): void {
	let kept = 0;
	for (let index = 0; index < headers.length; index += 2) {
		const name = headers[index]!;
		if (name.startsWith("x-envoy-") && names.has(name)) continue;
		if (kept !== index) {
			headers[kept] = name;
			headers[kept + 1] = headers[index + 1]!;
		}
		kept += 2;
	}
	truncate(headers, kept);
}

function joinDuplicates(headers: HeaderList): void {
	let seen = "";
	for (let index = 0; index < headers.length; index += 2) {
		const name = headers[index]!;
		if (!name.startsWith("x-forwarded-") || !joinedNames.has(name)) continue;
		if (!seen.includes(`${name},`)) {
			seen += `${name},`;
			continue;
		}
		setHeader(headers, name, getJoinedHeader(headers, name)!);
		index -= 2;
	}
}

function appendPeer(stream: HttpStream, headers: HeaderList): void {
	const { remote } = stream.connection;
	const own = isLoopback(remote) ? stream.manager.context.localAddress : remote.ip;
	const before = getHeader(headers, "x-forwarded-for");
	setHeader(headers, "x-forwarded-for", before === undefined ? own : `${before},${own}`);
}

function applyRemoteAddress(stream: HttpStream, headers: HeaderList): void {
	const { config } = stream.manager;
	const { local } = stream.connection;
	const trusts = config.xffNumTrustedHops > 0;
	if (!trusts || getHeader(headers, "x-forwarded-proto") === undefined) {
		setHeader(headers, "x-forwarded-proto", stream.manager.isTls ? "https" : "http");
	}
	if (config.appendXForwardedPort && (!trusts || getHeader(headers, "x-forwarded-port") === undefined)) {
		setHeader(headers, "x-forwarded-port", String(local.port));
	}
}

function isLoopback(address: SocketAddress): boolean {
	return address.ip.startsWith("127.") || address.ip === "::1";
}

function applyUserAgent(stream: HttpStream, headers: HeaderList): void {
	const { nodeCluster, nodeId } = stream.manager.context;
	setHeader(headers, "x-envoy-downstream-service-cluster", nodeCluster);
	if (getHeader(headers, "user-agent") === undefined) headers.push("user-agent", nodeCluster);
	if (nodeId !== "") setHeader(headers, "x-envoy-downstream-service-node", nodeId);
}

function appendVia(headers: HeaderList, via: string): void {
	const before = getJoinedHeader(headers, "via");
	setHeader(headers, "via", before === undefined ? via : `${before}, ${via}`);
}

function applyRequestId(stream: HttpStream, request: PassRequestHead, isEdge: boolean): void {
	const { config } = stream.manager;
	const given = getHeader(request.headers, "x-request-id");
	const mustReplace = isEdge && !config.preserveExternalRequestId;
	if (config.generateRequestId && (given === undefined || mustReplace)) {
		setHeader(request.headers, "x-request-id", createRequestId(stream));
	} else if (given !== undefined) {
		stream.record.streamId = given;
	}
}

function createRequestId(stream: HttpStream): string {
	const id = stream.manager.requestIds.next();
	stream.hasOwnId = true;
	stream.record.streamId = id;
	return id;
}
