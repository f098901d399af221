import type { MessageInitShape } from "@bufbuild/protobuf";
import type { RateLimit_ActionSchema } from "../../../api/gen/envoy/config/route/v3/route_components_pb.js";
import type { NamedMatch, PathMatch, RateLimit, RateLimitKey } from "../../../model/index.ts";
import { tokenPayloadKey } from "../authorization/terms.ts";
import { quoteRegex } from "../messages.ts";

/** A condition on a header of the request; `isNegated` includes its absence. */
export interface HeaderTerm {
	readonly name: string;
	/** Any of them; RE2 must match the whole value. */
	readonly patterns: readonly { readonly kind: "exact" | "prefix" | "regex"; readonly value: string }[];
	readonly isNegated: boolean;
}

/** What must hold of a request's headers, all of it: everything a limit matches is in them, the caller's identity too, which the proxy
 *  itself wrote there. */
export function matchTerms({ match }: Pick<RateLimit, "match">, trustDomain: string): HeaderTerm[] {
	const term = (name: string, patterns: HeaderTerm["patterns"]): HeaderTerm[] =>
		patterns.length === 0 ? [] : [{ name, patterns, isNegated: false }];
	return [
		...term(
			":method",
			match.methods.map((value) => ({ kind: "exact", value })),
		),
		...term(
			":path",
			match.paths.filter((path) => !isAnyPath(path)).length < match.paths.length
				? []
				: match.paths.map((path) => ({ kind: "regex", value: pathPattern(path) })),
		),
		...match.headers.map(namedTerm),
		...term(
			"x-forwarded-client-cert",
			match.principals.flatMap((value) =>
				principalPatterns(value, trustDomain).map((pattern) => ({
					kind: "regex" as const,
					value: `.*[;,]URI=spiffe://${pattern}`,
				})),
			),
		),
	];
}

function isAnyPath(path: PathMatch): boolean {
	return path.kind === "prefix" && path.value === "/";
}

/** `:path` has the query in it. */
function pathPattern(path: PathMatch): string {
	const query = "(\\?.*)?";
	switch (path.kind) {
		case "exact":
			return quoteRegex(path.value) + query;
		case "prefix": {
			const whole = quoteRegex(path.value.replace(/\/$/, ""));
			return `${whole}([/?].*)?`;
		}
		case "startsWith":
			return `${quoteRegex(path.value)}.*`;
		case "regex":
			return `(${path.value})${query}`;
	}
}

function namedTerm({ name, value, isNegated = false }: NamedMatch): HeaderTerm {
	const pattern = value.kind === "present" ? { kind: "regex" as const, value: ".*" } : value;
	return { name, patterns: [pattern], isNegated };
}

/** `cluster.local` also means the mesh's own trust domain, as in authorization policies. */
function principalPatterns(value: string, trustDomain: string): string[] {
	const pointer = "cluster.local/";
	const values =
		value.startsWith(pointer) && trustDomain !== "cluster.local"
			? [value, `${trustDomain}/${value.slice(pointer.length)}`]
			: [value];
	return values.map((text) => text.split("*").map(quoteRegex).join("[^;,]*"));
}

/** Where values of keys are that a filter has read before. */
export const keyMetadata = "amime.rate_limit";

/** The key of that metadata; undefined for what needs no reading before. */
export function metadataOfKey(key: RateLimitKey): string | undefined {
	switch (key.kind) {
		case "principal":
		case "service-account":
		case "namespace":
			return key.kind;
		case "header":
			return `header ${key.name}`;
		default:
			return undefined;
	}
}

/** The value of a key as a format of Envoy's; what is not there is `-`.
 *  @param caller the identity of the only caller there is, where the listener is a workload's own */
export function keyFormat(key: RateLimitKey, caller: string | undefined): string {
	switch (key.kind) {
		case "principal":
		case "service-account":
		case "namespace":
			return caller === undefined
				? `%DYNAMIC_METADATA(${keyMetadata}:${key.kind})%`
				: doublePercents(partOf(caller, key));
		case "client-address":
			return "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%";
		case "method":
			return "%REQ(:METHOD)%";
		case "header":
			return `%REQ(${key.name.toUpperCase()})%`;
		case "claim":
			return `%DYNAMIC_METADATA(${[tokenFilter, ...claimPath(key)].join(":")})%`;
		case "constant":
			return doublePercents(key.value);
	}
}

type ActionInit = MessageInitShape<typeof RateLimit_ActionSchema>;

/** The value of a key as an entry of a descriptor; what is not there is `-`. */
export function keyAction(key: RateLimitKey, descriptorKey: string, caller: string | undefined): ActionInit {
	const constant = (value: string): ActionInit => ({
		actionSpecifier: { case: "genericKey", value: { descriptorKey, descriptorValue: value } },
	});
	const metadata = (namespace: string, path: readonly string[]): ActionInit => ({
		actionSpecifier: {
			case: "metadata",
			value: {
				descriptorKey,
				metadataKey: { key: namespace, path: path.map((name) => ({ segment: { case: "key", value: name } })) },
				defaultValue: "-",
			},
		},
	});
	switch (key.kind) {
		case "principal":
		case "service-account":
		case "namespace":
			return caller === undefined ? metadata(keyMetadata, [key.kind]) : constant(partOf(caller, key));
		case "header":
			return metadata(keyMetadata, [metadataOfKey(key)!]);
		case "claim":
			return metadata(tokenFilter, claimPath(key));
		case "method":
			return { actionSpecifier: { case: "requestHeaders", value: { headerName: ":method", descriptorKey } } };
		case "client-address":
			return { actionSpecifier: { case: "remoteAddress", value: {} } };
		case "constant":
			return constant(key.value);
	}
}

/** The name of such an entry. */
export function descriptorKeyOf(key: RateLimitKey, position: number): string {
	return key.kind === "client-address" ? "remote_address" : `${position}`;
}

const tokenFilter = "envoy.filters.http.jwt_authn";

function claimPath({ path }: RateLimitKey & { readonly kind: "claim" }): string[] {
	return [tokenPayloadKey, ...path];
}

function partOf(spiffeId: string, { kind }: { readonly kind: "principal" | "service-account" | "namespace" }): string {
	const [, namespace = "-", account = "-"] = /\/ns\/([^/]+)\/sa\/(.+)$/.exec(spiffeId) ?? [];
	return kind === "principal" ? spiffeId : kind === "namespace" ? namespace : `${namespace}/${account}`;
}

function doublePercents(text: string): string {
	return text.replaceAll("%", "%%");
}
