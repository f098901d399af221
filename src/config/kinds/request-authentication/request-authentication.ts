import type { JwtRule, RequestAuthentication, TokenLocation } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { istioDuration } from "../../schema/durations.ts";
import { workloadSelector } from "../../schema/kubernetes.ts";
import { defaulted, object, optional, required } from "../../schema/object.ts";
import { boolean, oneOf, quote, string } from "../../schema/scalars.ts";
import { refine, type Schema } from "../../schema/schema.ts";
import { securityVersions } from "../istio/api-versions.ts";
import { defineKind } from "../kind.ts";
import { targetFields, toTargets } from "../policy-target.ts";
import { toSelector } from "../selector.ts";

const headerName = string({ format: "a header name", pattern: /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/ });
const keySet = refine(string({ maxLength: 262_144 }), (text, _node, reader) => {
	const fault = findKeySetFault(text);
	return fault === undefined ? text : reader.refuse(`is no JSON web key set: ${fault}`);
});

const rule = refine(
	object({
		issuer: required(string({ maxLength: 2048 }), "`iss` of its tokens"),
		audiences: defaulted(list(string(), { max: 100 }), [], "A token must have one of them as `aud`; any when empty"),
		jwksUri: optional(
			string({ format: "an http or https URI", pattern: /^https?:\/\/[^\s/]+/ }),
			"Where its keys are fetched, and fetched again",
		),
		jwks_uri: optional(
			string({ format: "an http or https URI", pattern: /^https?:\/\/[^\s/]+/ }),
			"Old name of `jwksUri`",
		),
		jwks: optional(keySet, "Its keys, a JSON web key set"),
		fromHeaders: defaulted(
			list(
				object({
					name: required(headerName, "Header with the token"),
					prefix: defaulted(string({ minLength: 0 }), "", "What stands before it"),
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
			salvage: "this issuer is left out: its tokens are refused where others are known",
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
});

function findKeySetFault(text: string): string | undefined {
	let value: unknown;
	try {
		value = JSON.parse(text);
	} catch (error) {
		if (error instanceof SyntaxError) return error.message;
		throw error;
	}
	const keys = (value as { readonly keys?: unknown } | null)?.keys;
	return Array.isArray(keys) && keys.length > 0 ? undefined : "it has no 'keys'";
}
