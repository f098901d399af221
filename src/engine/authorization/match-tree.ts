import type { StreamInfo } from "../format/index.ts";
import { getRequestHeader, matchString, type StringMatcher } from "../matcher/index.ts";

/** What a tree of matchers says in the end. */
export interface MatchAction {
	readonly name: string;
	readonly action: "allow" | "deny" | "log";
}

/** `xds.type.matcher.v3.Matcher` whose actions are those of authorization. */
export interface MatchTree {
	readonly kind: "list" | "exact" | "prefix";
	/** Of a list, in order. */
	readonly entries: readonly { readonly predicate: MatchPredicate; readonly outcome: MatchOutcome }[];
	/** What a map looks up. */
	readonly input: MatchInput | undefined;
	readonly map: ReadonlyMap<string, MatchOutcome>;
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
	| { readonly kind: "request-header"; readonly name: string }
	| {
			readonly kind:
				| "source-ip"
				| "source-port"
				| "direct-source-ip"
				| "destination-ip"
				| "destination-port"
				| "server-name";
	  };

/** The action of a tree for a stream; undefined when nothing matches. */
export function evaluateTree(tree: MatchTree, stream: StreamInfo): MatchAction | undefined {
	if (tree.kind === "list") {
		for (const { predicate, outcome } of tree.entries) {
			if (!holds(predicate, stream)) continue;
			const action = resolve(outcome, stream);
			if (action !== undefined) return action;
		}
	} else {
		const text = readInput(tree.input!, stream);
		const outcome = text === undefined ? undefined : lookUp(tree, text);
		const action = outcome === undefined ? undefined : resolve(outcome, stream);
		if (action !== undefined) return action;
	}
	return tree.otherwise === undefined ? undefined : resolve(tree.otherwise, stream);
}

/** Whether some action of a tree is for the access log. */
export function hasLogAction(tree: MatchTree): boolean {
	const outcomes = [...tree.entries.map(({ outcome }) => outcome), ...tree.map.values()];
	if (tree.otherwise !== undefined) outcomes.push(tree.otherwise);
	return outcomes.some((outcome) =>
		outcome.kind === "action" ? outcome.action === "log" : hasLogAction(outcome.tree),
	);
}

function resolve(outcome: MatchOutcome, stream: StreamInfo): MatchAction | undefined {
	return outcome.kind === "action" ? outcome : evaluateTree(outcome.tree, stream);
}

/** The longest prefix wins. */
function lookUp({ kind, map }: MatchTree, text: string): MatchOutcome | undefined {
	if (kind === "exact") return map.get(text);
	let best: string | undefined;
	for (const prefix of map.keys()) {
		if (text.startsWith(prefix) && (best === undefined || prefix.length > best.length)) best = prefix;
	}
	return best === undefined ? undefined : map.get(best);
}

function holds(predicate: MatchPredicate, stream: StreamInfo): boolean {
	switch (predicate.kind) {
		case "value": {
			const text = readInput(predicate.input, stream);
			return text !== undefined && matchString(predicate.matcher, text);
		}
		case "and":
			return predicate.predicates.every((one) => holds(one, stream));
		case "or":
			return predicate.predicates.some((one) => holds(one, stream));
		case "not":
			return !holds(predicate.predicate, stream);
	}
}

function readInput(input: MatchInput, { request, connection, remote }: StreamInfo): string | undefined {
	switch (input.kind) {
		case "request-header":
			return request === undefined ? undefined : getRequestHeader(request, input.name);
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
	}
}
