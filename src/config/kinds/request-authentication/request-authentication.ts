import type { JwtRule, RequestAuthentication, TokenLocation } from "../../../model/index.ts";
import { type Node, toJson } from "../../document/node.ts";
import { list } from "../../schema/collections.ts";
import { istioDuration } from "../../schema/durations.ts";
import { workloadSelector } from "../../schema/kubernetes.ts";
import { defaulted, object, optional, required } from "../../schema/object.ts";
import { boolean, oneOf, quote, string } from "../../schema/scalars.ts";
import { refine, type Schema } from "../../schema/schema.ts";
import { securityVersions } from "../istio/api-versions.ts";
import { defineKind, type ObjectContext } from "../kind.ts";
import { readTarget, targetFields, toTargets } from "../policy-target.ts";
import { toSelector } from "../selector.ts";
import { findKeySetFault } from "./key-set.ts";

const headerName = string({ format: "a header name", pattern: /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/ });
const keySet = refine(string({ maxLength: 262_144 }), (text, _node, reader) => {
	const fault = findKeySetFault(text);
	return fault === undefined ? text : reader.refuse(`is no JSON web key set: ${fault}`);
});

const keysUri = refine(
	string({ format: "an http or https URI", pattern: /^https?:\/\/(\[[0-9a-f:.]+\]|[\w.-]+)(:\d+)?([/?][!-~]*)?$/i }),
	(text, _node, reader) =>
		URL.canParse(text) && new URL(text).port !== "0"
			? text
			: reader.refuse(`${quote(text)} is no URI: look at its port`),
);
const prefix = string({ minLength: 0, format: "what may stand in a header", pattern: /^[^\r\n\0]*$/ });

const rule = refine(
	object({
		issuer: required(string({ maxLength: 2048 }), "`iss` of its tokens"),
		audiences: defaulted(list(string(), { max: 100 }), [], "A token must have one of them as `aud`; any when empty"),
		jwksUri: optional(keysUri, "Where its keys are fetched, and fetched again"),
		jwks_uri: optional(keysUri, "Old name of `jwksUri`"),
		jwks: optional(keySet, "Its keys, a JSON web key set"),
		fromHeaders: defaulted(
			list(
				object({
					name: required(headerName, "Header with the token"),
					prefix: defaulted(prefix, "", "What stands before it"),
				}),
				{ max: 32 },
			),
			[],
			"Headers with its tokens. Without any place given: `Authorization: Bearer` and the query parameter `access_token`",
		),
		fromParams: defaulted(list(string(), { max: 32 }), [], "Query parameters with its tokens"),
		fromCookies: defaulted(list(string(), { max: 32 }), [], "Cookies with its tokens"),
		outputPayloadToHeader: optional(headerName, "Header in which the application gets the claims (base64url of JSON)"),
		outputClaimToHeaders: defaulted(
			list(
				object({
					header: required(headerName, "Header in which the application gets the claim"),
					claim: required(string(), "Name of the claim, nested ones joined by `.`"),
				}),
				{ max: 32 },
			),
			[],
			"Claims that the application gets as headers",
		),
		forwardOriginalToken: defaulted(boolean(), false, "Whether the application gets the token itself"),
		timeout: defaulted(istioDuration(), 5_000, "Time the keys may take", "5s"),
		presence: optional(
			refine(oneOf(["OPTIONAL", "REQUIRED"]), (value, _node, reader) =>
				value === "OPTIONAL"
					? value
					: reader.refuse("REQUIRED is for an AuthorizationPolicy to say: ALLOW with requestPrincipals ['*']"),
			),
			"`OPTIONAL`: requests without a token pass",
		),
		spaceDelimitedClaims: defaulted(
			list(string(), { max: 32 }),
			[],
			"Claims that are several words in one text, beside `scope` and `permission`",
		),
	}),
	(value, _node, reader): JwtRule | undefined => {
		const uri = value.jwksUri ?? value.jwks_uri;
		if (uri !== undefined && value.jwks !== undefined)
			return reader.field("jwks").refuse("only one of jwks and jwksUri may be set");
		if (uri === undefined && value.jwks === undefined)
			reader.warn(`no keys of ${quote(value.issuer)} are known, so none of its tokens passes: set jwks or jwksUri`);
		return {
			issuer: value.issuer,
			audiences: value.audiences,
			keys:
				value.jwks !== undefined
					? { kind: "inline", jwks: value.jwks }
					: uri !== undefined
						? { kind: "remote", uri }
						: { kind: "unknown" },
			locations: [
				...value.fromHeaders.map((header): TokenLocation => ({ kind: "header", ...header })),
				...value.fromParams.map((name): TokenLocation => ({ kind: "param", name })),
				...value.fromCookies.map((name): TokenLocation => ({ kind: "cookie", name })),
			],
			...(value.outputPayloadToHeader !== undefined && { outputPayloadToHeader: value.outputPayloadToHeader }),
			outputClaimToHeaders: value.outputClaimToHeaders,
			forwardOriginalToken: value.forwardOriginalToken,
			timeoutMs: value.timeout,
			spaceDelimitedClaims: value.spaceDelimitedClaims,
			path: reader.path,
		};
	},
);

const spec = object({
	selector: optional(
		workloadSelector(),
		"Workloads it is for; without it all of the namespace, and in the root namespace all of the mesh",
	),
	jwtRules: defaulted(
		list(rule as Schema<JwtRule>, {
			max: 255,
			salvage: "none of this issuer's tokens passes",
		}),
		[],
		"Issuers of tokens. A request with a token that is not good is refused (401); one without a token passes",
	),
	...targetFields,
});

/** `security.istio.io/v1` RequestAuthentication. */
export const requestAuthenticationKind = defineKind({
	name: "RequestAuthentication",
	apiVersions: securityVersions,
	aliases: ["requestauthentications", "ra"],
	doc: "Which JSON web tokens are good. Whether a request needs one, an AuthorizationPolicy says (`requestPrincipals`).",
	example: `apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: tokens, namespace: shop }
spec:
  selector: { matchLabels: { app: orders } }
  jwtRules:
    - issuer: https://login.example.com
      jwksUri: https://login.example.com/keys
`,
	naming: "subdomain",
	spec,
	toModel: (value, context): RequestAuthentication => ({
		namespace: context.namespace,
		name: context.name,
		selector: toSelector(value.selector),
		targets: toTargets(value),
		rules: value.jwtRules,
		createdAt: context.createdAt,
		source: context.source,
	}),
	failClosed,
});

/** Which tokens of an issuer are good nobody knows where its rule cannot be read, so none is. */
function failClosed(
	node: Node,
	{ namespace, name, createdAt, source }: ObjectContext,
	value: RequestAuthentication | undefined,
): RequestAuthentication | undefined {
	const { jwtRules } = (toJson(node) ?? {}) as { readonly jwtRules?: unknown };
	const written: readonly unknown[] = Array.isArray(jwtRules) ? jwtRules : [];
	const rules = written.flatMap((entry, index): JwtRule[] => {
		const path = `spec.jwtRules[${index}]`;
		const good = value?.rules.find((one) => one.path === path);
		if (good !== undefined) return [good];
		const { issuer } = (entry ?? {}) as { readonly issuer?: unknown };
		if (typeof issuer !== "string" || issuer === "") return [];
		const nothing = { audiences: [], locations: [], outputClaimToHeaders: [], spaceDelimitedClaims: [] };
		return [{ issuer, keys: { kind: "unknown" }, ...nothing, forwardOriginalToken: false, timeoutMs: 0, path }];
	});
	return rules.length === 0 ? undefined : { namespace, name, ...readTarget(node), rules, createdAt, source };
}
