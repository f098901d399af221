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
	readonly kind: "list" | "exact" | "prefix" | "ip" | "domain";
	/** Of a list, in order. */
	readonly entries: readonly { readonly predicate: MatchPredicate; readonly outcome: MatchOutcome }[];
	/** What a map looks up. The keys of `domain` are names, `*.` and the end of names, or `*`. */
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

/** Says what an input is: undefined when it is not there, null when nobody can know it, upon which nothing matches. */
export type MatchInputReader = (input: MatchInput) => string | undefined | null;

/** The action of a tree for a stream; undefined when nothing matches. */
export function evaluateTree(tree: MatchTree, stream: StreamInfo): MatchAction | undefined {
	return evaluateTreeBy(tree, (input) => readMatchInput(input, stream));
}

/** The action of a tree; undefined when nothing matches. */
export function evaluateTreeBy(tree: MatchTree, read: MatchInputReader): MatchAction | undefined {
	return decide(tree, read) ?? undefined;
}

/** Null when something that had to be looked at cannot be known. */
function decide(tree: MatchTree, read: MatchInputReader): MatchAction | undefined | null {
	if (tree.kind === "list") {
		for (const { predicate, outcome } of tree.entries) {
			const verdict = holds(predicate, read);
			if (verdict === null) return null;
			if (!verdict) continue;
			const action = resolve(outcome, read);
			if (action !== undefined) return action;
		}
	} else {
		const text = read(tree.input!);
		if (text === null) return null;
		for (const outcome of text === undefined ? [] : lookUp(tree, text)) {
			const action = resolve(outcome, read);
			if (action !== undefined) return action;
		}
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

function resolve(outcome: MatchOutcome, read: MatchInputReader): MatchAction | undefined | null {
	return outcome.kind === "action" ? outcome : decide(outcome.tree, read);
}

/** What fits a text, the first that says something counts: of ranges and domains the narrower ones go first, of prefixes the longest is
 *  all. */
function lookUp({ kind, map, ranges }: MatchTree, text: string): readonly MatchOutcome[] {
	if (kind === "exact") return listOf(map.get(text));
	if (kind === "domain") return listDomains(text).flatMap((domain) => listOf(map.get(domain)));
	if (kind === "ip") {
		const address = parseAddress(text);
		const fitting = address === undefined ? [] : (ranges ?? []).filter(({ range }) => isInCidr(range, address));
		fitting.sort((left, right) => right.range.prefixLength - left.range.prefixLength);
		return fitting.map(({ outcome }) => outcome);
	}
	let best: string | undefined;
	for (const prefix of map.keys()) {
		if (text.startsWith(prefix) && (best === undefined || prefix.length > best.length)) best = prefix;
	}
	return best === undefined ? [] : listOf(map.get(best));
}

function listOf(outcome: MatchOutcome | undefined): readonly MatchOutcome[] {
	return outcome === undefined ? [] : [outcome];
}

/** A name and the patterns that fit it: `*` in place of ever more of its parts. */
function listDomains(name: string): readonly string[] {
	const domains = [name];
	for (let dot = name.indexOf("."); dot !== -1; dot = name.indexOf(".", dot + 1)) domains.push(`*${name.slice(dot)}`);
	return [...domains, "*"];
}

/** Null when it depends on what cannot be known. */
function holds(predicate: MatchPredicate, read: MatchInputReader): boolean | null {
	switch (predicate.kind) {
		case "value": {
			const text = read(predicate.input);
			return text === null ? null : text !== undefined && matchString(predicate.matcher, text);
		}
		case "and": {
			for (const one of predicate.predicates) {
				const verdict = holds(one, read);
				if (verdict !== true) return verdict;
			}
			return true;
		}
		case "or": {
			let verdict: boolean | null = false;
			for (const one of predicate.predicates) {
				const ofOne = holds(one, read);
				if (ofOne === true) return true;
				if (ofOne === null) verdict = null;
			}
			return verdict;
		}
		case "not": {
			const verdict = holds(predicate.predicate, read);
			return verdict === null ? null : !verdict;
		}
	}
}

/** What an input is for a stream; undefined when it is not there, null for a
 *  certificate's names on a connection without TLS. */
export function readMatchInput(input: MatchInput, stream: StreamInfo): string | undefined | null {
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
			return connection.tls === undefined ? null : connection.tls.peer?.uriSans.join(",") || undefined;
		case "dns-san":
			return connection.tls === undefined ? null : connection.tls.peer?.dnsSans.join(",") || undefined;
		case "subject":
			return connection.tls === undefined ? null : connection.tls.peer?.subject || undefined;
		case "source-type":
			return isLocal(remote.ip, connection.local.ip) ? "local" : undefined;
		case "transport-protocol":
		case "application-protocol":
			// Known while a filter chain is chosen only.
			return undefined;
	}
}

/** Whether a client is on this machine. */
function isLocal(remote: string, local: string): boolean {
	// As in Envoy, the other addresses of 127.0.0.0/8 are no loopback.
	return remote === local || remote === "::1" || remote === "127.0.0.1";
}
