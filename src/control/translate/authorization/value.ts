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

/** `<trust domain>/ns/<namespace>/sa/<service account>`, compared with the peer's SPIFFE ID. A trust domain of the mesh means all
 *  of them, and so does `cluster.local`, whatever their names (Istio).
 *  @param trustDomains the mesh's own, and its aliases */
export function matchPrincipal(value: string, trustDomains: readonly string[]): readonly MatchedValue[] {
	const [named = "", ...rest] = value.split("/");
	if (rest.length === 0 || !isOwn(named, trustDomains)) return [matchSpiffeId(value)];
	return [...new Set([named, ...trustDomains])].map((domain) => matchSpiffeId([domain, ...rest].join("/")));
}

/** The trust domain of the peer's SPIFFE ID; one of the mesh means all of them. */
export function matchTrustDomain(value: string, trustDomains: readonly string[]): readonly MatchedValue[] {
	if (value === "*") return [stringMatcher("prefix", "spiffe://")];
	if (value.includes("*"))
		return [stringMatcher("regex", `spiffe://${value.split("*").map(quoteRegex).join("[^/]*")}/.*`)];
	const named = trustDomains.includes(value) ? trustDomains : [value];
	return named.map((domain) => stringMatcher("prefix", `spiffe://${domain}/`));
}

function isOwn(named: string, trustDomains: readonly string[]): boolean {
	return named === "cluster.local" || trustDomains.includes(named);
}

function matchSpiffeId(value: string): MatchedValue {
	if (value === "*") return stringMatcher("regex", ".+");
	if (value.startsWith("*")) return stringMatcher("regex", `spiffe://.*${quoteRegex(value.slice(1))}`);
	if (value.endsWith("*")) return stringMatcher("prefix", `spiffe://${value.slice(0, -1)}`);
	return stringMatcher("exact", `spiffe://${value}`);
}

/** The namespace of the peer's SPIFFE ID.
 *  @param domains the trust domains that it may be of; any when absent */
export function matchNamespace(value: string, domains?: readonly string[]): readonly MatchedValue[] {
	const name = value.split("*").map(quoteRegex).join("[^/]*");
	return [stringMatcher("regex", `spiffe://${anyOf(domains)}/ns/${name}/sa/.+`)];
}

/** `name` in the policy's namespace, or `namespace/name`.
 *  @param domains the trust domains that it may be of; any when absent */
export function matchServiceAccount(
	value: string,
	policyNamespace: string,
	domains?: readonly string[],
): readonly MatchedValue[] {
	const [first = "", second] = value.split("/");
	const [namespace, name] = second === undefined ? [policyNamespace, first] : [first, second];
	const account = `ns/${quoteRegex(namespace)}/sa/${quoteRegex(name)}`;
	return [stringMatcher("regex", `spiffe://${anyOf(domains)}/${account}`)];
}

function anyOf(domains: readonly string[] | undefined): string {
	return domains === undefined ? "[^/]+" : `(?:${domains.map(quoteRegex).join("|")})`;
}

/** A host in any case. Where a rule restricts, `anyForm` also takes it with a port, the dot of the root and a name before it: adding `:80`,
 *  `.` or `me@` must not get past it. */
export function matchHost(value: string, anyForm: boolean): readonly MatchedValue[] {
	if (value === "*") return [stringMatcher("regex", ".+")];
	if (value.endsWith("*")) {
		const prefix = value.slice(0, -1);
		const named = anyForm ? [stringMatcher("regex", `(?i).*@${quoteRegex(prefix)}.*`)] : [];
		return [stringMatcher("prefix", prefix, true), ...named];
	}
	const isOpen = anyForm && !/:\d+$/.test(value);
	if (value.startsWith("*")) {
		const suffix = value.slice(1);
		const plain = stringMatcher("suffix", suffix, true);
		return isOpen ? [plain, stringMatcher("regex", `(?i).*${quoteRegex(suffix)}${rootAndPort}`)] : [plain];
	}
	const plain = stringMatcher("exact", value, true);
	return isOpen ? [plain, stringMatcher("regex", `(?i)(?:.*@)?${quoteRegex(value)}${rootAndPort}`)] : [plain];
}

const rootAndPort = "\\.?(:[0-9]*)?";

/** A path without its query. Where a rule restricts, `anyParameters` also takes it with path parameters: `/admin;x` is `/admin`
 *  to many applications, and so is `/;x/admin`. */
export function matchPath(value: string, anyParameters: boolean): readonly MatchedValue[] {
	const plain = matchText(value);
	if (!anyParameters || value === "*") return [plain];
	const isSuffix = value.startsWith("*");
	const isPrefix = !isSuffix && value.endsWith("*");
	const text = isSuffix ? value.slice(1) : isPrefix ? value.slice(0, -1) : value;
	const segments = text.split("/").map(quoteRegex);
	const last = segments.length - 1;
	const pattern = segments
		.map((segment, index) => {
			// What stands before the first slash is no segment, and behind a prefix anything may follow.
			const isSegment = index === last ? !isPrefix : segment !== "";
			return isSegment ? segment + parameters : segment;
		})
		.join(betweenSegments);
	return [plain, stringMatcher("regex", `${isSuffix ? ".*" : ""}${pattern}${isPrefix ? ".*" : ""}`)];
}

/** A path without its query where a rule lets in: what a suffix stands for must not be within path parameters, for `/admin;x.css` is `/admin` to
 *  many applications and no `*.css`. */
export function matchAllowedPath(value: string): MatchedValue {
	const suffix = value.slice(1);
	if (!value.startsWith("*") || suffix === "" || suffix.startsWith("/") || suffix.includes(";"))
		return matchText(value);
	return stringMatcher("regex", `(?:.*/)?[^/;]*${quoteRegex(suffix)}`);
}

/** What a path template takes, with path parameters: where a rule restricts, Envoy's own template would let `/admin;x/users/1` past
 *  `/admin/users/{*}`. */
export function matchTemplateWithParameters(template: string): MatchedValue {
	const pattern = template
		.split("/")
		.map((segment, index, all) =>
			segment.includes("{") || (segment === "" && index < all.length - 1)
				? quoteTemplate(segment)
				: quoteRegex(segment) + parameters,
		)
		.join(betweenSegments);
	return stringMatcher("regex", pattern);
}

/** What a path template takes where a rule lets in: `{*}` is no segment of parameters alone, for `/;x/admin` is `/admin` to many
 *  applications and no `/{*}/{*}`. Undefined for a template that is too long for a pattern. */
export function matchAllowedTemplate(template: string): MatchedValue | undefined {
	if (template.length > maxPattern) return undefined;
	const pattern = template
		.split(/(\{\*\*?\})/)
		.map((part) => {
			if (part === "{*}") return "[!-.0-:<-~][!-.0-~]*";
			return part === "{**}" ? "[!-~]*" : quoteRegex(part);
		})
		.join("");
	return stringMatcher("regex", pattern);
}

/** A stock Envoy refuses regular expressions of more than 100 instructions, nearly one a character. */
const maxPattern = 64;

function quoteTemplate(segment: string): string {
	return segment
		.split(/(\{\*\*?\})/)
		.map((part) => (part === "{*}" ? "[^/]+" : part === "{**}" ? ".*" : quoteRegex(part)))
		.join("");
}

const parameters = "(;[^/]*)?";
const betweenSegments = "(?:/;[^/]*)*/";
