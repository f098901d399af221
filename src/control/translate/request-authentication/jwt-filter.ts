import type { MessageInitShape } from "@bufbuild/protobuf";
import {
	JwtAuthenticationSchema,
	type JwtProviderSchema,
	type JwtRequirementSchema,
} from "../../../api/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js";
import {
	type JwtRule,
	matchesLabels,
	type RequestAuthentication,
	type WorkloadInstance,
} from "../../../model/index.ts";
import { tokenPayloadKey } from "../authorization/terms.ts";
import type { HttpFilterInit } from "../http-connection-manager.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { duration, extension } from "../messages.ts";
import { keySetClusterName } from "./key-set-cluster.ts";

/** Keys are fetched again after this long. */
const keyCacheMs = 20 * 60_000;

/** A key whose other half nobody has: no token can be signed with it. */
const unknownKeys =
	'{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","kid":"none","x":"DtZ90vRjCzSjU_mb6QuBygLGLyb5K2F1jkXyVNN-rv4","y":"bnTyEkzIkvohA29sAmD-RPn8uORZCMcPefCrdRPitKM"}]}';

/** The request authentications that cover an instance, of the root namespace and of its own, older first in each. */
export function findRequestAuthentications(
	index: MeshIndex,
	instance: WorkloadInstance,
): readonly RequestAuthentication[] {
	const namespaces = new Set([index.mesh.settings.rootNamespace, instance.namespace]);
	return [...namespaces]
		.flatMap((namespace) => index.requestAuthenticationsIn(namespace))
		.filter(
			({ selector, targets }) =>
				targets === undefined && (selector === undefined || matchesLabels(selector, instance.labels)),
		);
}

/** The filter that checks tokens: one that is there must be good, wherever it is; none is good as well. Empty without any rule.
 *  @param routesByClaims routes are looked up again when the claims of a good token are known */
export function jwtHttpFilters(
	index: MeshIndex,
	policies: readonly RequestAuthentication[],
	routesByClaims = false,
): HttpFilterInit[] {
	const rules = policies.flatMap((policy) => policy.rules);
	if (rules.length === 0) return [];
	const providers = Object.fromEntries(
		rules.map((rule, position) => [
			nameOf(position),
			{ ...translateRule(index, rule), clearRouteCache: routesByClaims },
		]),
	);
	return [
		extension("envoy.filters.http.jwt_authn", JwtAuthenticationSchema, {
			providers,
			rules: [
				{
					match: { pathSpecifier: { case: "prefix", value: "/" } },
					requirementType: { case: "requires", value: requirement(rules) },
				},
			],
			bypassCorsPreflight: true,
		}),
	];
}

function nameOf(position: number): string {
	return `origins-${position}`;
}

/** With several issuers every token must be good, whosever it is: one good token does not excuse a bad one. Of several rules of one
 *  issuer (audiences, keys) one that the token satisfies is enough. */
function requirement(rules: readonly JwtRule[]): MessageInitShape<typeof JwtRequirementSchema> {
	const missing = { requiresType: { case: "allowMissing" as const, value: {} } };
	if (new Set(rules.map(({ issuer }) => issuer)).size > 1) return missing;
	const providers = rules.map((_, position) => ({
		requiresType: { case: "providerName" as const, value: nameOf(position) },
	}));
	return { requiresType: { case: "requiresAny", value: { requirements: [...providers, missing] } } };
}

function translateRule(
	index: MeshIndex,
	rule: JwtRule,
): Extract<MessageInitShape<typeof JwtProviderSchema>, { readonly $typeName?: undefined }> {
	const { locations, outputPayloadToHeader } = rule;
	return {
		issuer: rule.issuer,
		audiences: [...rule.audiences],
		jwksSourceSpecifier: keySource(index, rule),
		forward: rule.forwardOriginalToken,
		fromHeaders: locations.flatMap((place) =>
			place.kind === "header" ? [{ name: place.name, valuePrefix: place.prefix }] : [],
		),
		fromParams: locations.flatMap((place) => (place.kind === "param" ? [place.name] : [])),
		fromCookies: locations.flatMap((place) => (place.kind === "cookie" ? [place.name] : [])),
		payloadInMetadata: tokenPayloadKey,
		normalizePayloadInMetadata: {
			spaceDelimitedClaims: [...new Set(["scope", "permission", ...rule.spaceDelimitedClaims])],
		},
		...(outputPayloadToHeader !== undefined && { forwardPayloadHeader: outputPayloadToHeader }),
		claimToHeaders: rule.outputClaimToHeaders.map(({ header, claim }) => ({ headerName: header, claimName: claim })),
	};
}

type KeySource = Extract<
	MessageInitShape<typeof JwtProviderSchema>,
	{ readonly $typeName?: undefined }
>["jwksSourceSpecifier"];

function keySource(index: MeshIndex, { keys, timeoutMs }: JwtRule): KeySource {
	if (keys.kind !== "remote") {
		const value = keys.kind === "inline" ? keys.jwks : unknownKeys;
		return { case: "localJwks", value: { specifier: { case: "inlineString", value } } };
	}
	return {
		case: "remoteJwks",
		value: {
			httpUri: {
				uri: keys.uri,
				httpUpstreamType: { case: "cluster", value: keySetClusterName(index, keys.uri) },
				timeout: duration(timeoutMs),
			},
			cacheDuration: duration(keyCacheMs),
			// Fetched ahead, while listeners already serve: a server of keys that is down must not stop other traffic.
			asyncFetch: { fastListener: true },
		},
	};
}
