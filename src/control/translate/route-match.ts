import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
	HeaderMatcherSchema,
	QueryParameterMatcherSchema,
	RouteMatchSchema,
} from "../../api/gen/envoy/config/route/v3/route_components_pb.js";
import { assertNever } from "../../core/index.ts";
import type { HttpRoute, NamedMatch, RouteMatch } from "../../model/index.ts";
import { claimMetadata } from "./authorization/terms.ts";
import { stringMatcher } from "./messages.ts";
import { compareAge } from "./names.ts";
import { findRegexFault } from "./regex.ts";

export type RouteMatchInit = Extract<MessageInitShape<typeof RouteMatchSchema>, { readonly $typeName?: undefined }>;

/** One match of one rule of one route, with what its precedence needs. */
export interface RankedMatch {
	readonly route: HttpRoute;
	readonly ruleIndex: number;
	readonly matchIndex: number;
	readonly match: RouteMatch;
}

/** Gateway API: exact path, longest prefix, method, most headers, most query parameters, oldest route, name, order in the
 *  route. A regular expression comes after every prefix (Istio). */
export function compareRank(a: RankedMatch, b: RankedMatch): number {
	return (
		pathRank(a) - pathRank(b) ||
		pathLength(b.match) - pathLength(a.match) ||
		Number(b.match.method !== undefined) - Number(a.match.method !== undefined) ||
		b.match.headers.length - a.match.headers.length ||
		b.match.queryParams.length - a.match.queryParams.length ||
		compareAge(a.route, b.route) ||
		a.ruleIndex - b.ruleIndex ||
		a.matchIndex - b.matchIndex
	);
}

function pathRank({ route, match: { path } }: RankedMatch): number {
	// A call without service and method in its match has no path at all: it comes after those with a regular expression.
	if (route.kind === "GRPCRoute" && path.kind === "prefix") return 3;
	return path.kind === "exact" ? 0 : path.kind === "regex" ? 2 : 1;
}

function pathLength({ path }: RouteMatch): number {
	return path.kind === "prefix" ? trimPrefix(path.value).length : path.value.length;
}

/** A prefix of whole segments without the slash at its end; `/` is the empty one. */
export function trimPrefix(prefix: string): string {
	return prefix.replace(/\/+$/, "");
}

/** Why a proxy would refuse this match (and with it every route beside it), with the field's path; undefined when it is fine. */
export function findMatchFault(match: RouteMatch): { readonly path: string; readonly problem: string } | undefined {
	const { path } = match;
	if (path.kind === "regex") {
		const fault = findRegexFault(path.value);
		if (fault !== undefined) return { path: "path.value", problem: fault };
	} else if (!path.value.startsWith("/")) return { path: "path.value", problem: "must start with '/'" };
	else if (/[?#]/.test(path.value)) return { path: "path.value", problem: "must not contain '?' or '#'" };
	for (const [field, matches] of [
		["headers", match.headers],
		["queryParams", match.queryParams],
	] as const)
		for (const [position, { name, value }] of matches.entries()) {
			if (name === "") return { path: `${field}[${position}].name`, problem: "must not be empty" };
			if (field === "headers" && !isHeaderName(name) && !pseudoHeaders.has(name))
				return { path: `${field}[${position}].name`, problem: `'${name}' is no header name` };
			const fault = value.kind === "regex" ? findRegexFault(value.value) : undefined;
			if (fault !== undefined) return { path: `${field}[${position}].value`, problem: fault };
		}
	return undefined;
}

const pseudoHeaders: ReadonlySet<string> = new Set([":method", ":authority", ":scheme"]);

/** A token of RFC 9110, section 5.6.2. */
export function isHeaderName(name: string): boolean {
	return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name);
}

export function translateMatch(match: RouteMatch): RouteMatchInit {
	const headers = match.headers.map(translateHeaderMatch);
	if (match.method !== undefined)
		headers.push(translateHeaderMatch({ name: ":method", value: { kind: "exact", value: match.method } }));
	return {
		pathSpecifier: translatePath(match.path),
		...(match.path.ignoresCase === true && { caseSensitive: false }),
		headers,
		queryParameters: match.queryParams.map(translateQueryMatch),
		dynamicMetadata: (match.claims ?? []).map(({ path, value, isNegated = false }) => ({
			...claimMetadata(path, stringMatcher(value.kind, value.value)),
			invert: isNegated,
		})),
	};
}

function translatePath(path: RouteMatch["path"]): RouteMatchInit["pathSpecifier"] {
	switch (path.kind) {
		case "exact":
			return { case: "path", value: path.value };
		case "regex":
			return { case: "safeRegex", value: { regex: path.value } };
		case "startsWith":
			return { case: "prefix", value: path.value };
		case "prefix": {
			const prefix = trimPrefix(path.value);
			return prefix === "" ? { case: "prefix", value: "/" } : { case: "pathSeparatedPrefix", value: prefix };
		}
		default:
			return assertNever(path);
	}
}

function translateHeaderMatch({
	name,
	value,
	isNegated = false,
}: NamedMatch): MessageInitShape<typeof HeaderMatcherSchema> {
	return {
		name: name.toLowerCase(),
		headerMatchSpecifier:
			value.kind === "present"
				? { case: "presentMatch", value: true }
				: { case: "stringMatch", value: stringMatcher(value.kind, value.value) },
		...(isNegated && { invertMatch: true, treatMissingHeaderAsEmpty: value.kind !== "present" }),
	};
}

function translateQueryMatch({ name, value }: NamedMatch): MessageInitShape<typeof QueryParameterMatcherSchema> {
	return {
		name,
		queryParameterMatchSpecifier:
			value.kind === "present"
				? { case: "presentMatch", value: true }
				: { case: "stringMatch", value: stringMatcher(value.kind, value.value) },
	};
}
