import { getJoinedHeader } from "../../core/index.ts";
import { type Expression, matchesExpression } from "../expression/index.ts";
import type { StreamInfo } from "../format/index.ts";
import {
	type CidrRange,
	getQueryParameter,
	getRequestHeader,
	isInCidr,
	matchString,
	parseAddress,
	type StringMatcher,
} from "../matcher/index.ts";

/** What a tree of matchers says in the end. */
export interface MatchAction {
	readonly name: string;
	readonly action: "allow" | "deny" | "log";
}

/** `xds.type.matcher.v3.Matcher` whose actions are those of authorization. */
export interface MatchTree {
	readonly kind: "list" | "exact" | "prefix" | "ip";
	/** Of a list, in order. */
	readonly entries: readonly { readonly predicate: MatchPredicate; readonly outcome: MatchOutcome }[];
	/** What a map looks up. */
	readonly input: MatchInput | undefined;
	readonly map: ReadonlyMap<string, MatchOutcome>;
	/** Ranges of addresses; the longest prefix wins. */
	readonly ranges?: readonly { readonly range: CidrRange; readonly outcome: MatchOutcome }[];
	readonly otherwise: MatchOutcome | undefined;
}

export type MatchOutcome =
	| ({ readonly kind: "action" } & MatchAction)
	| { readonly kind: "tree"; readonly tree: MatchTree };

export type MatchPredicate =
	| { readonly kind: "value"; readonly input: MatchInput; readonly matcher: StringMatcher }
	| { readonly kind: "and"; readonly predicates: readonly MatchPredicate[] }
	| { readonly kind: "or"; readonly predicates: readonly MatchPredicate[] }
	| { readonly kind: "not"; readonly predicate: MatchPredicate };

export type MatchInput =
	| { readonly kind: "request-header" | "response-header" | "request-query"; readonly name: string }
	| { readonly kind: "filter-state"; readonly key: string }
	/** `true` or `false`. */
	| { readonly kind: "expression"; readonly expression: Expression }
	| {
			readonly kind:
				| "source-ip"
				| "source-port"
				| "direct-source-ip"
				| "destination-ip"
				| "destination-port"
				| "server-name"
				/** Names of the peer's certificate, separated by commas. */
				| "uri-san"
				| "dns-san"
				| "subject"
				| "source-type"
				| "transport-protocol"
				| "application-protocol"
				| "response-status"
				/** `1xx` to `5xx`. */
				| "response-status-class"
				/** `true` when no upstream sent the response. */
				| "response-is-local";
	  };

/** Says what an input is; undefined while it is not known. */
export type MatchInputReader = (input: MatchInput) => string | undefined;

/** The action of a tree for a stream; undefined when nothing matches. */
export function evaluateTree(tree: MatchTree, stream: StreamInfo): MatchAction | undefined {
	return evaluateTreeBy(tree, (input) => readMatchInput(input, stream));
}

/** The action of a tree; undefined when nothing matches. */
export function evaluateTreeBy(tree: MatchTree, read: MatchInputReader): MatchAction | undefined {
	if (tree.kind === "list") {
		for (const { predicate, outcome } of tree.entries) {
			if (!holds(predicate, read)) continue;
			const action = resolve(outcome, read);
			if (action !== undefined) return action;
		}
	} else {
		const text = read(tree.input!);
		const outcome = text === undefined ? undefined : lookUp(tree, text);
		const action = outcome === undefined ? undefined : resolve(outcome, read);
		if (action !== undefined) return action;
	}
	return tree.otherwise === undefined ? undefined : resolve(tree.otherwise, read);
}

/** Whether some action of a tree is for the access log. */
export function hasLogAction(tree: MatchTree): boolean {
	const outcomes = [...tree.entries.map(({ outcome }) => outcome), ...tree.map.values()];
	if (tree.otherwise !== undefined) outcomes.push(tree.otherwise);
	return outcomes.some((outcome) =>
		outcome.kind === "action" ? outcome.action === "log" : hasLogAction(outcome.tree),
	);
}

function resolve(outcome: MatchOutcome, read: MatchInputReader): MatchAction | undefined {
	return outcome.kind === "action" ? outcome : evaluateTreeBy(outcome.tree, read);
}

/** The longest prefix wins. */
function lookUp({ kind, map, ranges }: MatchTree, text: string): MatchOutcome | undefined {
	if (kind === "exact") return map.get(text);
	if (kind === "ip") {
		const address = parseAddress(text);
		const fitting = address === undefined ? [] : (ranges ?? []).filter(({ range }) => isInCidr(range, address));
		return fitting.sort((left, right) => right.range.prefixLength - left.range.prefixLength)[0]?.outcome;
	}
	let best: string | undefined;
	for (const prefix of map.keys()) {
		if (text.startsWith(prefix) && (best === undefined || prefix.length > best.length)) best = prefix;
	}
	return best === undefined ? undefined : map.get(best);
}

function holds(predicate: MatchPredicate, read: MatchInputReader): boolean {
	switch (predicate.kind) {
		case "value": {
			const text = read(predicate.input);
			return text !== undefined && matchString(predicate.matcher, text);
		}
		case "and":
			return predicate.predicates.every((one) => holds(one, read));
		case "or":
			return predicate.predicates.some((one) => holds(one, read));
		case "not":
			return !holds(predicate.predicate, read);
	}
}

/** What an input is for a stream; undefined when it is not there. */
export function readMatchInput(input: MatchInput, stream: StreamInfo): string | undefined {
	const { request, responseHeaders, connection, remote, filterState } = stream;
	switch (input.kind) {
		case "request-header":
			return request === undefined ? undefined : getRequestHeader(request, input.name);
		case "response-header":
			return responseHeaders === undefined ? undefined : getJoinedHeader(responseHeaders, input.name);
		case "response-status":
			return stream.responseCode === 0 ? undefined : String(stream.responseCode);
		case "response-status-class":
			return stream.responseCode === 0 ? undefined : `${Math.floor(stream.responseCode / 100)}xx`;
		case "response-is-local":
			return stream.responseCode === 0 ? undefined : String(stream.responseCodeDetails !== "via_upstream");
		case "request-query":
			return request === undefined ? undefined : getQueryParameter(request.path, input.name);
		case "filter-state": {
			const value = filterState?.get(input.key);
			return typeof value === "string" ? value : undefined;
		}
		case "expression":
			return String(matchesExpression(input.expression, stream));
		case "source-ip":
			return remote.ip;
		case "source-port":
			return String(remote.port);
		case "direct-source-ip":
			return connection.directRemote.ip;
		case "destination-ip":
			return connection.local.ip;
		case "destination-port":
			return String(connection.local.port);
		case "server-name":
			return connection.serverName === "" ? undefined : connection.serverName;
		case "uri-san":
			return connection.tls?.peer?.uriSans.join(",") || undefined;
		case "dns-san":
			return connection.tls?.peer?.dnsSans.join(",") || undefined;
		case "subject":
			return connection.tls?.peer?.subject || undefined;
		case "source-type":
		case "transport-protocol":
		case "application-protocol":
			// Known while a filter chain is chosen only.
			return undefined;
	}
}
