import { type Action, RBAC_Action } from "../../api/gen/envoy/config/rbac/v3/rbac_pb.js";
import type { HttpRequestHeaderMatchInput } from "../../api/gen/envoy/type/matcher/v3/http_inputs_pb.js";
import type { TypedExtensionConfig } from "../../api/gen/xds/core/v3/extension_pb.js";
import type {
	Matcher,
	Matcher_MatcherList_Predicate,
	Matcher_OnMatch,
} from "../../api/gen/xds/type/matcher/v3/matcher_pb.js";
import type { MatchInput, MatchOutcome, MatchPredicate, MatchTree } from "../../engine/authorization/index.ts";
import { readStringMatcher } from "./matchers.ts";
import type { Scope } from "./scope.ts";
import { unpackExtension } from "./values.ts";

const noInput: MatchInput = { kind: "server-name" };
const denied: MatchOutcome = { kind: "action", name: "", action: "deny" };

/** Translates a tree of matchers with actions of authorization. */
export function readMatchTree(message: Matcher, scope: Scope): MatchTree {
	const type = message.matcherType;
	const otherwise =
		message.onNoMatch === undefined ? undefined : readOutcome(message.onNoMatch, scope.at("on_no_match"));
	const empty = { entries: [], input: undefined, map: new Map<string, MatchOutcome>(), otherwise };
	if (type.case === "matcherList") {
		const at = scope.at("matcher_list");
		const entries = type.value.matchers.map((entry, index) => ({
			predicate: readPredicate(entry.predicate, at.at("matchers", index).at("predicate")),
			outcome: readOutcome(entry.onMatch, at.at("matchers", index).at("on_match")),
		}));
		return { ...empty, kind: "list", entries };
	}
	if (type.case !== "matcherTree") return { ...empty, kind: "list" };
	const at = scope.at("matcher_tree");
	const input = readInput(type.value.input, at.at("input"));
	const tree = type.value.treeType;
	if (tree.case !== "exactMatchMap" && tree.case !== "prefixMatchMap") {
		at.at("custom_match").report("this field is not supported");
		return { ...empty, kind: "list" };
	}
	const place = at.at(tree.case === "exactMatchMap" ? "exact_match_map" : "prefix_match_map");
	const map = new Map(
		Object.entries(tree.value.map).map(([key, outcome]) => [key, readOutcome(outcome, place.at("map", key))]),
	);
	return { ...empty, kind: tree.case === "exactMatchMap" ? "exact" : "prefix", input, map };
}

const actions: Readonly<Record<number, "allow" | "deny" | "log">> = {
	[RBAC_Action.ALLOW]: "allow",
	[RBAC_Action.DENY]: "deny",
	[RBAC_Action.LOG]: "log",
};

function readOutcome(message: Matcher_OnMatch | undefined, scope: Scope): MatchOutcome {
	const outcome = message?.onMatch;
	if (outcome?.case === "matcher") return { kind: "tree", tree: readMatchTree(outcome.value, scope.at("matcher")) };
	if (outcome?.case !== "action") return denied;
	const at = scope.at("action").at("typed_config");
	const config = unpackExtension(outcome.value.typedConfig, at);
	if (config?.$typeName !== "envoy.config.rbac.v3.Action") {
		if (config !== undefined) at.report(`${config.$typeName} is no action of authorization`);
		return denied;
	}
	const { name, action } = config as Action;
	return { kind: "action", name, action: actions[action] ?? "allow" };
}

function readPredicate(message: Matcher_MatcherList_Predicate | undefined, scope: Scope): MatchPredicate {
	const type = message?.matchType;
	switch (type?.case) {
		case "singlePredicate": {
			const at = scope.at("single_predicate");
			const input = readInput(type.value.input, at.at("input"));
			const { matcher } = type.value;
			if (matcher.case === "customMatch") at.at("custom_match").report("this field is not supported");
			const text = matcher.case === "valueMatch" ? matcher.value : undefined;
			type StringMessage = Parameters<typeof readStringMatcher>[0];
			return {
				kind: "value",
				input,
				matcher: readStringMatcher(text as unknown as StringMessage, at.at("value_match")),
			};
		}
		case "andMatcher":
		case "orMatcher": {
			const at = scope.at(type.case === "andMatcher" ? "and_matcher" : "or_matcher");
			const predicates = type.value.predicate.map((one, index) => readPredicate(one, at.at("predicate", index)));
			return { kind: type.case === "andMatcher" ? "and" : "or", predicates };
		}
		case "notMatcher":
			return { kind: "not", predicate: readPredicate(type.value, scope.at("not_matcher")) };
		default:
			return { kind: "or", predicates: [] };
	}
}

const network = "envoy.extensions.matching.common_inputs.network.v3.";
const networkInputs: Readonly<Record<string, MatchInput>> = {
	[`${network}SourceIPInput`]: { kind: "source-ip" },
	[`${network}SourcePortInput`]: { kind: "source-port" },
	[`${network}DirectSourceIPInput`]: { kind: "direct-source-ip" },
	[`${network}DestinationIPInput`]: { kind: "destination-ip" },
	[`${network}DestinationPortInput`]: { kind: "destination-port" },
	[`${network}ServerNameInput`]: { kind: "server-name" },
};

function readInput(message: TypedExtensionConfig | undefined, scope: Scope): MatchInput {
	const at = scope.at("typed_config");
	const config = unpackExtension(message?.typedConfig, at);
	if (config === undefined) return noInput;
	if (config.$typeName === "envoy.type.matcher.v3.HttpRequestHeaderMatchInput") {
		return { kind: "request-header", name: (config as HttpRequestHeaderMatchInput).headerName.toLowerCase() };
	}
	const input = networkInputs[config.$typeName];
	if (input === undefined) at.report(`${config.$typeName} is no supported input of a matcher`);
	return input ?? noInput;
}
