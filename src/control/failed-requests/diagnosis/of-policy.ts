import { type AuthorizationPolicy, comparesHttp, type ExtensionProvider } from "../../../model/index.ts";
import type { ObjectRef } from "../../provenance/index.ts";
import { findEnforcedPolicies } from "../../translate/index.ts";
import { type Case, compact, type Diagnosis, hasFlag, isSession, nameOf } from "./diagnosis.ts";
import { findOwnInstance } from "./upstream.ts";

/** Denials: by an AuthorizationPolicy, for want of a good token, by an external authorizer, by a rate limit. */
export function diagnosePolicy(asked: Case): Diagnosis | undefined {
	const { failure } = asked;
	const details = failure.details ?? failure.termination_details ?? "";
	const policy = /^rbac_access_denied_matched_policy\[(.*)\]$/.exec(details)?.[1];
	const tried = findRules(asked);
	if (policy === "none") return diagnoseUnallowed(asked, tried);
	if (policy?.endsWith(badCustomSuffix)) return diagnoseUnknownProvider(policy, tried);
	if (policy !== undefined) {
		const ofBytes = describeBytes(asked, tried[0]);
		return {
			fault: "policy",
			explanation: [`denied by ${describePolicy(policy)}`, ...ofBytes],
			objects: tried,
			...(tried[0] !== undefined && {
				fix: `if it should pass, narrow ${nameOf(tried[0])}${ofBytes.length === 0 ? "" : ", by ports for example"}`,
			}),
		};
	}
	if (details.startsWith("jwt_authn_access_denied")) return diagnoseToken(asked, details);
	if (hasFlag(failure, "UAEX") || details.startsWith("ext_authz")) return diagnoseExternal(asked);
	if (hasFlag(failure, "RL") || failure.status === 429) return diagnoseLimit(asked);
	return tried.length === 0 ? undefined : { explanation: [], objects: tried };
}

/** A connection has no path and no method: a DENY rule that asks for them denies it all the same (Istio). */
function describeBytes(asked: Case, rule: ObjectRef | undefined): readonly string[] {
	if (!isSession(asked.failure) || rule === undefined) return [];
	const policies = asked.mesh.index.authorizationPoliciesIn(rule.namespace);
	const found = policies.find(({ name }) => name === rule.name)?.rules.find(({ path }) => path === rule.path);
	if (found === undefined || !comparesHttp(found)) return [];
	return ["its conditions on HTTP count for nothing here: a connection has no path, no method and no headers"];
}

/** How rules of CUSTOM policies end whose provider nobody knows. */
const badCustomSuffix = "-deny-due-to-bad-CUSTOM-action";

function diagnoseUnknownProvider(name: string, objects: readonly ObjectRef[]): Diagnosis {
	const [, provider = ""] = /^istio-ext-authz-(.*?)-ns\[/.exec(name) ?? [];
	const policy = objects[0] === undefined ? "a CUSTOM policy" : nameOf(objects[0]);
	return {
		fault: "configuration",
		explanation: [
			`${policy} asks the provider '${provider}', which is none of extensionProviders: what it is about is denied`,
		],
		objects,
		fix: `add '${provider}' to extensionProviders of the MeshConfig, or name one of those in the policy`,
	};
}

/** The rules that a failure names, tried and audited ones too. */
function findRules({ failure, mesh }: Case): readonly ObjectRef[] {
	const { details, termination_details: ended, reason, would_deny: wouldDeny, audited } = failure;
	const text = [details, ended, reason, wouldDeny, audited].join(" ");
	const names = new Set(Array.from(text.matchAll(/ns\[[^\]]+\]-policy\[[^\]]+\]-rule\[\d+\]/g), ([name]) => name));
	return [...names].flatMap((name) => mesh.provenance.ofPolicy(name) ?? []);
}

/** No ALLOW policy matched: what the nearest lacks, or else those that might have matched. */
function diagnoseUnallowed(asked: Case, tried: readonly ObjectRef[]): Diagnosis {
	const { failure } = asked;
	const objects = tried.length > 0 ? tried : listPolicies(asked, "ALLOW").map(({ ref }) => ref);
	const [nearest] = failure.reason?.split(" | ") ?? [];
	const lacks = nearest?.replace(/^ns\[[^\]]+\]-policy\[[^\]]+\]-rule\[\d+\]: /, "");
	return {
		fault: "policy",
		explanation: [
			`no ALLOW policy matches this caller and ${isSession(failure) ? "connection" : "request"}, so it is denied`,
			...(lacks === undefined || objects[0] === undefined ? [] : [`the nearest is ${nameOf(objects[0])}: ${lacks}`]),
		],
		fix:
			objects[0] === undefined
				? `add an ALLOW rule for this caller and ${isSession(failure) ? "port" : "request"}`
				: `if it should pass, add it to ${nameOf(objects[0])} or to an ALLOW rule of its own; else mend the caller`,
		objects,
	};
}

interface FoundPolicy {
	readonly policy: AuthorizationPolicy;
	readonly ref: ObjectRef;
}

/** The policies of an action that a failure's proxy enforces. */
function listPolicies(asked: Case, action: AuthorizationPolicy["action"]): readonly FoundPolicy[] {
	const instance = findOwnInstance(asked);
	if (instance === undefined) return [];
	const { index, provenance } = asked.mesh;
	return findEnforcedPolicies(index, instance).authorizations.flatMap((policy) => {
		const ref = policy.action === action ? provenance.of("AuthorizationPolicy", policy) : undefined;
		return ref === undefined ? [] : [{ policy, ref }];
	});
}

/** What helps with what a token was refused for; in the words of the proxies. */
const tokenHints: readonly (readonly [pattern: RegExp, fix: string])[] = [
	[/missing/i, "send a token: 'authorization: Bearer …', or where fromHeaders and fromParams look for it"],
	[/expired/i, "the caller must get a new token"],
	[/not yet valid|before/i, "the clocks of issuer and proxy differ, or the token is for later"],
	[/issuer is not configured/i, "get a token of an issuer that is listed there, or list the token's issuer"],
	[/audience/i, "get a token for this audience, or list the token's audience"],
	[/to match kid/i, "the token is signed with a key, or an algorithm, that the issuer's keys listed there do not have"],
	[/jwks|remote/i, "can the proxy reach the issuer's keys (jwksUri)?"],
	[/verification fails|kid/i, "the token is not signed with a key of the issuer that is listed there"],
	[/header|payload|format|form|parse/i, "what the caller sends is no proper token"],
];

function diagnoseToken(asked: Case, details: string): Diagnosis {
	const instance = findOwnInstance(asked);
	const { index, provenance } = asked.mesh;
	const rules = instance === undefined ? [] : findEnforcedPolicies(index, instance).authentications;
	const reason = details.slice(details.indexOf("{") + 1).replace("}", "");
	const words = reason.replaceAll("_", " ");
	return {
		fault: "caller",
		explanation: [`the token was not accepted: ${words}`],
		fix: tokenHints.find(([pattern]) => pattern.test(words))?.[1] ?? "look at the token that the caller sends",
		objects: compact(rules.map((rule) => provenance.of("RequestAuthentication", rule, "spec.jwtRules"))),
	};
}

function diagnoseExternal(asked: Case): Diagnosis {
	const isError = asked.failure.details?.includes("error") === true;
	const policies = listPolicies(asked, "CUSTOM");
	const providers = listProviders(asked, policies);
	const names = providers.map(({ name, service, port }) => `'${name}' (${service}:${port})`);
	const who = ["the external authorizer", names.join(" or ")].filter((part) => part !== "").join(" ");
	return {
		fault: isError ? "network" : "policy",
		explanation: [isError ? `${who} could not be asked, so the request is refused` : `${who} refused the request`],
		fix: isError
			? `is ${names.length === 0 ? "the authorizer of the route or of the CUSTOM policy" : names.join(" or ")} up, and is its address right (extensionProviders)? ${names.length === 0 ? "'amime endpoints' shows" : `'amime endpoints ${providers[0]!.service.replace(/^.*\//, "")}' shows`} who is there`
			: "its log knows why",
		objects: policies.map(({ ref }) => ref),
	};
}

/** What the providers of policies are, as far as the mesh has them. */
function listProviders({ mesh }: Case, policies: readonly FoundPolicy[]): readonly ExtensionProvider[] {
	const names = new Set(policies.map(({ policy }) => policy.provider));
	return mesh.index.mesh.settings.extensionProviders.filter(({ name }) => names.has(name));
}

function diagnoseLimit({ failure, mesh }: Case): Diagnosis | undefined {
	const [, namespace, name, limit] =
		/RateLimitPolicy ([^/\s]+)\/([^,\s]+), limit (\S+)/.exec(failure.reason ?? "") ?? [];
	if (namespace === undefined || name === undefined) {
		if (!hasFlag(failure, "RL")) return undefined;
		return { fault: "policy", explanation: ["a rate limit is used up"], fix: "'amime limits' shows them", objects: [] };
	}
	const policy = mesh.index.mesh.rateLimitPolicies.find((one) => one.namespace === namespace && one.name === name);
	const at = policy?.limits.findIndex((one) => one.name === limit) ?? -1;
	const path = at < 0 ? "" : `spec.limits[${at}]`;
	return {
		fault: "policy",
		explanation: [`the limit ${limit} of RateLimitPolicy ${namespace}/${name} is used up`],
		fix: `wait as 'retry-after' says, ask less often, or raise it; 'amime limits ${namespace}/${name}' shows who asks for how much`,
		objects: compact([mesh.provenance.of("RateLimitPolicy", { namespace, name }, path)]),
	};
}

/** `ns[shop]-policy[orders]-rule[0]` as people say it. */
function describePolicy(name: string): string {
	const [, namespace, policy, rule] = /^ns\[(.*)\]-policy\[(.*)\]-rule\[(\d+)\]$/.exec(name) ?? [];
	if (policy === undefined) return `policy ${name}`;
	return `AuthorizationPolicy ${namespace}/${policy}, rules[${rule}]`;
}
