import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CidrRangeSchema } from "../../../api/gen/envoy/config/core/v3/address_pb.js";
import type { PermissionSchema, PrincipalSchema } from "../../../api/gen/envoy/config/rbac/v3/rbac_pb.js";
import { UriTemplateMatchConfigSchema } from "../../../api/gen/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.js";
import type { MetadataMatcherSchema } from "../../../api/gen/envoy/type/matcher/v3/metadata_pb.js";
import { packAny, stringMatcher } from "../messages.ts";
import { type MatchedValue, matchText } from "./value.ts";

export type PermissionInit = MessageInitShape<typeof PermissionSchema>;
export type PrincipalInit = MessageInitShape<typeof PrincipalSchema>;
type MetadataInit = MessageInitShape<typeof MetadataMatcherSchema>;

/** How terms of one kind are put together. */
export interface Algebra<T> {
	readonly any: T;
	and(terms: readonly T[]): T;
	or(terms: readonly T[]): T;
	not(term: T): T;
}

export const permissions: Algebra<PermissionInit> = {
	any: { rule: { case: "any", value: true } },
	and: (rules) => ({ rule: { case: "andRules", value: { rules: [...rules] } } }),
	or: (rules) => ({ rule: { case: "orRules", value: { rules: [...rules] } } }),
	not: (term) => ({ rule: { case: "notRule", value: term } }),
};

export const principals: Algebra<PrincipalInit> = {
	any: { identifier: { case: "any", value: true } },
	and: (ids) => ({ identifier: { case: "andIds", value: { ids: [...ids] } } }),
	or: (ids) => ({ identifier: { case: "orIds", value: { ids: [...ids] } } }),
	not: (term) => ({ identifier: { case: "notId", value: term } }),
};

export function authenticated(principalName: MatchedValue): PrincipalInit {
	return { identifier: { case: "authenticated", value: { principalName } } };
}

export function directRemoteIp(block: string): PrincipalInit {
	return { identifier: { case: "directRemoteIp", value: cidr(block) } };
}

export function remoteIp(block: string): PrincipalInit {
	return { identifier: { case: "remoteIp", value: cidr(block) } };
}

/** A header of the request; `*` is its presence. */
export function requestHeader(name: string, value: string): PrincipalInit {
	const headerMatchSpecifier =
		value === "*"
			? { case: "presentMatch" as const, value: true }
			: { case: "stringMatch" as const, value: matchText(value) };
	return { identifier: { case: "header", value: { name, headerMatchSpecifier } } };
}

export function pseudoHeader(name: string, matcher: MatchedValue): PermissionInit {
	return { rule: { case: "header", value: { name, headerMatchSpecifier: { case: "stringMatch", value: matcher } } } };
}

export function urlPath(matcher: MatchedValue): PermissionInit {
	return { rule: { case: "urlPath", value: { rule: { case: "path", value: matcher } } } };
}

/** A path by a template with `{*}` for a segment and `{**}` for several. */
export function pathTemplate(template: string): PermissionInit {
	const pathTemplate = template.replaceAll("{**}", "**").replaceAll("{*}", "*");
	const typedConfig = packAny(UriTemplateMatchConfigSchema, { pathTemplate });
	return { rule: { case: "uriTemplate", value: { name: "envoy.path.match.uri_template", typedConfig } } };
}

export function destinationIp(block: string): PermissionInit {
	return { rule: { case: "destinationIp", value: cidr(block) } };
}

export function destinationPort(port: number): PermissionInit {
	return { rule: { case: "destinationPort", value: port } };
}

export function serverName(value: string): PermissionInit {
	return { rule: { case: "requestedServerName", value: matchText(value) } };
}

/** Metadata that a filter wrote; a value in brackets is one of a list. */
export function filterMetadata(filter: string, key: string, value: string): PermissionInit {
	const isList = value.startsWith("[") && value.endsWith("]");
	const text = {
		matchPattern: { case: "stringMatch" as const, value: matchText(isList ? value.slice(1, -1) : value) },
	};
	const listed = {
		matchPattern: { case: "listMatch" as const, value: { matchPattern: { case: "oneOf" as const, value: text } } },
	};
	return { rule: { case: "metadata", value: { filter, path: [pathKey(key)], value: isList ? listed : text } } };
}

/** `issuer/subject`, either with `*`. The issuer may be a URL: the last slash divides. */
export function tokenPrincipal(value: string): PrincipalInit {
	const { issuer, subject } = splitTokenPrincipal(value);
	return principals.and([tokenText("iss", issuer), tokenText("sub", subject)]);
}

function splitTokenPrincipal(value: string): { readonly issuer: MatchedValue; readonly subject: MatchedValue } {
	const something = stringMatcher("regex", ".+");
	if (value === "*") return { issuer: something, subject: something };
	const slash = value.lastIndexOf("/");
	if (slash === -1) {
		// A star without a slash: what it stands for may reach over the slash.
		if (value.startsWith("*")) return { issuer: something, subject: matchText(value) };
		if (value.endsWith("*")) return { issuer: matchText(value), subject: something };
		return { issuer: stringMatcher("exact", value), subject: stringMatcher("exact", "") };
	}
	const [issuer, subject] = [value.slice(0, slash), value.slice(slash + 1)];
	return {
		issuer: value.startsWith("*") ? matchText(issuer) : stringMatcher("exact", issuer),
		subject: !value.startsWith("*") && value.endsWith("*") ? matchText(subject) : stringMatcher("exact", subject),
	};
}

function tokenText(claim: string, matcher: MatchedValue): PrincipalInit {
	return metadataPrincipal(tokenMetadata([claim], { matchPattern: { case: "stringMatch", value: matcher } }));
}

/** A claim of the token: a text, or one of a list of texts. */
export function tokenClaim(claims: readonly string[], value: string): PrincipalInit {
	return metadataPrincipal(claimMetadata(claims, matchText(value)));
}

/** A claim of the token where the JWT filter left it: a text, or one of a list of texts. */
export function claimMetadata(claims: readonly string[], matcher: MatchedValue): PlainMetadata {
	const text = { matchPattern: { case: "stringMatch" as const, value: matcher } };
	const listed = {
		matchPattern: { case: "listMatch" as const, value: { matchPattern: { case: "oneOf" as const, value: text } } },
	};
	return tokenMetadata(claims, { matchPattern: { case: "orMatch", value: { valueMatchers: [text, listed] } } });
}

/** Where the JWT filter leaves the claims of a good token. */
export const tokenPayloadKey = "payload";

function tokenMetadata(claims: readonly string[], value: NonNullable<PlainMetadata["value"]>): PlainMetadata {
	return { filter: "envoy.filters.http.jwt_authn", path: [tokenPayloadKey, ...claims].map(pathKey), value };
}

type PlainMetadata = Extract<MetadataInit, { readonly $typeName?: undefined }>;

function metadataPrincipal(value: MetadataInit): PrincipalInit {
	return { identifier: { case: "metadata", value } };
}

function pathKey(key: string) {
	return { segment: { case: "key" as const, value: key } };
}

function cidr(block: string): MessageInitShape<typeof CidrRangeSchema> {
	const [addressPrefix = "", length] = block.split("/");
	return { addressPrefix, prefixLen: Number(length ?? (addressPrefix.includes(":") ? 128 : 32)) };
}
