import { assertNever, removeHeader, setHeader } from "../../../../core/index.ts";
import type { InternalRedirectPolicy, RouteEntry } from "../../../../engine/router/index.ts";
import type { Cluster } from "../../../cluster/index.ts";
import type { HttpStream } from "../../network/http-connection-manager/http-stream.ts";
import { PassRequestHead, type PassResponseHead } from "../pass-head.ts";
import type { RequestBody } from "./request-body.ts";
import type { RouterFilter } from "./router-filter.ts";

/** A request that goes another way instead of its answer going back. */
export interface RedirectedRequest {
	readonly request: PassRequestHead;
	/** False for 303, which turns the request into a GET. */
	readonly keepsBody: boolean;
}

/** Where an upstream's redirect leads to, counted; undefined when the client gets the answer as it is. */
export function redirectInside(
	stream: HttpStream,
	policy: InternalRedirectPolicy | undefined,
	head: PassResponseHead,
	body: RequestBody,
	cluster: Cluster,
	filter: RouterFilter,
): RedirectedRequest | undefined {
	if (policy === undefined || !policy.statuses.includes(head.status)) return undefined;
	const canRepeat = body.isComplete && body.canReplay && !stream.responseStarted;
	const redirected = canRepeat ? followRedirect(stream, policy, head, filter) : undefined;
	if (redirected === undefined) cluster.stats.upstream_internal_redirect_failed_total.value++;
	else cluster.stats.upstream_internal_redirect_succeeded_total.value++;
	return redirected;
}

/** The request an upstream's redirect leads to; undefined when the policy, the location or the routes say that the client gets the
 *  redirect. Spec: Envoy "internal redirects". */
function followRedirect(
	stream: HttpStream,
	policy: InternalRedirectPolicy,
	head: PassResponseHead,
	filter: RouterFilter,
): RedirectedRequest | undefined {
	const { stats } = filter;
	const target = parseLocation(head.get("location"));
	if (target === undefined) {
		stats.passthrough_internal_redirect_bad_location.value++;
		return undefined;
	}
	if (stream.redirects.count >= policy.maxRedirects) {
		stats.passthrough_internal_redirect_too_many_redirects.value++;
		return undefined;
	}
	const scheme = stream.connection.tls === undefined ? "http" : "https";
	if (!policy.allowCrossScheme && scheme !== target.scheme) {
		stats.passthrough_internal_redirect_unsafe_scheme.value++;
		return undefined;
	}
	const redirected = redirectRequest(stream.request, target, policy, head, scheme);
	const route = stream.routeTable?.match(redirected.request, stream.record, stream.random);
	if (route === undefined) {
		stats.passthrough_internal_redirect_no_route.value++;
		return undefined;
	}
	if (!meetsPredicates(stream, policy, route, scheme, target.scheme)) {
		stats.passthrough_internal_redirect_predicate.value++;
		return undefined;
	}
	stream.route = route;
	return redirected;
}

interface Location {
	readonly scheme: "http" | "https";
	readonly authority: string;
	readonly path: string;
}

/** Absolute URLs only; the fragment stays behind. */
function parseLocation(location: string | undefined): Location | undefined {
	const match = /^(https?):\/\/([^/?#]+)([^#]*)/i.exec(location ?? "");
	if (match === null) return undefined;
	const rest = match[3]!;
	return {
		scheme: match[1]!.toLowerCase() as Location["scheme"],
		authority: match[2]!,
		path: rest.startsWith("/") ? rest : `/${rest}`,
	};
}

function redirectRequest(
	from: PassRequestHead,
	target: Location,
	policy: InternalRedirectPolicy,
	head: PassResponseHead,
	scheme: string,
): RedirectedRequest {
	const headers = [...from.headers];
	for (const name of policy.responseHeadersToCopy) {
		const value = head.get(name);
		if (value === undefined) removeHeader(headers, name);
		else setHeader(headers, name, value);
	}
	const keepsBody = head.status !== 303 || from.method === "GET" || from.method === "HEAD";
	if (!keepsBody) removeHeader(headers, "content-length");
	setHeader(headers, "x-envoy-original-url", `${scheme}://${from.authority}${from.path}`);
	const method = keepsBody ? from.method : "GET";
	return {
		request: new PassRequestHead(headers, method, target.path, target.authority, target.scheme, from.upgrade),
		keepsBody,
	};
}

function meetsPredicates(
	stream: HttpStream,
	policy: InternalRedirectPolicy,
	route: RouteEntry,
	from: string,
	to: string,
): boolean {
	return policy.predicates.every((predicate) => {
		switch (predicate.kind) {
			case "previous-routes":
				return route.name === "" || !stream.redirects.routes.includes(route.name);
			case "allow-listed-routes":
				return predicate.names.includes(route.name);
			case "safe-cross-scheme":
				return from === "https" || to === "http";
			default:
				return assertNever(predicate);
		}
	});
}
