import { getHeader } from "../core/index.ts";
import {
	type ConnectionFacts,
	createStreamInfo,
	type RequestHead,
	type SocketAddress,
	type StreamInfo,
} from "../engine/format/index.ts";
import { normalizeRequestPath, withoutPort } from "../engine/router/index.ts";
import type { HttpConnectionManagerConfig } from "../proxy/runtime-config/index.ts";

/** A request as a connection manager hands it to its filters. */
export interface PreparedRequest {
	readonly request: RequestHead;
	readonly stream: StreamInfo;
	/** The path was refused or is asked for again in its normal form. */
	readonly refusal?: { readonly status: number; readonly reason: string };
}

/** Does what connection managers do to a head before they route it. */
export function prepareHead(
	given: RequestHead,
	connection: ConnectionFacts,
	config: HttpConnectionManagerConfig,
): PreparedRequest {
	const request: RequestHead = { ...given, headers: [...given.headers] };
	const stream = createStreamInfo(connection, 0, 0);
	stream.request = request;
	stream.originalPath = given.path;
	stream.protocol = "HTTP/1.1";
	stream.remote = findClient(request, connection, config);
	request.scheme = config.schemeOverwrite ?? (connection.tls === undefined ? "http" : "https");
	if (getHeader(request.headers, "x-forwarded-proto") === undefined)
		request.headers.push("x-forwarded-proto", request.scheme);
	if (config.stripPort === "any") request.authority = withoutPort(request.authority);
	if (config.stripPort === "matching" && request.authority.endsWith(`:${connection.local.port}`))
		request.authority = withoutPort(request.authority);
	if (request.method === "CONNECT" && request.path === "") return { request, stream };
	if (!request.path.startsWith("/"))
		return { request, stream, refusal: { status: 400, reason: "the path does not begin with a slash" } };
	const outcome = normalizeRequestPath(request.path, config);
	request.path = outcome.path;
	if (outcome.kind === "accept") return { request, stream };
	const status = outcome.kind === "reject" ? 400 : 307;
	return {
		request,
		stream,
		refusal: { status, reason: "the path is not in its normal form (path_normalization_failed)" },
	};
}

/** The client's address by x-forwarded-for, as far as the manager believes it. */
function findClient(
	{ headers }: RequestHead,
	{ remote }: ConnectionFacts,
	{ useRemoteAddress, xffNumTrustedHops }: HttpConnectionManagerConfig,
): SocketAddress {
	if (useRemoteAddress && xffNumTrustedHops === 0) return remote;
	const skip = useRemoteAddress ? xffNumTrustedHops - 1 : xffNumTrustedHops;
	const address = getHeader(headers, "x-forwarded-for")
		?.split(",")
		.at(-1 - skip)
		?.trim();
	return address === undefined || address === "" ? remote : { text: `${address}:0`, ip: address, port: 0 };
}
