import type { Message } from "@bufbuild/protobuf";
import type { StringValue } from "@bufbuild/protobuf/wkt";
import { type Action, RBAC_Action } from "../../api/gen/envoy/config/rbac/v3/rbac_pb.js";
import type { FilterStateInput } from "../../api/gen/envoy/extensions/matching/common_inputs/network/v3/network_inputs_pb.js";
import type {
	HttpRequestHeaderMatchInput,
	HttpRequestQueryParamMatchInput,
	HttpResponseHeaderMatchInput,
} from "../../api/gen/envoy/type/matcher/v3/http_inputs_pb.js";
import type { TypedExtensionConfig } from "../../api/gen/xds/core/v3/extension_pb.js";
import type { CelMatcher } from "../../api/gen/xds/type/matcher/v3/cel_pb.js";
import type { IPMatcher } from "../../api/gen/xds/type/matcher/v3/ip_pb.js";
import type {
	Matcher,
	Matcher_MatcherList_Predicate,
	Matcher_OnMatch,
} from "../../api/gen/xds/type/matcher/v3/matcher_pb.js";
import type {
	MatchAction,
	MatchInput,
	MatchOutcome,
	MatchPredicate,
	MatchTree,
} from "../../engine/authorization/index.ts";
import { parseCidr, type StringMatcher } from "../../engine/matcher/index.ts";
import { readExpression } from "./expression.ts";
import { readStringMatcher } from "./matchers.ts";
import { type Scope, toWireText } from "./scope.ts";
import { unpackExtension } from "./values.ts";

const noInput: MatchInput = { kind: "server-name" };
const denied: MatchOutcome = { kind: "action", name: "", action: "deny" };

/** What trees of one place may look at, and what they may say in the end. */
interface TreeTerms {
	readonly inputs: Readonly<Record<string, MatchInput>>;
	/** Whether heads of requests and responses may be looked at. */
	readonly isAboutRequests: boolean;
	/** Undefined for a message that is no action there. */
	readAction(config: Message, scope: Scope): MatchAction | undefined;
	readonly noun: string;
}

/** Translates a tree of matchers with actions of authorization, about requests or, in the network filter, about connections alone. */
export function readMatchTree(message: Matcher, scope: Scope, isAboutRequests: boolean): MatchTree {
	return readTree(message, scope, isAboutRequests ? authorizationTerms : connectionTerms);
}

/** Translates a tree of matchers about requests; `readAction` turns what an action says into a name, undefined for what is none. */
export function readRequestMatcher(
	message: Matcher,
	scope: Scope,
	readAction: (config: Message, scope: Scope) => string | undefined,
): MatchTree {
	return readTree(message, scope, {
		inputs: { ...authorizationInputs, [`${network}SourceTypeInput`]: { kind: "source-type" } },
		isAboutRequests: true,
		readAction(config, at) {
			const name = readAction(config, at);
			return name === undefined ? undefined : { name, action: "allow" };
		},
		noun: "action for a filter",
	});
}

/** Translates a tree of matchers whose actions are names of filter chains. */
export function readChainMatcher(message: Matcher, scope: Scope): MatchTree {
	return readTree(message, scope, chainTerms);
}

function readTree(message: Matcher, scope: Scope, terms: TreeTerms): MatchTree {
	const type = message.matcherType;
	const otherwise =
		message.onNoMatch === undefined ? undefined : readOutcome(message.onNoMatch, scope.at("on_no_match"), terms);
	const empty = { entries: [], input: undefined, map: new Map<string, MatchOutcome>(), otherwise };
	if (type.case === "matcherList") {
		const at = scope.at("matcher_list");
		const entries = type.value.matchers.map((entry, index) => ({
			predicate: readPredicate(entry.predicate, at.at("matchers", index).at("predicate"), terms),
			outcome: readOutcome(entry.onMatch, at.at("matchers", index).at("on_match"), terms),
		}));
		return { ...empty, kind: "list", entries };
	}
	if (type.case !== "matcherTree") return { ...empty, kind: "list" };
	const at = scope.at("matcher_tree");
	const input = readInput(type.value.input, at.at("input"), terms);
	if (input.kind === "expression") at.at("input").report("an expression is true or false, which no map looks up");
	const tree = type.value.treeType;
	if (tree.case === "customMatch") {
		return { ...empty, ...readCustomTree(tree.value, at.at("custom_match"), terms), input };
	}
	if (tree.case === undefined) return { ...empty, kind: "list" };
	const place = at.at(tree.case === "exactMatchMap" ? "exact_match_map" : "prefix_match_map");
	const map = new Map(
		Object.entries(tree.value.map).map(([key, outcome]) => [key, readOutcome(outcome, place.at("map", key), terms)]),
	);
	return { ...empty, kind: tree.case === "exactMatchMap" ? "exact" : "prefix", input, map };
}

const actions: Readonly<Record<number, "allow" | "deny" | "log">> = {
	[RBAC_Action.ALLOW]: "allow",
	[RBAC_Action.DENY]: "deny",
	[RBAC_Action.LOG]: "log",
};

const network = "envoy.extensions.matching.common_inputs.network.v3.";
const ssl = "envoy.extensions.matching.common_inputs.ssl.v3.";
const authorizationInputs: Readonly<Record<string, MatchInput>> = {
	[`${network}SourceIPInput`]: { kind: "source-ip" },
	[`${network}SourcePortInput`]: { kind: "source-port" },
	[`${network}DirectSourceIPInput`]: { kind: "direct-source-ip" },
	[`${network}DestinationIPInput`]: { kind: "destination-ip" },
	[`${network}DestinationPortInput`]: { kind: "destination-port" },
	[`${network}ServerNameInput`]: { kind: "server-name" },
	[`${ssl}UriSanInput`]: { kind: "uri-san" },
	[`${ssl}DnsSanInput`]: { kind: "dns-san" },
	[`${ssl}SubjectInput`]: { kind: "subject" },
};
const networkInputs: Readonly<Record<string, MatchInput>> = {
	...authorizationInputs,
	[`${network}SourceTypeInput`]: { kind: "source-type" },
	[`${network}TransportProtocolInput`]: { kind: "transport-protocol" },
	[`${network}ApplicationProtocolInput`]: { kind: "application-protocol" },
};

const connectionTerms: TreeTerms = {
	inputs: authorizationInputs,
	isAboutRequests: false,
	readAction(config) {
		if (config.$typeName !== "envoy.config.rbac.v3.Action") return undefined;
		const { name, action } = config as Action;
		return { name, action: actions[action] ?? "allow" };
	},
	noun: "action of authorization",
};

const authorizationTerms: TreeTerms = { ...connectionTerms, isAboutRequests: true };

const chainTerms: TreeTerms = {
	inputs: networkInputs,
	isAboutRequests: false,
	readAction: (config) =>
		config.$typeName === "google.protobuf.StringValue"
			? { name: (config as StringValue).value, action: "allow" }
			: undefined,
	noun: "name of a filter chain",
};

function readCustomTree(
	message: TypedExtensionConfig,
	scope: Scope,
	terms: TreeTerms,
): Pick<MatchTree, "kind" | "ranges"> & Partial<Pick<MatchTree, "map">> {
	const at = scope.at("typed_config");
	const config = unpackExtension(message.typedConfig, at);
	if (config?.$typeName === "xds.type.matcher.v3.IPMatcher") {
		return { kind: "ip", ranges: readRanges(config as IPMatcher, at, terms) };
	}
	if (config?.$typeName === "xds.type.matcher.v3.ServerNameMatcher") {
		return { kind: "domain", ranges: [], map: readDomains(config as ServerNameMatcher, at, terms) };
	}
	if (config !== undefined) at.report(`${config.$typeName} is no supported matcher`);
	return { kind: "ip", ranges: [] };
}

function readRanges({ rangeMatchers }: IPMatcher, scope: Scope, terms: TreeTerms): MatchTree["ranges"] {
	return rangeMatchers.flatMap(({ ranges, onMatch }, index) => {
		const place = scope.at("range_matchers", index);
		const outcome = readOutcome(onMatch, place.at("on_match"), terms);
		return ranges.flatMap(({ addressPrefix, prefixLen }, position) => {
			const range = parseCidr(addressPrefix, prefixLen ?? 0);
			if (range === undefined) place.at("ranges", position).report(`${addressPrefix} is no address`);
			return range === undefined ? [] : [{ range, outcome }];
		});
	});
}

/** `xds.type.matcher.v3.ServerNameMatcher`. */
type ServerNameMatcher = Message & {
	readonly domainMatchers: readonly { readonly domains: readonly string[]; readonly onMatch?: Matcher_OnMatch }[];
};

function readDomains({ domainMatchers }: ServerNameMatcher, scope: Scope, terms: TreeTerms): MatchTree["map"] {
	const map = new Map<string, MatchOutcome>();
	for (const [index, { domains, onMatch }] of domainMatchers.entries()) {
		const place = scope.at("domain_matchers", index);
		const outcome = readOutcome(onMatch, place.at("on_match"), terms);
		for (const [position, domain] of domains.entries()) {
			const problem = map.has(domain) ? "duplicate domain" : domain.slice(1).includes("*") ? "invalid wildcard in" : "";
			if (problem !== "") place.at("domains", position).report(`${problem} ${domain}`);
			map.set(domain, outcome);
		}
	}
	return map;
}

function readOutcome(message: Matcher_OnMatch | undefined, scope: Scope, terms: TreeTerms): MatchOutcome {
	const outcome = message?.onMatch;
	if (outcome?.case === "matcher") return { kind: "tree", tree: readTree(outcome.value, scope.at("matcher"), terms) };
	if (outcome?.case !== "action") return denied;
	const at = scope.at("action").at("typed_config");
	const config = unpackExtension(outcome.value.typedConfig, at);
	const action = config === undefined ? undefined : terms.readAction(config, at);
	if (config !== undefined && action === undefined) at.report(`${config.$typeName} is no ${terms.noun}`);
	return action === undefined ? denied : { kind: "action", ...action };
}

function readPredicate(
	message: Matcher_MatcherList_Predicate | undefined,
	scope: Scope,
	terms: TreeTerms,
): MatchPredicate {
	const type = message?.matchType;
	switch (type?.case) {
		case "singlePredicate": {
			const at = scope.at("single_predicate");
			const input = readInput(type.value.input, at.at("input"), terms);
			const { matcher } = type.value;
			if (matcher.case === "customMatch") return readCustomMatch(matcher.value, at.at("custom_match"), terms);
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
			const predicates = type.value.predicate.map((one, index) => readPredicate(one, at.at("predicate", index), terms));
			return { kind: type.case === "andMatcher" ? "and" : "or", predicates };
		}
		case "notMatcher":
			return { kind: "not", predicate: readPredicate(type.value, scope.at("not_matcher"), terms) };
		default:
			return { kind: "or", predicates: [] };
	}
}

function readHeadInput(config: Message): MatchInput | undefined {
	switch (config.$typeName) {
		case "envoy.type.matcher.v3.HttpRequestHeaderMatchInput":
			return { kind: "request-header", name: (config as HttpRequestHeaderMatchInput).headerName.toLowerCase() };
		case "envoy.type.matcher.v3.HttpResponseHeaderMatchInput":
			return { kind: "response-header", name: (config as HttpResponseHeaderMatchInput).headerName.toLowerCase() };
		case "envoy.type.matcher.v3.HttpResponseStatusCodeMatchInput":
			return { kind: "response-status" };
		case "envoy.type.matcher.v3.HttpResponseStatusCodeClassMatchInput":
			return { kind: "response-status-class" };
		case "envoy.type.matcher.v3.HttpResponseLocalReplyMatchInput":
			return { kind: "response-is-local" };
		case "envoy.type.matcher.v3.HttpRequestQueryParamMatchInput":
			return { kind: "request-query", name: toWireText((config as HttpRequestQueryParamMatchInput).queryParam) };
		case "xds.type.matcher.v3.HttpAttributesCelMatchInput":
			return anyAttribute;
		default:
			return undefined;
	}
}

/** What an expression looks at. */
const anyAttribute: MatchInput = { kind: "expression", expression: { kind: "constant", value: null } };

/** `xds.type.matcher.v3.CelMatcher`. */
function readCustomMatch(message: TypedExtensionConfig, scope: Scope, terms: TreeTerms): MatchPredicate {
	const nothing: MatchPredicate = { kind: "or", predicates: [] };
	const at = scope.at("typed_config");
	const config = unpackExtension(message.typedConfig, at);
	if (config?.$typeName !== "xds.type.matcher.v3.CelMatcher" || !terms.isAboutRequests) {
		if (config !== undefined) at.report(`${config.$typeName} is no supported matcher`);
		return nothing;
	}
	const specifier = (config as CelMatcher).exprMatch?.exprSpecifier;
	const place = at.at("expr_match").at(specifier?.case === "checkedExpr" ? "checked_expr" : "parsed_expr");
	const expression = readExpression(specifier?.value?.expr, place.at("expr"));
	const isTrue: StringMatcher = { kind: "exact", value: "true", ignoreCase: false };
	return { kind: "value", input: { kind: "expression", expression }, matcher: isTrue };
}

function readInput(message: TypedExtensionConfig | undefined, scope: Scope, terms: TreeTerms): MatchInput {
	const at = scope.at("typed_config");
	const config = unpackExtension(message?.typedConfig, at);
	return config === undefined ? noInput : readKnownInput(config, at, terms);
}

/** Translates one input about requests. */
export function readRequestInput(config: Message, scope: Scope): MatchInput {
	return readKnownInput(config, scope, authorizationTerms);
}

function readKnownInput(config: Message, at: Scope, terms: TreeTerms): MatchInput {
	if (config.$typeName === `${network}FilterStateInput`) {
		return { kind: "filter-state", key: (config as FilterStateInput).key };
	}
	if (terms.isAboutRequests) {
		const ofHead = readHeadInput(config);
		if (ofHead !== undefined) return ofHead;
	}
	const input = terms.inputs[config.$typeName];
	if (input === undefined) at.report(`${config.$typeName} is no supported input of a matcher`);
	return input ?? noInput;
}
