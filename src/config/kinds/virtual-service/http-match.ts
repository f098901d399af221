import type { ClaimMatch, MatchScope, NamedMatch, PathMatch, RouteMatch, StringMatch } from "../../../model/index.ts";
import { list, map } from "../../schema/collections.ts";
import { labels } from "../../schema/kubernetes.ts";
import { object, optional } from "../../schema/object.ts";
import { boolean, string } from "../../schema/scalars.ts";
import { refine, type Schema } from "../../schema/schema.ts";
import { portNumber } from "../istio/destination.ts";
import { type OptionalMatch, optionalMatch, stringMatch } from "../istio/string-match.ts";

const headers = map(optionalMatch, {
	format: "an HTTP header name, or @request.auth.claims and the name of a claim",
	pattern: /^(:?[A-Za-z0-9!#$%&'*+\-.^_`|~]+|@.*)$/,
});

const scopeFields = {
	port: optional(portNumber(), "Port of the request"),
	sourceLabels: optional(labels(), "Labels of the client's workload, all of them"),
	sourceNamespace: optional(string({ maxLength: 63 }), "Namespace of the client's workload"),
	gateways: optional(
		list(string({ maxLength: 512 }), { max: 256 }),
		"Gateways it is for, `mesh` for sidecars; those of the object when absent",
	),
};

/** Fields that limit a match to some clients. */
export const scopeSchema: typeof scopeFields = scopeFields;

const fields = object({
	name: optional(string({ maxLength: 256 }), "Name of the match, for logs"),
	uri: optional(stringMatch, "Path of the request"),
	scheme: optional(stringMatch, "Scheme of the request"),
	method: optional(stringMatch, "Method of the request"),
	authority: optional(stringMatch, "Host of the request"),
	headers: optional(
		headers,
		"Headers of the request, all of them; an empty match asks for presence. At gateways that check tokens `@request.auth.claims[NAME]` is a claim",
	),
	withoutHeaders: optional(headers, "Headers that must not match"),
	queryParams: optional(map(optionalMatch, { format: "a parameter", pattern: /^[^\0]+$/ }), "Parameters of the query"),
	ignoreUriCase: optional(boolean(), "Compare the path without case; not for regex"),
	statPrefix: optional(string({ maxLength: 256 }), "Name of the statistics of the route"),
	...scopeFields,
});

type Spec = typeof fields extends Schema<infer T> ? T : never;

/** One of `match` of an HTTP rule. */
export const httpMatch: Schema<RouteMatch> = refine(fields, (value, _node, reader): RouteMatch | undefined => {
	for (const field of ["headers", "withoutHeaders"] as const)
		for (const [name, { kind }] of Object.entries(value[field] ?? {})) {
			const fault = name.startsWith("@") ? findClaimFault(name, kind) : undefined;
			if (fault !== undefined) return reader.field(field).field(name).refuse(fault);
		}
	return {
		...(value.name !== undefined && { name: value.name }),
		path: toPath(value.uri, value.ignoreUriCase ?? false),
		headers: toHeaders(value),
		...toClaims(value),
		queryParams: toNamed(value.queryParams, false),
		...(value.statPrefix !== undefined && { statPrefix: value.statPrefix }),
		...toScope(value),
	};
});

/** The match of a rule without matches. */
export const anyHttp: RouteMatch = { path: { kind: "startsWith", value: "/" }, headers: [], queryParams: [] };

/** The limits of a match, when there are any. */
export function toScope(value: {
	readonly port: number | undefined;
	readonly sourceLabels: MatchScope["sourceLabels"] | undefined;
	readonly sourceNamespace: string | undefined;
	readonly gateways: readonly string[] | undefined;
}): { readonly scope?: MatchScope } {
	const scope: MatchScope = {
		...(value.port !== undefined && { port: value.port }),
		...(value.sourceLabels !== undefined && { sourceLabels: value.sourceLabels }),
		...(value.sourceNamespace !== undefined && { sourceNamespace: value.sourceNamespace }),
		...(value.gateways !== undefined && value.gateways.length > 0 && { gateways: value.gateways }),
	};
	return Object.keys(scope).length === 0 ? {} : { scope };
}

function toPath(uri: StringMatch | undefined, ignoresCase: boolean): PathMatch {
	if (uri === undefined) return anyHttp.path;
	const path: PathMatch = uri.kind === "prefix" ? { kind: "startsWith", value: uri.value } : uri;
	return ignoresCase && path.kind !== "regex" ? { ...path, ignoresCase } : path;
}

const claimPrefix = "@request.auth.claims";

/** Why a name with `@` is no claim that can be matched. */
function findClaimFault(name: string, kind: OptionalMatch["kind"]): string | undefined {
	if (kind === "present") return "must have exact, prefix or regex: a claim is compared, not looked for";
	return readClaim(name) === undefined
		? `must be ${claimPrefix}[NAME], nested claims ${claimPrefix}[OUTER][INNER], or with dots in place of brackets`
		: undefined;
}

/** The names of a claim, the outer one first: `@request.auth.claims[a][b]` or `@request.auth.claims.a.b`. */
function readClaim(name: string): readonly string[] | undefined {
	if (name.slice(0, claimPrefix.length).toLowerCase() !== claimPrefix) return undefined;
	const rest = name.slice(claimPrefix.length);
	if (/^(\[[^[\]]+\])+$/.test(rest)) return rest.slice(1, -1).split("][");
	return /^(\.[^.[\]]+)+$/.test(rest) ? rest.slice(1).split(".") : undefined;
}

function toClaims({ headers: wanted, withoutHeaders }: Spec): { readonly claims?: readonly ClaimMatch[] } {
	const claims = [wanted, withoutHeaders].flatMap((matches, position) =>
		Object.entries(matches ?? {}).flatMap(([name, value]): ClaimMatch[] => {
			const path = name.startsWith("@") ? readClaim(name) : undefined;
			if (path === undefined || value.kind === "present") return [];
			return [{ path, value, ...(position === 1 && { isNegated: true }) }];
		}),
	);
	return claims.length === 0 ? {} : { claims };
}

function toHeaders({ headers: wanted, withoutHeaders, method, authority, scheme }: Spec): readonly NamedMatch[] {
	const pseudo = { ":method": method, ":authority": authority, ":scheme": scheme };
	return [
		...toNamed(lowerCase(wanted), false),
		...toNamed(lowerCase(withoutHeaders), true),
		...Object.entries(pseudo).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }])),
	];
}

function lowerCase(headersByName: Readonly<Record<string, OptionalMatch>> | undefined): Record<string, OptionalMatch> {
	return Object.fromEntries(
		Object.entries(headersByName ?? {}).flatMap(([name, value]) =>
			name.startsWith("@") ? [] : [[name.toLowerCase(), value] as const],
		),
	);
}

function toNamed(matches: Readonly<Record<string, OptionalMatch>> | undefined, isNegated: boolean): NamedMatch[] {
	return Object.entries(matches ?? {})
		.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
		.map(([name, value]) => ({ name, value, ...(isNegated && { isNegated }) }));
}
