import type { StringMatcher } from "../../../api/gen/envoy/type/matcher/v3/string_pb.js";
import { quoteRegex, stringMatcher } from "../messages.ts";

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

/** `name` in the policy's namespace, or `namespace/name`. */
export function matchServiceAccount(value: string, policyNamespace: string): readonly MatchedValue[] {
	const [first = "", second] = value.split("/");
	const [namespace, name] = second === undefined ? [policyNamespace, first] : [first, second];
	return [stringMatcher("regex", `spiffe://[^/]+/ns/${quoteRegex(namespace)}/sa/${quoteRegex(name)}`)];
}

/** A host in any case. Where a rule restricts, `anyPort` also takes it with a port: adding `:80` must not get past it. */
export function matchHost(value: string, anyPort: boolean): readonly MatchedValue[] {
	if (value === "*") return [stringMatcher("regex", ".+")];
	if (value.endsWith("*")) return [stringMatcher("prefix", value.slice(0, -1), true)];
	const isOpen = anyPort && !/:\d+$/.test(value);
	if (value.startsWith("*")) {
		const suffix = value.slice(1);
		const plain = stringMatcher("suffix", suffix, true);
		return isOpen ? [plain, stringMatcher("regex", `(?i).*${quoteRegex(suffix)}:[0-9]+`)] : [plain];
	}
	const plain = stringMatcher("exact", value, true);
	return isOpen ? [plain, stringMatcher("regex", `(?i)${quoteRegex(value)}:[0-9]+`)] : [plain];
}

/** A path without its query. Where a rule restricts, `anyParameters` also takes it with path parameters: `/admin;x` is `/admin`
 *  to many applications. */
export function matchPath(value: string, anyParameters: boolean): readonly MatchedValue[] {
	const plain = matchText(value);
	if (!anyParameters || value === "*") return [plain];
	const isSuffix = value.startsWith("*");
	const isPrefix = !isSuffix && value.endsWith("*");
	const text = isSuffix ? value.slice(1) : isPrefix ? value.slice(0, -1) : value;
	const segments = text.split("/").map(quoteRegex);
	const last = segments.length - 1;
	const parameters = "(;[^/]*)?";
	const pattern = segments
		.map((segment, index) => (segment === "" || (isPrefix && index === last) ? segment : segment + parameters))
		.join("/");
	return [plain, stringMatcher("regex", `${isSuffix ? ".*" : ""}${pattern}${isPrefix ? ".*" : ""}`)];
}
