import type { KindName } from "../../config/index.ts";
import { formatObjectName, type HttpRoute, type RouteMatch, type StreamMatch } from "../../model/index.ts";
import { findRoutes, type RankedMatch, rankMatches } from "../translate/index.ts";
import { coversMatch, coversScope } from "./cover.ts";
import { objectsOf, type ReportFinding, type World } from "./world.ts";

/** Comparisons of matches per analysis: a list of thousands of matches is not compared pair by pair. */
const maxComparisons = 2_000_000;

/** Matches that can never decide, because one that is tried before them takes all their requests. */
export function findShadowedRoutes(world: World, report: ReportFinding): void {
	const budget = { left: maxComparisons };
	for (const { value, ...object } of objectsOf(world, "VirtualService")) {
		shadowsOfHttp(object, value.http, budget, report);
		for (const rules of [value.tcp, value.tls]) shadowsOfStreams(object, rules, report);
	}
	for (const group of listRankedGroups(world)) shadowsOfRanked(group, budget, report);
}

interface Budget {
	left: number;
}

type Owner = { readonly kind: KindName; readonly namespace: string; readonly name: string };

interface HttpRules {
	readonly matches: readonly RouteMatch[];
	readonly path: string;
	readonly hasMatches: boolean;
	readonly delegate?: unknown;
}

/** In a VirtualService the first match decides. What a delegate takes is not known here, so it takes nothing. */
function shadowsOfHttp(owner: Owner, rules: readonly HttpRules[], budget: Budget, report: ReportFinding): void {
	const before: { readonly match: RouteMatch; readonly path: string }[] = [];
	for (const rule of rules) {
		const own = rule.matches.map((match, index) => ({ match, path: matchPath(rule, index) }));
		for (const { match, path } of own) {
			const first = before.find(
				(other) => budget.left-- > 0 && coversMatch(other.match, match) && coversScope(other.match.scope, match.scope),
			);
			if (first !== undefined)
				report(
					"ROUTE_SHADOWED",
					owner,
					path,
					`never decides: ${first.path} is tried before it and takes all its requests`,
				);
		}
		if (rule.delegate === undefined) before.push(...own);
	}
}

function matchPath({ path, hasMatches }: HttpRules, index: number): string {
	return hasMatches ? `${path}.match[${index}]` : path;
}

function shadowsOfStreams(
	owner: Owner,
	rules: readonly { readonly matches: readonly StreamMatch[]; readonly path: string }[],
	report: ReportFinding,
): void {
	for (const [position, rule] of rules.entries()) {
		const before = rules
			.slice(0, position)
			.find(({ matches }) =>
				rule.matches.length === 0
					? matches.length === 0
					: matches.length === 0 || rule.matches.every((match) => matches.some((wide) => coversStream(wide, match))),
			);
		if (before !== undefined)
			report("ROUTE_SHADOWED", owner, rule.path, `never decides: ${before.path} takes all its connections`);
	}
}

function coversStream(wide: StreamMatch, narrow: StreamMatch): boolean {
	const isWithin = (own: readonly string[], other: readonly string[]): boolean =>
		own.length === 0 || (other.length > 0 && other.every((item) => own.includes(item)));
	return (
		coversScope(wide.scope, narrow.scope) &&
		isWithin(wide.sniHosts, narrow.sniHosts) &&
		isWithin(wide.destinationSubnets, narrow.destinationSubnets)
	);
}

/** Matches that compete: of the routes of one service port, and of one host of a Gateway's listener. */
function listRankedGroups({ index }: World): RankedMatch[][] {
	const rank = (routes: readonly HttpRoute[]): RankedMatch[] => rankMatches(routes, () => undefined);
	const ofServices = index.services.flatMap((service) =>
		service.ports.flatMap((port) => {
			const namespaces = new Set(index.routesOf(service).map(({ namespace }) => namespace));
			return [...namespaces].map((namespace) => rank(findRoutes(index, service, port, namespace)));
		}),
	);
	const ofGateways = [...index.attachments.gateways.values()].flatMap(({ listeners }) =>
		listeners.flatMap(({ httpRoutes }) => {
			const hosts = new Set(httpRoutes.flatMap(({ hostnames }) => hostnames));
			return [...hosts].map((host) =>
				rank(httpRoutes.filter(({ hostnames }) => hostnames.includes(host)).map(({ route }) => route)),
			);
		}),
	);
	return [...ofServices, ...ofGateways];
}

function shadowsOfRanked(ranked: readonly RankedMatch[], budget: Budget, report: ReportFinding): void {
	for (const [position, { route, ruleIndex, matchIndex, match }] of ranked.entries()) {
		const first = ranked.slice(0, position).find((other) => budget.left-- > 0 && coversMatch(other.match, match));
		if (first === undefined) continue;
		const rule = route.rules[ruleIndex]!;
		const where = `${first.route.rules[first.ruleIndex]!.path}.matches[${first.matchIndex}]`;
		const other = first.route === route ? where : `${where} of ${first.route.kind} ${formatObjectName(first.route)}`;
		const path = `${rule.path}.matches[${matchIndex}]`;
		report("ROUTE_SHADOWED", route, path, `never decides: ${other} ranks before it and takes all its requests`);
	}
}
