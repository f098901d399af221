import type {
	JwtAuthentication,
	JwtClaimToHeader,
	JwtProvider as JwtProviderMessage,
	JwtRequirement as JwtRequirementMessage,
	RemoteJwks,
} from "../../api/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js";
import { parseKeySet, sanitizeAudience } from "../../engine/jwt/index.ts";
import { readCoreRetryPolicy } from "./core-retry.ts";
import { readHttpUri } from "./http-uri.ts";
import type { JwtAuthnConfig, JwtKeySource, JwtProvider, JwtRequirement } from "./jwt-authn-config.ts";
import { readStringMatcher } from "./matchers.ts";
import { readRouteMatch } from "./routes.ts";
import { type Scope, toWireText } from "./scope.ts";
import { readDataSourceNow, toMs } from "./values.ts";

/** Seconds that the proxy's clock and the issuer's may differ. */
const defaultClockSkewSeconds = 60;
const defaultKeyCacheMs = 600_000;
const defaultCacheSize = 100;
const defaultMaxCachedTokenBytes = 4096;

/** Translates the jwt_authn filter. */
export function readJwtAuthn(message: JwtAuthentication, scope: Scope): JwtAuthnConfig {
	// Issuers are looked up in the order of names, so that the same configuration always does the same.
	const names = Object.keys(message.providers).sort();
	const providers = names.map((name) => readProvider(name, message.providers[name]!, scope.at("providers", name)));
	const known = new Set(names);
	const requirements = new Map(
		Object.entries(message.requirementMap).map(([name, requirement]) => [
			name,
			readRequirement(requirement, known, scope.at("requirement_map", name)),
		]),
	);
	return {
		providers,
		rules: message.rules.map((rule, index) => {
			const at = scope.at("rules", index);
			const match = readRouteMatch(rule.match, at.at("match"));
			const type = rule.requirementType;
			if (type.case === "requires") {
				return { match, requirement: readRequirement(type.value, known, at.at("requires")) };
			}
			if (type.case !== "requirementName") return { match, requirement: undefined };
			const requirement = requirements.get(type.value);
			if (requirement === undefined) at.at("requirement_name").report(describeWrongName(type.value, requirements));
			return { match, requirement };
		}),
		requirements,
		filterState:
			message.filterStateRules === undefined
				? undefined
				: {
						key: message.filterStateRules.name,
						requirements: new Map(
							Object.entries(message.filterStateRules.requires).map(([value, requirement]) => [
								value,
								readRequirement(requirement, known, scope.at("filter_state_rules").at("requires", value)),
							]),
						),
					},
		bypassCorsPreflight: message.bypassCorsPreflight,
		stripFailureResponse: message.stripFailureResponse,
		statPrefix: message.statPrefix,
	};
}

function describeWrongName(name: string, requirements: ReadonlyMap<string, JwtRequirement>): string {
	return `Wrong requirement_name: ${name}. It should be one of [${[...requirements.keys()].sort().join(",")}]`;
}

function readProvider(name: string, message: JwtProviderMessage, scope: Scope): JwtProvider {
	const isDefault =
		message.fromHeaders.length === 0 && message.fromParams.length === 0 && message.fromCookies.length === 0;
	const lifetimeMs = toMs(message.maxLifetime, message.requireExpiration ? Number.POSITIVE_INFINITY : undefined);
	return {
		name,
		issuer: message.issuer,
		audiences: readAudiences(message.audiences),
		subjects: message.subjects === undefined ? undefined : readStringMatcher(message.subjects, scope.at("subjects")),
		maxLifetimeSeconds: lifetimeMs === undefined ? undefined : lifetimeMs / 1000,
		keys: readKeySource(name, message, scope),
		forwardsToken: message.forward,
		fromHeaders: isDefault
			? [{ name: "authorization", prefix: "Bearer " }]
			: message.fromHeaders.map((from) => ({ name: from.name.toLowerCase(), prefix: toWireText(from.valuePrefix) })),
		fromParameters: isDefault ? ["access_token"] : message.fromParams,
		fromCookies: message.fromCookies,
		payloadHeader: message.forwardPayloadHeader.toLowerCase(),
		padsPayloadHeader: message.padForwardPayloadHeader,
		payloadInMetadata: message.payloadInMetadata,
		headerInMetadata: message.headerInMetadata,
		failureInMetadata: message.failedStatusInMetadata,
		spaceDelimitedClaims: message.normalizePayloadInMetadata?.spaceDelimitedClaims ?? [],
		clockSkewSeconds: message.clockSkewSeconds || defaultClockSkewSeconds,
		cacheSize: message.jwtCacheConfig === undefined ? 0 : message.jwtCacheConfig.jwtCacheSize || defaultCacheSize,
		maxCachedTokenBytes: message.jwtCacheConfig?.jwtMaxTokenSize || defaultMaxCachedTokenBytes,
		claimHeaders: message.claimToHeaders.map((claim, index) =>
			readClaimHeader(claim, scope.at("claim_to_headers", index)),
		),
		clearsRouteCache: message.clearRouteCache,
	};
}

function readClaimHeader(
	message: JwtClaimToHeader,
	scope: Scope,
): { readonly header: string; readonly claimPath: readonly string[] } {
	const path = message.claimPath.map((segment) => segment.key);
	if (message.claimName === "" && path.length === 0) scope.report("needs a claim_name or a claim_path");
	return { header: message.headerName.toLowerCase(), claimPath: path.length > 0 ? path : message.claimName.split(".") };
}

function readAudiences(audiences: readonly string[]): ReadonlySet<string> {
	return new Set(audiences.map(sanitizeAudience));
}

function readKeySource(name: string, message: JwtProviderMessage, scope: Scope): JwtKeySource {
	const specifier = message.jwksSourceSpecifier;
	if (specifier.case === "remoteJwks") return readRemoteKeys(specifier.value, scope.at("remote_jwks"));
	if (specifier.case !== "localJwks") return { kind: "none" };
	const at = scope.at("local_jwks");
	const text = readDataSourceNow(specifier.value, at);
	if (text === undefined || text.length === 0) return { kind: "none" };
	const keys = parseKeySet(text);
	if (typeof keys !== "string") return { kind: "local", keys };
	at.report(`Provider '${name}' in jwt_authn config has invalid local jwks: ${keys}`);
	return { kind: "none" };
}

function readRemoteKeys(message: RemoteJwks, scope: Scope): JwtKeySource {
	const uri = readHttpUri(message.httpUri);
	const text = message.httpUri?.uri ?? "";
	if (!/^https?:\/\/[^/?#]/i.test(text)) scope.at("http_uri").at("uri").report(`has an invalid URI: '${text}'`);
	if (uri === undefined) return { kind: "none" };
	return {
		kind: "remote",
		...uri,
		cacheMs: toMs(message.cacheDuration, defaultKeyCacheMs),
		ahead:
			message.asyncFetch === undefined
				? undefined
				: {
						blocksListener: !message.asyncFetch.fastListener,
						retryMs: toMs(message.asyncFetch.failedRefetchDuration, 1000),
					},
		retry: readCoreRetryPolicy(message.retryPolicy, "5xx,gateway-error,connect-failure,reset"),
	};
}

function readRequirement(message: JwtRequirementMessage, known: ReadonlySet<string>, scope: Scope): JwtRequirement {
	const type = message.requiresType;
	const check = (provider: string, at: Scope): string => {
		if (!known.has(provider)) at.report(`Required provider ['${provider}'] is not configured.`);
		return provider;
	};
	switch (type.case) {
		case "providerName":
			return { kind: "provider", provider: check(type.value, scope.at("provider_name")), audiences: undefined };
		case "providerAndAudiences": {
			const { providerName, audiences } = type.value;
			return {
				kind: "provider",
				provider: check(providerName, scope.at("provider_and_audiences").at("provider_name")),
				audiences: audiences.length === 0 ? undefined : readAudiences(audiences),
			};
		}
		case "requiresAny":
		case "requiresAll": {
			const at = scope.at(type.case === "requiresAny" ? "requires_any" : "requires_all");
			const requirements = type.value.requirements.map((one, index) =>
				readRequirement(one, known, at.at("requirements", index)),
			);
			return { kind: type.case === "requiresAny" ? "any" : "all", requirements };
		}
		case "allowMissing":
			return { kind: "allow-missing" };
		case "extractOnlyWithoutValidation":
			return { kind: "extract-only" };
		case "allowMissingOrFailed":
			return { kind: "allow-missing-or-failed" };
		default:
			return { kind: "nothing" };
	}
}
