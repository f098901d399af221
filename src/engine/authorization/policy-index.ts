import type { StringMatcher } from "../matcher/types.ts";
import type { Permission, Principal, RbacPolicy, RbacRules } from "./types.ts";

/** Which policies can match at all, by what most of them name exactly: a peer, or a path. */
export interface PolicyIndex {
	/** Positions of the policies that may match, in order.
	 *  @param names of the peer; none without TLS
	 *  @param path without query; undefined for a connection */
	candidates(names: readonly string[], path: string | undefined): readonly number[];
}

/** Fewer policies are looked at one by one in less time than an index is asked. */
const minPolicies = 8;
/** A policy that names more than this is always looked at. */
const maxValues = 64;

const indexes = new WeakMap<RbacRules, PolicyIndex | "none">();

/** The index of rules, made when they are asked for the first time; undefined when there are few policies. */
export function findPolicyIndex(rules: RbacRules): PolicyIndex | undefined {
	let index = indexes.get(rules);
	if (index === undefined) {
		index = rules.policies.length < minPolicies ? "none" : createIndex(rules.policies);
		indexes.set(rules, index);
	}
	return index === "none" ? undefined : index;
}

function createIndex(policies: readonly RbacPolicy[]): PolicyIndex {
	const byName = new Map<string, number[]>();
	const byPath = new Map<string, number[]>();
	const others: number[] = [];
	for (const [position, { principals, permissions }] of policies.entries()) {
		const names = valuesOfAny(principals, exactNames);
		const paths = names === undefined ? valuesOfAny(permissions, exactPaths) : undefined;
		if (names !== undefined) add(byName, names, position);
		else if (paths !== undefined) add(byPath, paths, position);
		else others.push(position);
	}
	return {
		candidates(names, path) {
			const lists = names.flatMap((name) => byName.get(name) ?? []);
			const ofPath = path === undefined ? undefined : byPath.get(path);
			if (lists.length === 0 && ofPath === undefined) return others;
			// A peer with several names meets a policy once for each.
			return [...new Set([...lists, ...(ofPath ?? []), ...others])].sort((left, right) => left - right);
		},
	};
}

function add(index: Map<string, number[]>, values: ReadonlySet<string>, position: number): void {
	for (const value of values) {
		const list = index.get(value);
		if (list === undefined) index.set(value, [position]);
		else list.push(position);
	}
}

type Values = ReadonlySet<string> | undefined;

/** What one of several must be: undefined when one of them says nothing of it. */
function valuesOfAny<Term>(terms: readonly Term[], valuesOf: (term: Term) => Values): Values {
	const all = new Set<string>();
	for (const term of terms) {
		const values = valuesOf(term);
		if (values === undefined) return undefined;
		for (const value of values) all.add(value);
	}
	return all.size > maxValues ? undefined : all;
}

/** What all of several must be, as far as one of them says. */
function valuesOfAll<Term>(terms: readonly Term[], valuesOf: (term: Term) => Values): Values {
	for (const term of terms) {
		const values = valuesOf(term);
		if (values !== undefined) return values;
	}
	return undefined;
}

function exactNames(principal: Principal): Values {
	switch (principal.kind) {
		case "and":
			return valuesOfAll(principal.ids, exactNames);
		case "or":
			return valuesOfAny(principal.ids, exactNames);
		case "authenticated":
			return principal.matcher === undefined ? undefined : exactValue(principal.matcher);
		default:
			return undefined;
	}
}

function exactPaths(permission: Permission): Values {
	switch (permission.kind) {
		case "and":
			return valuesOfAll(permission.rules, exactPaths);
		case "or":
			return valuesOfAny(permission.rules, exactPaths);
		case "url-path":
			return exactValue(permission.matcher);
		default:
			return undefined;
	}
}

function exactValue(matcher: StringMatcher): Values {
	return matcher.kind === "exact" && !matcher.ignoreCase ? new Set([matcher.value]) : undefined;
}
