import type { ClaimMatch, MatchScope, NamedMatch, PathMatch, RouteMatch, RouteRule } from "../../model/index.ts";
import { defined } from "../kinds/destination-rule/connection-pool.ts";
import type { HttpRuleDocument } from "../kinds/virtual-service/http-rule.ts";

/** The rules of a delegate under the rule that delegates to it: its matches narrow those of the rule, and what it leaves out is taken
 *  from the rule. A rule of the delegate that can never match beside them is left out and told (Istio). */
export function mergeDelegate(
	root: HttpRuleDocument,
	delegate: readonly HttpRuleDocument[],
	onConflict: (rule: HttpRuleDocument) => void,
): HttpRuleDocument[] {
	return delegate.flatMap((rule) => {
		const matches = mergeMatches(root, rule);
		if (matches === undefined) {
			onConflict(rule);
			return [];
		}
		const name = joinNames(root.name, rule.name);
		return [{ ...pickInherited(root, rule), ...rule, ...(name !== undefined && { name }), matches }];
	});
}

/** What a delegate's rule takes from the rule above it: `headers` as a whole, and its rewrite only without one of its own. */
function pickInherited(root: HttpRuleDocument, rule: HttpRuleDocument): Partial<RouteRule> {
	const { rewrite, directResponse, timeoutMs, retry, backendTimeoutMs, fault, mirrors, cors } = root;
	const changesHeaders = rule.requestHeaders !== undefined || rule.responseHeaders !== undefined;
	return {
		...defined({ rewrite, directResponse, timeoutMs, fault, mirrors, cors }),
		...(rule.retry === undefined && defined({ retry, backendTimeoutMs })),
		...(!changesHeaders && defined({ requestHeaders: root.requestHeaders, responseHeaders: root.responseHeaders })),
	};
}

function joinNames(root: string | undefined, name: string | undefined): string | undefined {
	return root === undefined || name === undefined ? (root ?? name) : `${root}-${name}`;
}

function mergeMatches(root: HttpRuleDocument, rule: HttpRuleDocument): readonly RouteMatch[] | undefined {
	if (!root.hasMatches) return rule.matches;
	if (!rule.hasMatches) return root.matches;
	const merged: RouteMatch[] = [];
	for (const leaf of rule.matches) {
		const found = root.matches.flatMap((above) => mergeMatch(above, leaf) ?? []);
		if (found.length === 0) return undefined;
		merged.push(...found);
	}
	return merged;
}

function mergeMatch(root: RouteMatch, leaf: RouteMatch): RouteMatch | undefined {
	const path = mergePath(root.path, leaf.path);
	const headers = mergeNamed(root.headers, leaf.headers);
	const queryParams = mergeNamed(root.queryParams, leaf.queryParams);
	const scope = mergeScope(root.scope ?? {}, leaf.scope ?? {});
	if (path === undefined || headers === undefined || queryParams === undefined || scope === undefined) return undefined;
	const name = joinNames(root.name, leaf.name);
	const claims = mergeClaims(root.claims ?? [], leaf.claims ?? []);
	const statPrefix = leaf.statPrefix ?? root.statPrefix;
	return {
		...(name !== undefined && { name }),
		path,
		headers,
		queryParams,
		...(claims.length > 0 && { claims }),
		...(Object.keys(scope).length > 0 && { scope }),
		...(statPrefix !== undefined && { statPrefix }),
	};
}

type Value = NamedMatch["value"] | PathMatch;

/** Whether `leaf` can narrow `root`: the same text, or a longer one below a prefix. */
function narrows(root: Value, leaf: Value): boolean {
	if (root.kind === "present" || leaf.kind === "present") return true;
	if (root.kind === "regex" || leaf.kind === "regex") return false;
	if (root.kind === "exact") return leaf.kind === "exact" && leaf.value === root.value;
	return leaf.value.startsWith(root.value);
}

function mergePath(root: PathMatch, leaf: PathMatch): PathMatch | undefined {
	const isAny = ({ kind, value }: PathMatch): boolean => kind === "startsWith" && value === "/";
	if ((root.ignoresCase ?? false) !== (leaf.ignoresCase ?? false)) return undefined;
	if (isAny(leaf)) return root;
	return isAny(root) || narrows(root, leaf) ? leaf : undefined;
}

function mergeNamed(root: readonly NamedMatch[], leaf: readonly NamedMatch[]): readonly NamedMatch[] | undefined {
	const keyOf = ({ name, isNegated = false }: NamedMatch): string => `${isNegated} ${name}`;
	const merged = new Map(root.map((match) => [keyOf(match), match]));
	for (const match of leaf) {
		const above = merged.get(keyOf(match));
		if (above !== undefined && !narrows(above.value, match.value)) return undefined;
		merged.set(keyOf(match), match);
	}
	return [...merged.values()];
}

/** Of two conditions on one claim that of the leaf. */
function mergeClaims(root: readonly ClaimMatch[], leaf: readonly ClaimMatch[]): readonly ClaimMatch[] {
	const keyOf = ({ path, isNegated = false }: ClaimMatch): string => JSON.stringify([isNegated, ...path]);
	return [...new Map([...root, ...leaf].map((claim) => [keyOf(claim), claim])).values()];
}

function mergeScope(root: MatchScope, leaf: MatchScope): MatchScope | undefined {
	if (root.port !== undefined && leaf.port !== undefined && root.port !== leaf.port) return undefined;
	if (root.sourceNamespace !== undefined && leaf.sourceNamespace !== root.sourceNamespace) return undefined;
	const labels = { ...root.sourceLabels, ...leaf.sourceLabels };
	for (const [key, value] of Object.entries(root.sourceLabels ?? {})) if (labels[key] !== value) return undefined;
	if (root.gateways !== undefined && leaf.gateways?.some((gateway) => !root.gateways!.includes(gateway)) === true)
		return undefined;
	return { ...root, ...leaf, ...(Object.keys(labels).length > 0 && { sourceLabels: labels }) };
}
