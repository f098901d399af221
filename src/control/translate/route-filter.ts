import type { MessageInitShape } from "@bufbuild/protobuf";
import {
	type RedirectActionSchema,
	RedirectAction_RedirectResponseCode as ResponseCode,
	type RouteActionSchema,
} from "../../api/gen/envoy/config/route/v3/route_components_pb.js";
import type { FilterActions, HeaderFilter, PathMatch, PathRewrite, Redirect, RouteRule } from "../../model/index.ts";
import { headerValue, quoteRegex } from "./messages.ts";
import { findRegexFault } from "./regex.ts";
import { isHeaderName, trimPrefix } from "./route-match.ts";

/** Whose rules a route follows where they differ. */
export type RuleSemantics = "istio" | "gateway-api";

type RouteActionInit = Extract<MessageInitShape<typeof RouteActionSchema>, { readonly $typeName?: undefined }>;
type RedirectInit = Extract<MessageInitShape<typeof RedirectActionSchema>, { readonly $typeName?: undefined }>;

/** Why a proxy would refuse the filters of a rule, with the field's path. */
export function findFilterFault(rule: RouteRule): { readonly path: string; readonly problem: string } | undefined {
	const headerFilters: [string, HeaderFilter | undefined][] = [
		["filters.requestHeaderModifier", rule.requestHeaders],
		["filters.responseHeaderModifier", rule.responseHeaders],
		...rule.backends.flatMap((backend, position): [string, HeaderFilter | undefined][] => [
			[`backendRefs[${position}].filters.requestHeaderModifier`, backend.requestHeaders],
			[`backendRefs[${position}].filters.responseHeaderModifier`, backend.responseHeaders],
		]),
	];
	for (const [path, filter] of headerFilters) {
		const names =
			filter === undefined
				? []
				: [...filter.set.map(([name]) => name), ...filter.add.map(([name]) => name), ...filter.remove];
		for (const name of names) {
			if (!isHeaderName(name)) return { path, problem: `'${name}' is no header name` };
		}
		for (const [name, value] of [...(filter?.set ?? []), ...(filter?.add ?? [])])
			if (/[\0\r\n]/.test(value)) return { path, problem: `value of '${name}' contains a line break` };
	}
	for (const [place, actions] of [
		["", rule] as const,
		...rule.backends.map(({ filters }, position) => [`backendRefs[${position}].`, filters] as const),
	]) {
		const fault = actions === undefined ? undefined : findRewriteFault(actions, rule);
		if (fault !== undefined) return { ...fault, path: place + fault.path };
	}
	return undefined;
}

function findRewriteFault(
	{ redirect, rewrite: changed }: FilterActions,
	rule: RouteRule,
): { readonly path: string; readonly problem: string } | undefined {
	const rewrite = redirect?.path ?? changed?.path;
	if (rewrite === undefined) return undefined;
	const path = `filters.${redirect !== undefined ? "requestRedirect" : "urlRewrite"}.path`;
	if (rewrite.kind === "prefix" && rule.matches.some((match) => match.path.kind !== "prefix"))
		return { path, problem: "ReplacePrefixMatch needs a PathPrefix match in every match of the rule" };
	if (rewrite.kind === "regex") {
		const fault = findRegexFault(rewrite.pattern);
		return fault === undefined ? undefined : { path, problem: fault };
	}
	if (rewrite.kind === "full" && !rewrite.value.startsWith("/")) return { path, problem: "must start with '/'" };
	return undefined;
}

/** The header changes of a rule or of one of its backends, as routes and weighted clusters both spell them. */
export function translateHeaders(request: HeaderFilter | undefined, response: HeaderFilter | undefined) {
	const changes = (filter: HeaderFilter | undefined) => [
		...(filter?.set ?? []).map(([name, value]) => headerValue(name, value, "set", filter?.isFormat)),
		...(filter?.add ?? []).map(([name, value]) => headerValue(name, value, "add", filter?.isFormat)),
	];
	return {
		requestHeadersToAdd: changes(request),
		requestHeadersToRemove: (request?.remove ?? []).map((name) => name.toLowerCase()),
		responseHeadersToAdd: changes(response),
		responseHeadersToRemove: (response?.remove ?? []).map((name) => name.toLowerCase()),
	};
}

export function translateRewrite(
	rewrite: NonNullable<RouteRule["rewrite"]>,
	path: PathMatch,
): Partial<RouteActionInit> {
	return {
		...(rewrite.hostname !== undefined && {
			hostRewriteSpecifier: { case: "hostRewriteLiteral", value: rewrite.hostname },
		}),
		...(rewrite.path !== undefined && translatePathRewrite(rewrite.path, path)),
	};
}

function translatePathRewrite(rewrite: PathRewrite, path: PathMatch): Partial<RouteActionInit> {
	if (rewrite.kind === "full") return { regexRewrite: replaceWholePath(rewrite.value) };
	if (rewrite.kind === "startsWith") return { prefixRewrite: rewrite.value };
	if (rewrite.kind === "regex") return { regexRewrite: replaceMatches(rewrite) };
	const replaced = replacePrefix(rewrite.value, path.value);
	return replaced.kind === "prefix" ? { prefixRewrite: replaced.value } : { regexRewrite: replaced.value };
}

/** Where redirects are answered. */
export interface RedirectPlace {
	/** Of the listener or service: the one that a redirect without port and scheme keeps. */
	readonly port: number;
	/** Whether clients speak TLS there; false by default. */
	readonly isTls?: boolean;
	readonly semantics: RuleSemantics;
}

/** A redirect of a rule for requests that match a path. */
export function translateRedirect(
	redirect: Redirect,
	path: PathMatch,
	{ port, isTls = false, semantics }: RedirectPlace,
): RedirectInit {
	const { scheme, hostname } = redirect;
	return {
		...(scheme !== undefined && { schemeRewriteSpecifier: { case: "schemeRedirect", value: scheme } }),
		...(hostname !== undefined && { hostRedirect: hostname }),
		portRedirect: redirectPort(redirect, port, isTls, semantics),
		...(redirect.path !== undefined && { pathRewriteSpecifier: translateRedirectPath(redirect.path, path) }),
		responseCode: responseCodes[redirect.statusCode] ?? ResponseCode.FOUND,
	};
}

const responseCodes: Readonly<Record<number, ResponseCode>> = {
	301: ResponseCode.MOVED_PERMANENTLY,
	302: ResponseCode.FOUND,
	303: ResponseCode.SEE_OTHER,
	307: ResponseCode.TEMPORARY_REDIRECT,
	308: ResponseCode.PERMANENT_REDIRECT,
};

/** The port that Location must carry; 0 leaves it as it is. Without one the scheme's own is meant when a scheme is given, else the
 *  service's. A scheme's own port is not written (Gateway API, HTTPRequestRedirectFilter.port), in Istio not even in place of another
 *  one that the request's host has. */
function redirectPort(
	{ scheme, hostname, port }: Redirect,
	servicePort: number,
	isTls: boolean,
	semantics: RuleSemantics,
): number {
	if (port === "unchanged") return 0;
	if (port === "request") return servicePort === defaultPort(scheme === "https") ? 0 : servicePort;
	if (semantics === "istio") return port === defaultPort(scheme === "https") ? 0 : (port ?? 0);
	const wanted = port ?? (scheme === undefined ? servicePort : defaultPort(scheme === "https"));
	const isDefault = wanted === defaultPort(scheme === undefined ? isTls : scheme === "https");
	// Without a hostname the request's own host is used, whose port has to be replaced when it is not the default one.
	return isDefault && (hostname !== undefined || servicePort === defaultPort(isTls)) ? 0 : wanted;
}

function defaultPort(isTls: boolean): number {
	return isTls ? 443 : 80;
}

function translateRedirectPath(rewrite: PathRewrite, path: PathMatch): RedirectInit["pathRewriteSpecifier"] {
	if (rewrite.kind === "full") return { case: "pathRedirect", value: rewrite.value };
	if (rewrite.kind === "startsWith") return { case: "prefixRewrite", value: rewrite.value };
	if (rewrite.kind === "regex") return { case: "regexRewrite", value: replaceMatches(rewrite) };
	const replaced = replacePrefix(rewrite.value, path.value);
	return replaced.kind === "prefix"
		? { case: "prefixRewrite", value: replaced.value }
		: { case: "regexRewrite", value: replaced.value };
}

type PrefixReplacement =
	| { readonly kind: "prefix"; readonly value: string }
	| { readonly kind: "regex"; readonly value: ReturnType<typeof replaceWholePath> };

/** Replaces whole segments: with prefix `/a`, replacement `/` turns `/a/b` into `/b` (never `//b`) and `/a` into `/`. */
function replacePrefix(replacement: string, prefix: string): PrefixReplacement {
	const from = trimPrefix(prefix);
	const to = trimPrefix(replacement.startsWith("/") || replacement === "" ? replacement : `/${replacement}`);
	if (from === "") return { kind: "prefix", value: `${to}/` };
	if (to !== "") return { kind: "prefix", value: to };
	return { kind: "regex", value: { pattern: { regex: `^${quoteRegex(from)}/*` }, substitution: "/" } };
}

function replaceMatches({ pattern, substitution }: Extract<PathRewrite, { readonly kind: "regex" }>) {
	return { pattern: { regex: pattern }, substitution };
}

function replaceWholePath(path: string) {
	return { pattern: { regex: "^/.*$" }, substitution: path.replaceAll("\\", "\\\\") };
}
