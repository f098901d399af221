import { suggestNearest } from "../../core/index.ts";
import { type AuthorizationPolicy, formatObjectName, type ObjectName } from "../../model/index.ts";
import { findNearestName, type ReportFinding, type World } from "./world.ts";

/** Callers that policies name and nobody is, where somebody is called nearly so: of others the mesh may not know, because they come from
 *  elsewhere or were given their identity by an entry. */
export function checkSources(world: World, report: ReportFinding): void {
	const known = listCallers(world);
	for (const policy of world.index.mesh.authorizationPolicies)
		for (const rule of policy.rules)
			for (const [position, source] of rule.from.entries())
				for (const field of ["principals", "namespaces", "serviceAccounts"] as const)
					for (const part of ["values", "notValues"] as const)
						for (const [index, value] of source[field][part].entries()) {
							const told = describeStranger(known, policy, field, value);
							if (told === undefined) continue;
							const name = part === "values" ? field : `not${field[0]!.toUpperCase()}${field.slice(1)}`;
							const path = `${rule.path}.from[${position}].source.${name}[${index}]`;
							report("SOURCE_UNKNOWN", { ...policy, kind: "AuthorizationPolicy" }, path, told);
						}
}

interface Callers {
	readonly namespaces: ReadonlySet<string>;
	/** `namespace/serviceAccount`. */
	readonly accounts: ReadonlyMap<string, ObjectName>;
	readonly trustDomains: readonly string[];
}

function listCallers({ index }: World): Callers {
	const { mesh, instances } = index;
	const all = [...mesh.workloads, ...mesh.gatewayProxies, ...instances];
	const { trustDomain, trustDomainAliases } = mesh.settings;
	return {
		namespaces: new Set(all.map(({ namespace }) => namespace)),
		accounts: new Map(
			all.map(({ namespace, serviceAccount: name }) => [formatObjectName({ namespace, name }), { namespace, name }]),
		),
		// Policies may say the domain by default whatever it is.
		trustDomains: ["cluster.local", trustDomain, ...trustDomainAliases],
	};
}

function describeStranger(
	{ namespaces, accounts, trustDomains }: Callers,
	policy: AuthorizationPolicy,
	field: "principals" | "namespaces" | "serviceAccounts",
	value: string,
): string | undefined {
	if (value.includes("*")) return undefined;
	if (field === "namespaces") {
		const near = namespaces.has(value) ? "" : suggestNearest(value, namespaces);
		return near === "" ? undefined : `nothing runs in namespace '${value}'${near}`;
	}
	const account = field === "serviceAccounts" ? ofAccount(value, policy.namespace) : ofPrincipal(value, trustDomains);
	if (account === undefined || accounts.has(account)) return undefined;
	const [namespace = "", name = ""] = account.split("/");
	const near = findNearestName({ namespace, name }, accounts.values());
	if (near === undefined) return undefined;
	return `no workload of namespace ${namespace} runs as the service account '${name}' (did you mean '${formatObjectName(near)}'?)`;
}

function ofAccount(value: string, namespace: string): string {
	return value.includes("/") ? value : `${namespace}/${value}`;
}

function ofPrincipal(value: string, trustDomains: readonly string[]): string | undefined {
	const [, trustDomain = "", namespace, account] = /^([^/]+)\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(value) ?? [];
	return trustDomains.includes(trustDomain) ? `${namespace}/${account}` : undefined;
}
