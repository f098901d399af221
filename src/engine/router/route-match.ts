import { getHeader } from "../../core/index.ts";
import type { RequestHead, StreamInfo } from "../format/stream-info.ts";
import { matchMetadata, matchQueryParameter, matchRequestHeader, matchString } from "../matcher/match.ts";
import { isInFraction, type Runtime } from "../runtime/runtime.ts";
import { getCookie } from "./hash.ts";
import type { PathMatch, RouteMatch } from "./route-config.ts";

/** Whether a route takes a request. `path` is the request's path without query, `lowerPath` the same in lower case. */
export function matchRoute(
	match: RouteMatch,
	path: string,
	lowerPath: string,
	request: RequestHead,
	stream: StreamInfo,
	random: number,
	runtime: Runtime,
): boolean {
	return matchPath(match.path, path, lowerPath, request) && matchBesidesPath(match, request, stream, random, runtime);
}

/** {@link matchRoute} where it is known that the route takes the path. */
export function matchBesidesPath(
	match: RouteMatch,
	request: RequestHead,
	stream: StreamInfo,
	random: number,
	runtime: Runtime,
): boolean {
	if (match.runtimeFraction !== undefined && !isInFraction(match.runtimeFraction, random, runtime)) return false;
	for (let index = 0; index < match.headers.length; index++) {
		if (!matchRequestHeader(match.headers[index]!, request)) return false;
	}
	for (let index = 0; index < match.queryParameters.length; index++) {
		if (!matchQueryParameter(match.queryParameters[index]!, request.path)) return false;
	}
	if (match.grpc && !isGrpcRequest(request)) return false;
	if (match.tls !== undefined && !matchTls(match.tls, stream)) return false;
	for (let index = 0; index < match.dynamicMetadata.length; index++) {
		if (!matchMetadata(match.dynamicMetadata[index]!, stream.dynamicMetadata)) return false;
	}
	for (let index = 0; index < match.cookies.length; index++) {
		const { name, matcher, invert } = match.cookies[index]!;
		const value = getCookie(request.headers, name);
		if ((value !== undefined && matchString(matcher, value)) === invert) return false;
	}
	for (let index = 0; index < match.filterState.length; index++) {
		const { key, matcher } = match.filterState[index]!;
		const value = stream.filterState?.get(key);
		if (value === undefined || !matchString(matcher, String(value))) return false;
	}
	return true;
}

/** Whether the content type is `application/grpc` or one of its `+` forms. */
export function isGrpcRequest(request: RequestHead): boolean {
	const type = getHeader(request.headers, "content-type");
	return type?.startsWith("application/grpc") === true && (type.length === 16 || type[16] === "+");
}

function matchPath(match: PathMatch, path: string, lowerPath: string, request: RequestHead): boolean {
	if (match.kind === "connect") return request.method === "CONNECT";
	// A CONNECT request without a path goes to CONNECT routes only.
	if (request.path === "") return false;
	switch (match.kind) {
		case "prefix":
			return (match.ignoreCase ? lowerPath : path).startsWith(match.value);
		case "exact":
			return (match.ignoreCase ? lowerPath : path) === match.value;
		case "separated-prefix": {
			const subject = match.ignoreCase ? lowerPath : path;
			if (!subject.startsWith(match.value)) return false;
			return subject.length === match.value.length || subject[match.value.length] === "/";
		}
		case "regex":
		case "template":
			return match.regex.test(path);
	}
}

function matchTls(match: NonNullable<RouteMatch["tls"]>, stream: StreamInfo): boolean {
	const { tls } = stream.connection;
	if (match.presented !== undefined && match.presented !== (tls?.peer !== undefined)) return false;
	return match.validated === undefined || match.validated === (tls?.peerVerified ?? false);
}
