import type { RBAC } from "../../../api/gen/envoy/config/rbac/v3/rbac_pb.js";
import { RBACSchema as HttpRbacSchema } from "../../../api/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js";
import { RBACSchema as NetworkRbacSchema } from "../../../api/gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js";
import type { AuthorizationPolicy } from "../../../model/index.ts";
import type { HttpFilterInit } from "../http-connection-manager.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { extension } from "../messages.ts";
import { customHttpFilters, customNetworkFilters } from "./custom.ts";
import { compilePolicies, type EnforcementPoint } from "./policies.ts";

/** What an inbound listener has to know of its policies beside the filters. */
export interface AuthorizationSummary {
	/** The ALLOW policies in force, as `namespace/name`, for the body of a 403. */
	readonly allowPolicies: readonly string[];
	/** Whether anything may be denied. */
	readonly isEnforced: boolean;
	/** Whether any rule compares paths, so that they must be normalised strictly first. */
	readonly comparesPaths: boolean;
}

export function summarizeAuthorization(policies: readonly AuthorizationPolicy[]): AuthorizationSummary {
	const enforced = policies.filter(({ action, isDryRun }) => action !== "AUDIT" && isDryRun !== true);
	return {
		allowPolicies: enforced
			.filter(({ action }) => action === "ALLOW")
			.map(({ namespace, name }) => `${namespace}/${name}`),
		isEnforced: enforced.length > 0,
		comparesPaths: policies.some(({ rules }) =>
			rules.some(({ to }) => to.some(({ paths }) => paths.values.length + paths.notValues.length > 0)),
		),
	};
}

/** The HTTP filters of policies in the order in which they are judged: CUSTOM, AUDIT, DENY, ALLOW. */
export function authorizationHttpFilters(
	index: MeshIndex,
	policies: readonly AuthorizationPolicy[],
	point: EnforcementPoint,
): HttpFilterInit[] {
	return [
		...customHttpFilters(index, ofAction(policies, "CUSTOM"), point),
		...compileActions(index, policies, point).map(({ action, rules, shadowRules, shadowRulesStatPrefix }) =>
			extension("envoy.filters.http.rbac", HttpRbacSchema, {
				// What no ALLOW policy matches belongs to none; to count every match of one costs every request.
				...((action === "DENY" || shadowRules !== undefined) && { trackPerRuleStats: true }),
				...(rules !== undefined && { rules }),
				...(shadowRules !== undefined && { shadowRules, shadowRulesStatPrefix }),
			}),
		),
	];
}

/** The network filters of policies for connections that are no HTTP. */
export function authorizationNetworkFilters(
	index: MeshIndex,
	policies: readonly AuthorizationPolicy[],
	point: EnforcementPoint,
	statPrefix: string,
) {
	return [
		...customNetworkFilters(index, ofAction(policies, "CUSTOM"), point, statPrefix),
		...compileActions(index, policies, point).map(({ rules, shadowRules, shadowRulesStatPrefix }) =>
			extension("envoy.filters.network.rbac", NetworkRbacSchema, {
				statPrefix,
				...(rules !== undefined && { rules }),
				...(shadowRules !== undefined && { shadowRules, shadowRulesStatPrefix }),
			}),
		),
	];
}

/** Whether ALLOW policies are in force of which no rule can match here. */
export function allowsNothing(
	index: MeshIndex,
	policies: readonly AuthorizationPolicy[],
	point: EnforcementPoint,
): boolean {
	const enforced = ofAction(policies, "ALLOW").filter(({ isDryRun }) => isDryRun !== true);
	return enforced.length > 0 && Object.keys(compilePolicies(index, enforced, "ALLOW", point).policies).length === 0;
}

interface CompiledAction {
	readonly action: AuthorizationPolicy["action"];
	readonly rules?: RBAC;
	/** Of policies that are only tried. */
	readonly shadowRules?: RBAC;
	readonly shadowRulesStatPrefix: string;
}

function compileActions(
	index: MeshIndex,
	policies: readonly AuthorizationPolicy[],
	point: EnforcementPoint,
): CompiledAction[] {
	return (["AUDIT", "DENY", "ALLOW"] as const).flatMap((action) => {
		const own = ofAction(policies, action);
		const enforced = own.filter(({ isDryRun }) => isDryRun !== true);
		const tried = own.filter(({ isDryRun }) => isDryRun === true);
		if (own.length === 0) return [];
		return [
			{
				action,
				...(enforced.length > 0 && { rules: compilePolicies(index, enforced, action, point) }),
				...(tried.length > 0 && { shadowRules: compilePolicies(index, tried, action, point) }),
				shadowRulesStatPrefix: `istio_dry_run_${action.toLowerCase()}_`,
			},
		];
	});
}

function ofAction(
	policies: readonly AuthorizationPolicy[],
	wanted: AuthorizationPolicy["action"],
): readonly AuthorizationPolicy[] {
	return policies.filter(({ action }) => action === wanted);
}
