import { addHeader, getHeader, setHeader, toHeaderValue } from "../../core/index.ts";
import type { RequestHead, StreamInfo } from "../format/stream-info.ts";
import { substitute } from "../matcher/regex.ts";
import type { PathMatch, PathRewrite } from "./route-config.ts";
import type { ForwardAction, RedirectAction, RouteEntry } from "./route-entry.ts";

/** How a request is prepared for the upstream. */
export interface RewriteOptions {
	/** Whether a changed path and host are kept in `x-envoy-original-path` and `x-envoy-original-host`; false when the router
	 *  suppresses its headers. */
	readonly insertOriginalPath: boolean;
}

/** The cluster a forward action names for this request; empty when its header is missing. */
export function resolveClusterName(action: ForwardAction, request: RequestHead): string {
	return action.cluster.kind === "name"
		? action.cluster.name
		: (getHeader(request.headers, action.cluster.header) ?? "");
}

/** Runs header operations, host rewrite and path rewrite of a forward route on the request, in place. `auto` host rewrites wait for
 *  the host: {@link rewriteHost}. */
export function prepareRequest(
	entry: RouteEntry,
	request: RequestHead,
	stream: StreamInfo,
	options: RewriteOptions,
): void {
	const { action } = entry;
	if (action.kind === "forward" && action.clusterHost !== "") request.authority = action.clusterHost;
	if (!entry.requestHeaders.isEmpty) entry.requestHeaders.apply(request.headers, stream);
	if (action.kind !== "forward") return;
	rewriteHostByRoute(action, request, stream, options);
	if (action.pathRewrite === undefined) return;
	if (options.insertOriginalPath) setHeader(request.headers, "x-envoy-original-path", request.path);
	request.path = rewritePath(action.pathMatch, action.pathRewrite, request.path, stream);
}

/** The host that a request will have when the route's rewrites have run; the chosen host's own name cannot be known before. */
export function previewHost(action: ForwardAction, request: RequestHead): string {
	const rewrite = action.hostRewrite;
	if (rewrite?.kind === "literal") return rewrite.value;
	if (rewrite?.kind === "header") return getHeader(request.headers, rewrite.header) || request.authority;
	if (rewrite?.kind === "path-regex") return substitute(cutQuery(request.path), rewrite.regex, rewrite.substitution);
	return action.clusterHost === "" ? request.authority : action.clusterHost;
}

/** Gives the request another host, keeping the old one in `x-forwarded-host` when the route asks for that. */
export function rewriteHost(action: ForwardAction, request: RequestHead, host: string, options: RewriteOptions): void {
	if (options.insertOriginalPath) setHeader(request.headers, "x-envoy-original-host", request.authority);
	if (action.appendXForwardedHost && request.authority !== "") {
		const before = getHeader(request.headers, "x-forwarded-host");
		if (before === undefined) addHeader(request.headers, "x-forwarded-host", request.authority);
		else if (before !== request.authority)
			setHeader(request.headers, "x-forwarded-host", `${before},${request.authority}`);
	}
	request.authority = host;
}

/** The `location` of a redirect. Prefix and regex rewrites change the request's path first, as Envoy's access log shows. */
export function computeRedirect(
	action: RedirectAction,
	request: RequestHead,
	stream: StreamInfo,
	options: RewriteOptions,
): string {
	const scheme = action.scheme !== "" ? action.scheme : action.https ? "https" : request.scheme;
	const port = action.port === 0 ? "" : `:${action.port}`;
	const host =
		action.host !== ""
			? action.host
			: action.keepsHost
				? request.authority
				: cutRequestHost(request, scheme, port !== "");
	if (action.path?.kind === "format") {
		const query = action.stripQuery ? "" : request.path.slice(cutQuery(request.path).length);
		return `${scheme}://${host}${port}${toHeaderValue(action.path.value.format(stream))}${query}`;
	}
	if (action.path !== undefined && action.path.kind !== "path") {
		if (options.insertOriginalPath) setHeader(request.headers, "x-envoy-original-path", request.path);
		request.path = rewritePath(action.pathMatch, action.path, request.path, stream);
	}
	return `${scheme}://${host}${port}${computeRedirectPath(action, request.path)}`;
}

function computeRedirectPath(action: RedirectAction, path: string): string {
	const query = path.indexOf("?");
	if (action.path?.kind === "path") {
		const own = action.path.value.startsWith("/") ? action.path.value : `/${action.path.value}`;
		return own.includes("?") || query === -1 || action.stripQuery ? own : own + path.slice(query);
	}
	return query !== -1 && action.stripQuery ? path.slice(0, query) : path;
}

/** The request's host, without a port that the redirect replaces or that was the default of the scheme it leaves. */
function cutRequestHost(request: RequestHead, scheme: string, replacesPort: boolean): string {
	const host = request.authority;
	const end = host.startsWith("[") ? host.lastIndexOf("]:") + 1 || -1 : host.lastIndexOf(":");
	if (end === -1) return host;
	const port = host.slice(end);
	const protocol = getHeader(request.headers, "x-forwarded-proto") ?? request.scheme;
	const wasDefault =
		scheme !== protocol && ((protocol === "https" && port === ":443") || (protocol === "http" && port === ":80"));
	return replacesPort || wasDefault ? host.slice(0, end) : host;
}

function rewriteHostByRoute(
	action: ForwardAction,
	request: RequestHead,
	stream: StreamInfo,
	options: RewriteOptions,
): void {
	const rewrite = action.hostRewrite;
	if (rewrite?.kind === "format") {
		const host = toHeaderValue(rewrite.value.format(stream));
		if (host !== "") rewriteHost(action, request, host, options);
	}
	if (rewrite?.kind === "literal") rewriteHost(action, request, rewrite.value, options);
	if (rewrite?.kind === "header") {
		const host = getHeader(request.headers, rewrite.header);
		if (host !== undefined && host !== "") rewriteHost(action, request, host, options);
	}
	if (rewrite?.kind === "path-regex") {
		rewriteHost(action, request, substitute(cutQuery(request.path), rewrite.regex, rewrite.substitution), options);
	}
}

function rewritePath(match: PathMatch, rewrite: PathRewrite, path: string, stream: StreamInfo): string {
	const bare = cutQuery(path);
	if (rewrite.kind === "format") return toHeaderValue(rewrite.value.format(stream)) + path.slice(bare.length);
	if (rewrite.kind === "template") {
		const caught = rewrite.regex.exec(bare);
		const parts = rewrite.parts.map((part) => (typeof part === "string" ? part : (caught?.[part] ?? "")));
		return parts.join("") + path.slice(bare.length);
	}
	if (rewrite.kind === "regex") return substitute(bare, rewrite.regex, rewrite.substitution) + path.slice(bare.length);
	// A regular expression or an exact path matched the whole path.
	const matched = match.kind === "prefix" || match.kind === "separated-prefix" ? match.value.length : bare.length;
	return rewrite.replacement + path.slice(matched);
}

function cutQuery(path: string): string {
	const end = path.search(/[?#]/);
	return end === -1 ? path : path.slice(0, end);
}
