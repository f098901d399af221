import type { RequestHead, StreamInfo } from "../engine/format/index.ts";
import {
	getQueryParameter,
	getRequestHeader,
	matchMetadata,
	matchQueryParameter,
	matchRequestHeader,
} from "../engine/matcher/index.ts";
import { matchRoute, type RouteMatch } from "../engine/router/index.ts";
import { computeShare, emptyRuntime } from "../engine/runtime/index.ts";
import { describeHeader, describeMatch, describeMetadata, describePath, describeQueryParameter } from "./describe.ts";

/** Which conditions of a route a request does not meet; empty for a route that takes it. The whole is judged by the engine's own
 *  match, its parts one by one. */
export function findMisses(match: RouteMatch, request: RequestHead, stream: StreamInfo, random: number): string[] {
	const path = request.path.replace(/[?#].*$/s, "");
	const judge = (part: RouteMatch): boolean =>
		matchRoute(part, path, path.toLowerCase(), request, stream, random, emptyRuntime);
	if (judge(match)) return [];
	const missed: string[] = [];
	const bare: RouteMatch = {
		...match,
		headers: [],
		queryParameters: [],
		dynamicMetadata: [],
		cookies: [],
		filterState: [],
		grpc: false,
		tls: undefined,
		runtimeFraction: undefined,
	};
	if (!judge(bare)) missed.push(`${describePath(match.path)}, not ${path === "" ? "an empty path" : path}`);
	for (const matcher of match.headers)
		if (!matchRequestHeader(matcher, request))
			missed.push(`${describeHeader(matcher)}, not ${shown(getRequestHeader(request, matcher.name))}`);
	for (const matcher of match.queryParameters)
		if (!matchQueryParameter(matcher, request.path))
			missed.push(`${describeQueryParameter(matcher)}, not ${shown(getQueryParameter(request.path, matcher.name))}`);
	for (const matcher of match.dynamicMetadata)
		if (!matchMetadata(matcher, stream.dynamicMetadata)) missed.push(describeMetadata(matcher));
	if (match.runtimeFraction !== undefined)
		missed.push(`only ${Math.round(computeShare(match.runtimeFraction, emptyRuntime) * 100)} % of the requests`);
	return missed.length > 0 ? missed : [describeMatch(match)];
}

function shown(value: string | undefined): string {
	return value === undefined ? "none" : `'${value}'`;
}
