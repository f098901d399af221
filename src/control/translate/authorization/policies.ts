import { create } from "@bufbuild/protobuf";
import {
	type Policy,
	PolicySchema,
	type RBAC,
	RBAC_Action,
	RBACSchema,
} from "../../../api/gen/envoy/config/rbac/v3/rbac_pb.js";
import {
	type AuthorizationAction,
	type AuthorizationPolicy,
	matchesLabels,
	type WorkloadInstance,
} from "../../../model/index.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { compileRule, type EnforcedPort } from "./rule.ts";

/** What is enforced where, for everything that is compiled of policies. */
export interface EnforcementPoint {
	readonly port: EnforcedPort;
	readonly isTcp: boolean;
}

/** The policies that cover an instance: of its namespace, and of the root namespace for the whole mesh, chosen by selector. */
export function findAuthorizationPolicies(
	index: MeshIndex,
	instance: WorkloadInstance,
): readonly AuthorizationPolicy[] {
	const namespaces = new Set([index.mesh.settings.rootNamespace, instance.namespace]);
	return [...namespaces]
		.flatMap((namespace) => index.authorizationPoliciesIn(namespace))
		.filter(
			({ selector, targets }) =>
				targets === undefined && (selector === undefined || matchesLabels(selector, instance.labels)),
		);
}

const rbacActions: Readonly<Record<AuthorizationAction, RBAC_Action>> = {
	ALLOW: RBAC_Action.ALLOW,
	DENY: RBAC_Action.DENY,
	AUDIT: RBAC_Action.LOG,
	CUSTOM: RBAC_Action.DENY,
};

/** Compiles policies of one action, each rule as a policy of Envoy's under the name that `nameOf` gives its usual one. */
export function compilePolicies(
	index: MeshIndex,
	policies: readonly AuthorizationPolicy[],
	action: AuthorizationAction,
	point: EnforcementPoint,
	nameOf: (name: string) => string = (name) => name,
): RBAC {
	const { trustDomain, trustDomainAliases, federatedTrustDomains = [], pathNormalization } = index.mesh.settings;
	const trustDomains = [trustDomain, ...trustDomainAliases];
	const hasRelations = federatedTrustDomains.length > 0;
	const isExact = pathNormalization !== undefined;
	const translated: Record<string, Policy> = {};
	for (const { namespace, name, rules } of policies)
		for (const [position, rule] of rules.entries()) {
			const context = { action, ...point, isExact, trustDomains, hasRelations, namespace };
			const compiled = compileRule(rule, context);
			if (compiled === undefined) continue;
			translated[nameOf(`ns[${namespace}]-policy[${name}]-rule[${position}]`)] = create(PolicySchema, {
				permissions: [...compiled.permissions],
				principals: [...compiled.principals],
			});
		}
	return create(RBACSchema, { action: rbacActions[action], policies: translated });
}
