import type { StringMatcher } from "../../api/gen/envoy/type/matcher/v3/string_pb.js";
import { quoteRegex, stringMatcher } from "./messages.ts";

export type MatchedValue = StringMatcher;

/** A value of a rule: exact, `prefix*`, `*suffix`, or `*` for anything but nothing. */
export function matchText(value: string): MatchedValue {
	if (value === "*") return stringMatcher("regex", ".+");
	if (value.startsWith("*")) return stringMatcher("suffix", value.slice(1));
	if (value.endsWith("*")) return stringMatcher("prefix", value.slice(0, -1));
	return stringMatcher("exact", value);
}

/** `<trust domain>/ns/<namespace>/sa/<service account>`, compared with the peer's SPIFFE ID. `cluster.local` also means the
 *  mesh's own trust domain, whatever its name (Istio). */
export function matchPrincipal(value: string, trustDomain: string): readonly MatchedValue[] {
	const matchers = [matchSpiffeId(value)];
	const pointer = "cluster.local/";
	if (value.startsWith(pointer) && trustDomain !== "cluster.local")
		matchers.push(matchSpiffeId(`${trustDomain}/${value.slice(pointer.length)}`));
	return matchers;
}

function matchSpiffeId(value: string): MatchedValue {
	if (value === "*") return stringMatcher("regex", ".+");
	if (value.startsWith("*")) return stringMatcher("regex", `spiffe://.*${quoteRegex(value.slice(1))}`);
	if (value.endsWith("*")) return stringMatcher("prefix", `spiffe://${value.slice(0, -1)}`);
	return stringMatcher("exact", `spiffe://${value}`);
}

/** The namespace of the peer's SPIFFE ID. */
export function matchNamespace(value: string): readonly MatchedValue[] {
	return [stringMatcher("regex", `spiffe://[^/]+/ns/${value.split("*").map(quoteRegex).join("[^/]*")}/sa/.+`)];
}

/** A host, with or without a port: adding `:80` to a request must not get it past a rule. */
export function matchHost(value: string): readonly MatchedValue[] {
	if (value === "*") return [stringMatcher("regex", ".+")];
	if (value.endsWith("*")) return [stringMatcher("prefix", value.slice(0, -1), true)];
	const hasPort = /:\d+$/.test(value);
	if (value.startsWith("*")) {
		const suffix = value.slice(1);
		if (hasPort) return [stringMatcher("suffix", suffix, true)];
		return [stringMatcher("suffix", suffix, true), stringMatcher("regex", `(?i).*${quoteRegex(suffix)}:[0-9]+`)];
	}
	if (hasPort) return [stringMatcher("exact", value, true)];
	return [stringMatcher("exact", value, true), stringMatcher("prefix", `${value}:`, true)];
}

/** A path without its query. A DENY rule also catches path parameters:
 *  `/admin;x` is `/admin` to many applications. */
export function matchPath(value: string, isDeny: boolean): readonly MatchedValue[] {
	const matchers = [matchText(value)];
	if (isDeny && !value.includes("*")) matchers.push(stringMatcher("prefix", `${value};`));
	return matchers;
}
