import { suggestNearest } from "../../core/index.ts";
import {
	type AuthorizationPolicy,
	type AuthorizationRule,
	comparesHttp,
	type Labels,
	matchesLabels,
	mayBeHttp,
	type ObjectName,
} from "../../model/index.ts";
import { type ReportFinding, selectsSomething, type World } from "./world.ts";

/** Policies that do less, or other things, than they say. */
export function checkPolicies(world: World, report: ReportFinding): void {
	for (const policy of world.index.mesh.authorizationPolicies) {
		findUnknownProvider(world, policy, report);
		for (const rule of policy.rules) checkRule(policy, rule, report);
		findHttpRulesOnTcp(world, policy, report);
	}
	findIdleSelectors(world, report);
	findNormalizedPaths(world, report);
	findOptionalTokens(world, report);
}

const kind = "AuthorizationPolicy" as const;

function findUnknownProvider({ index }: World, policy: AuthorizationPolicy, report: ReportFinding): void {
	if (policy.action !== "CUSTOM" || policy.provider === undefined) return;
	const known = index.mesh.settings.extensionProviders.map(({ name }) => name);
	if (known.includes(policy.provider)) return;
	const hint = suggestNearest(policy.provider, known);
	const sentence = `no extension provider '${policy.provider}'${hint}: every request that the policy is for is answered with 403`;
	report("PROVIDER_UNKNOWN", { ...policy, kind }, "spec.provider.name", sentence);
}

function checkRule(policy: AuthorizationPolicy, rule: AuthorizationRule, report: ReportFinding): void {
	const at = { ...policy, kind };
	for (const [position, from] of rule.from.entries()) {
		const path = `${rule.path}.from[${position}].source`;
		for (const [field, values] of [
			["principals", from.principals.values],
			["notPrincipals", from.principals.notValues],
		] as const)
			for (const [index, value] of values.entries()) {
				if (!value.startsWith("spiffe://")) continue;
				const plain = value.slice("spiffe://".length);
				report("PRINCIPAL_WITH_SCHEME", at, `${path}.${field}[${index}]`, `'${value}' never matches: write '${plain}'`);
			}
		const negated = (
			[
				["notPrincipals", from.principals],
				["notNamespaces", from.namespaces],
				["notServiceAccounts", from.serviceAccounts],
			] as const
		).find(([, match]) => match.notValues.length > 0 && match.values.length === 0);
		if (negated !== undefined && policy.action === "ALLOW")
			report(
				"NEGATED_SOURCE",
				at,
				`${path}.${negated[0]}`,
				`${negated[0]} matches callers in plain text, which this allows`,
			);
	}
	for (const [position, { key, values }] of rule.when.entries()) {
		const number = key.startsWith("request.auth.claims[")
			? values.find((value) => /^-?\d+(\.\d+)?$/.test(value))
			: undefined;
		if (number === undefined) continue;
		const sentence = `'${number}' never matches a claim that is a number in the token: compare a claim that is text`;
		report("CLAIM_NUMERIC", at, `${rule.path}.when[${position}].values`, sentence);
	}
}

function findHttpRulesOnTcp({ index }: World, policy: AuthorizationPolicy, report: ReportFinding): void {
	const [rule] = policy.rules.filter(comparesHttp);
	if (rule === undefined || policy.targets !== undefined) return;
	const isMeshWide = policy.namespace === index.mesh.settings.rootNamespace;
	const ports = rule.to.flatMap(({ ports: { values } }) => values);
	const named = index.services
		.filter(({ namespace }) => isMeshWide || namespace === policy.namespace)
		.flatMap((service) =>
			[...index.workloadsOf(service), ...index.instancesOf(service)].some(({ labels }) =>
				matchesLabels(policy.selector ?? {}, labels),
			)
				? service.ports
						.filter(
							({ protocol, targetPort }) =>
								!mayBeHttp(protocol) && (ports.length === 0 || ports.includes(String(targetPort))),
						)
						.map((port) => `${service.name}:${port.port} (${port.protocol})`)
				: [],
		);
	if (named.length === 0 || (policy.selector === undefined && ports.length === 0)) return;
	const effect = policy.action === "DENY" ? "denies every connection that its other fields match" : "never matches";
	const sentence = `compares what only HTTP has, and is for ${[...new Set(named)].slice(0, 3).join(", ")}: there the rule ${effect}`;
	report("HTTP_RULE_ON_TCP_PORT", { ...policy, kind }, rule.path, sentence);
}

/** Settings of proxies whose selector selects no workload. */
function findIdleSelectors(world: World, report: ReportFinding): void {
	const { envoyFilters, telemetries, sidecars, proxyConfigs, settings } = world.index.mesh;
	const check = (
		kind: "EnvoyFilter" | "Telemetry" | "Sidecar" | "ProxyConfig",
		path: string,
		objects: readonly (ObjectName & { readonly selector?: Labels })[],
	): void => {
		for (const { namespace, name, selector } of objects) {
			if (selector === undefined) continue;
			const scope = namespace === settings.rootNamespace && kind !== "Sidecar" ? undefined : namespace;
			if (!selectsSomething(world, scope, selector))
				report("SELECTS_NOTHING", { kind, namespace, name }, path, "no workload has these labels: nothing is selected");
		}
	};
	check("EnvoyFilter", "spec.workloadSelector.labels", envoyFilters);
	check("Sidecar", "spec.workloadSelector.labels", sidecars);
	check("Telemetry", "spec.selector.matchLabels", telemetries);
	check("ProxyConfig", "spec.selector.matchLabels", proxyConfigs);
}

/** Told once, at the first policy that compares paths. */
function findNormalizedPaths({ index }: World, report: ReportFinding): void {
	if (index.mesh.settings.pathNormalization !== undefined) return;
	for (const policy of index.mesh.authorizationPolicies)
		for (const rule of policy.rules)
			if (rule.to.some(({ paths }) => paths.values.length + paths.notValues.length > 0)) {
				const sentence =
					"paths are compared after '//', '%2f' and ';' are made plain; Istio compares them as they come";
				report("PATHS_NORMALIZED", { ...policy, kind }, rule.path, sentence);
				return;
			}
}

/** Tokens that are checked and never asked for. */
function findOptionalTokens({ index }: World, report: ReportFinding): void {
	const asks = index.mesh.authorizationPolicies.some(({ rules }) =>
		rules.some(
			({ from, when }) =>
				from.some(({ requestPrincipals: { values, notValues } }) => values.length + notValues.length > 0) ||
				when.some(({ key }) => key.startsWith("request.auth.")),
		),
	);
	if (asks) return;
	for (const authentication of index.mesh.requestAuthentications) {
		if (authentication.rules.length === 0) continue;
		const sentence = "a request without a token passes: no AuthorizationPolicy asks for requestPrincipals";
		report("TOKEN_NOT_REQUIRED", { ...authentication, kind: "RequestAuthentication" }, "spec.jwtRules", sentence);
	}
}
