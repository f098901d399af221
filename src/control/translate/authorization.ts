import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
	type PermissionSchema,
	type Policy,
	PolicySchema,
	type PrincipalSchema,
	type RBAC,
	RBAC_Action,
	RBACSchema,
} from "../../api/gen/envoy/config/rbac/v3/rbac_pb.js";
import {
	type AuthorizationOperation,
	type AuthorizationPolicy,
	type AuthorizationSource,
	type InstancePort,
	isHttpProtocol,
	matchesLabels,
	type ValueMatch,
	type Workload,
	type WorkloadInstance,
} from "../../model/index.ts";
import {
	type MatchedValue,
	matchHost,
	matchNamespace,
	matchPath,
	matchPrincipal,
	matchText,
} from "./authorization-value.ts";
import type { MeshIndex } from "./mesh-index.ts";
import { isPortNumber } from "./port.ts";

/** What one port of a workload enforces, in this order. */
export interface PortAuthorization {
	/** Undefined without DENY policies. */
	readonly deny?: RBAC;
	/** Undefined without ALLOW policies; an empty one allows nothing. */
	readonly allow?: RBAC;
	/** The ALLOW policies in force, as `namespace/name`, for the body of a 403. */
	readonly allowPolicies: readonly string[];
	/** Whether any rule compares paths, so that they must be normalised strictly first. */
	readonly comparesPaths: boolean;
}

type PermissionInit = MessageInitShape<typeof PermissionSchema>;
type PrincipalInit = MessageInitShape<typeof PrincipalSchema>;

interface RuleContext {
	readonly action: AuthorizationPolicy["action"];
	readonly isHttp: boolean;
	readonly trustDomain: string;
	readonly port: InstancePort;
	readonly workload: Workload | undefined;
}

/** The policies that cover an instance: of its namespace, and of the root namespace for the whole mesh, chosen by selector. */
export function findAuthorizationPolicies(
	index: MeshIndex,
	instance: WorkloadInstance,
): readonly AuthorizationPolicy[] {
	const namespaces = new Set([index.mesh.settings.rootNamespace, instance.namespace]);
	return [...namespaces]
		.flatMap((namespace) => index.authorizationPoliciesIn(namespace))
		.filter(({ selector }) => selector === undefined || matchesLabels(selector, instance.labels));
}

/** Compiles the policies of one port to Envoy's RBAC; rules for other ports leave no trace. */
export function translateAuthorization(
	index: MeshIndex,
	instance: WorkloadInstance,
	port: InstancePort,
): PortAuthorization {
	const policies = findAuthorizationPolicies(index, instance);
	const context = {
		isHttp: isHttpProtocol(port.protocol),
		trustDomain: index.mesh.settings.trustDomain,
		port,
		workload: index.workload({ namespace: instance.namespace, name: instance.workload }),
	};
	const allow = policies.filter((policy) => policy.action === "ALLOW");
	const deny = policies.filter((policy) => policy.action === "DENY");
	return {
		...(deny.length > 0 && { deny: translatePolicies(deny, { ...context, action: "DENY" }) }),
		...(allow.length > 0 && { allow: translatePolicies(allow, { ...context, action: "ALLOW" }) }),
		allowPolicies: allow.map((policy) => `${policy.namespace}/${policy.name}`),
		comparesPaths: policies.some((policy) =>
			policy.rules.some((rule) => rule.to.some(({ paths }) => paths.values.length + paths.notValues.length > 0)),
		),
	};
}

function translatePolicies(policies: readonly AuthorizationPolicy[], context: RuleContext): RBAC {
	const translated: Record<string, Policy> = {};
	for (const policy of policies)
		policy.rules.forEach((rule, position) => {
			const principals =
				rule.from.length === 0 ? [anyPrincipal] : rule.from.map((source) => translateSource(source, context));
			const permissions =
				rule.to.length === 0
					? [anyPermission]
					: rule.to.flatMap((operation) => translateOperation(operation, context) ?? []);
			if (permissions.length === 0) return;
			translated[`ns[${policy.namespace}]-policy[${policy.name}]-rule[${position}]`] = create(PolicySchema, {
				permissions,
				principals,
			});
		});
	return create(RBACSchema, {
		action: context.action === "ALLOW" ? RBAC_Action.ALLOW : RBAC_Action.DENY,
		policies: translated,
	});
}

const anyPermission: PermissionInit = { rule: { case: "any", value: true } };
const anyPrincipal: PrincipalInit = { identifier: { case: "any", value: true } };

function translateSource(source: AuthorizationSource, { trustDomain }: RuleContext): PrincipalInit {
	const ids = [
		...combinePrincipals(source.principals, (value) => matchPrincipal(value, trustDomain)),
		...combinePrincipals(source.namespaces, matchNamespace),
	];
	return ids.length === 0 ? anyPrincipal : { identifier: { case: "andIds", value: { ids } } };
}

function combinePrincipals(match: ValueMatch, compile: (value: string) => readonly MatchedValue[]): PrincipalInit[] {
	const anyOf = (values: readonly string[]): PrincipalInit => ({
		identifier: {
			case: "orIds",
			value: {
				ids: values.flatMap(compile).map((principalName) => ({
					identifier: { case: "authenticated" as const, value: { principalName } },
				})),
			},
		},
	});
	return [
		...(match.values.length > 0 ? [anyOf(match.values)] : []),
		...(match.notValues.length > 0 ? [{ identifier: { case: "notId" as const, value: anyOf(match.notValues) } }] : []),
	];
}

/** Undefined when the operation cannot match on this port: another port, or an HTTP condition of an ALLOW rule on plain TCP. A DENY
 *  rule on plain TCP is enforced without its HTTP conditions (Istio). */
function translateOperation(operation: AuthorizationOperation, context: RuleContext): PermissionInit | undefined {
	const { isHttp, action, port, workload } = context;
	const isThisPort = (value: string): boolean => matchesPort(value, port, workload);
	if (operation.ports.values.length > 0 && !operation.ports.values.some(isThisPort)) return undefined;
	if (operation.ports.notValues.some(isThisPort)) return undefined;
	const { hosts, methods, paths } = operation;
	const hasHttpFields = [hosts, methods, paths].some((match) => match.values.length + match.notValues.length > 0);
	if (!hasHttpFields || (!isHttp && action === "DENY")) return anyPermission;
	if (!isHttp) return undefined;
	const rules = [
		...combinePermissions(hosts, (value) => matchHost(value).map((matcher) => headerPermission(":authority", matcher))),
		...combinePermissions(methods, (value) => [headerPermission(":method", matchText(value))]),
		...combinePermissions(paths, (value) => matchPath(value, action === "DENY").map(pathPermission)),
	];
	return { rule: { case: "andRules", value: { rules } } };
}

function combinePermissions(
	match: ValueMatch,
	compile: (value: string) => readonly PermissionInit[],
): PermissionInit[] {
	const anyOf = (values: readonly string[]): PermissionInit => ({
		rule: { case: "orRules", value: { rules: values.flatMap(compile) } },
	});
	return [
		...(match.values.length > 0 ? [anyOf(match.values)] : []),
		...(match.notValues.length > 0 ? [{ rule: { case: "notRule" as const, value: anyOf(match.notValues) } }] : []),
	];
}

function headerPermission(name: string, matcher: MatchedValue): PermissionInit {
	return { rule: { case: "header", value: { name, headerMatchSpecifier: { case: "stringMatch", value: matcher } } } };
}

function pathPermission(matcher: MatchedValue): PermissionInit {
	return { rule: { case: "urlPath", value: { rule: { case: "path", value: matcher } } } };
}

function matchesPort(value: string, port: InstancePort, workload: Workload | undefined): boolean {
	return value === "*" || isPortNumber(port, Number(value), workload);
}
