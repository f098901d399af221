import type { DestinationRule, PortTrafficPolicy, TrafficPolicy, VirtualService } from "../../model/index.ts";
import { resolveHostPolicy, resolveMutualTlsMode } from "../translate/index.ts";
import { nameAt, type ReportFinding, type World } from "./world.ts";

/** DestinationRules that hide or merge, whose settings have no effect, or that contradict policies. */
export function checkDestinationRules(world: World, report: ReportFinding): void {
	for (const rule of world.index.mesh.destinationRules) {
		findHidden(world, rule, report);
		for (const { policy, path } of listPolicies(rule)) checkPolicy(rule, policy, path, report);
		findTlsConflict(world, rule, report);
		findUnusedSubsets(world, rule, report);
	}
}

const kind = "DestinationRule" as const;

function findHidden(world: World, rule: DestinationRule, report: ReportFinding): void {
	const { index } = world;
	const at = { ...rule, kind };
	const rivals = index.mesh.destinationRules.filter((other) => other !== rule && other.host === rule.host);
	const merged = rivals.find(
		(other) =>
			other.namespace === rule.namespace &&
			other.workloadSelector === undefined &&
			rule.workloadSelector === undefined &&
			isOlder(other, rule),
	);
	if (merged !== undefined) {
		const names = new Set(merged.subsets.map(({ name }) => name));
		const lost = [
			...(rule.trafficPolicy !== undefined && merged.trafficPolicy !== undefined ? ["its trafficPolicy"] : []),
			...rule.subsets.filter(({ name }) => names.has(name)).map(({ name }) => `its subset '${name}'`),
		];
		const effect = lost.length === 0 ? "" : `: ${lost.join(" and ")} ${lost.length === 1 ? "has" : "have"} no effect`;
		report(
			"DESTINATION_RULES_MERGED",
			at,
			"spec.host",
			`is merged into the older ${nameAt(world, kind, merged)}${effect}`,
		);
	}
	const service = index.serviceByHost(rule.host);
	if (service === undefined) return;
	for (const other of rivals) {
		// A rule of the clients' own namespace is closer to them than that of the service; the other way round is as it should be.
		if (other.namespace === rule.namespace || other.namespace === service.namespace) continue;
		if (other.workloadSelector !== undefined || rule.namespace !== service.namespace) continue;
		const client = { namespace: other.namespace, labels: {} };
		const { rules } = resolveHostPolicy(index, rule.host, service.namespace, client);
		if (!rules.includes(other)) continue;
		const sentence = `has no effect for clients in namespace ${other.namespace}: ${nameAt(world, kind, other)} is closer to them`;
		report("DESTINATION_RULE_HIDDEN", at, "spec.host", sentence);
	}
}

function isOlder(a: DestinationRule, b: DestinationRule): boolean {
	return a.createdAt < b.createdAt || (a.createdAt === b.createdAt && a.name < b.name);
}

interface PlacedPolicy {
	readonly policy: TrafficPolicy;
	readonly path: string;
}

function listPolicies({ trafficPolicy, subsets }: DestinationRule): PlacedPolicy[] {
	return [
		...(trafficPolicy === undefined ? [] : [{ policy: trafficPolicy, path: "spec.trafficPolicy" }]),
		...subsets.flatMap((subset, index) =>
			subset.trafficPolicy === undefined
				? []
				: [{ policy: subset.trafficPolicy, path: `spec.subsets[${index}].trafficPolicy` }],
		),
	];
}

function checkPolicy(rule: DestinationRule, policy: TrafficPolicy, path: string, report: ReportFinding): void {
	const at = { ...rule, kind };
	const hasOutlierDetection =
		policy.outlierDetection !== undefined || rule.trafficPolicy?.outlierDetection !== undefined;
	const locality = policy.loadBalancer?.locality;
	// Shares of localities hold without it.
	const steers = locality?.isEnabled === true && locality.failover.length + locality.failoverPriority.length > 0;
	if (steers && !hasOutlierDetection) {
		const sentence = "has no effect without outlierDetection: add it to the same trafficPolicy";
		report("LOCALITY_WITHOUT_OUTLIER_DETECTION", at, `${path}.loadBalancer.localityLbSetting`, sentence);
	}
	for (const [port, own] of Object.entries(policy.portLevel ?? {})) {
		const lost = (["loadBalancer", "connectionPool", "outlierDetection", "tls"] as const).filter(
			(name: keyof PortTrafficPolicy) => policy[name] !== undefined && own[name] === undefined,
		);
		if (lost.length === 0) continue;
		const sentence = `port ${port} does not take ${lost.join(", ")} of the rule: settings of a port stand alone`;
		report("PORT_POLICY_REPLACES", at, `${path}.portLevelSettings`, sentence);
	}
}

/** Plain text towards workloads that take mutual TLS only. */
function findTlsConflict(world: World, rule: DestinationRule, report: ReportFinding): void {
	const { index } = world;
	const mode = rule.trafficPolicy?.tls?.mode;
	if (mode !== "DISABLE" && mode !== "SIMPLE") return;
	const service = index.serviceByHost(rule.host);
	if (service === undefined || service.isExternal === true) return;
	for (const instance of index.instancesOf(service))
		for (const port of instance.ports) {
			if (instance.sidecar === undefined || resolveMutualTlsMode(index, instance, port) !== "STRICT") continue;
			const sentence = `workloads of ${rule.host} take mutual TLS only (STRICT), and mode ${mode} is none: every request fails`;
			report("TLS_MODE_CONFLICT", { ...rule, kind }, "spec.trafficPolicy.tls.mode", sentence);
			return;
		}
}

function findUnusedSubsets(world: World, rule: DestinationRule, report: ReportFinding): void {
	const { index } = world;
	if (rule.host.startsWith("*")) return;
	for (const [position, { name }] of rule.subsets.entries()) {
		if (index.mesh.virtualServices.some((route) => leadsTo(route, rule.host, name))) continue;
		const isProxied = index.mesh.sidecars.some(
			({ outboundTrafficPolicy }) => outboundTrafficPolicy?.egressProxy?.subset === name,
		);
		if (isProxied) continue;
		report(
			"SUBSET_UNUSED",
			{ ...rule, kind },
			`spec.subsets[${position}].name`,
			`no route leads to subset '${name}' of ${rule.host}`,
		);
	}
}

function leadsTo({ http, tls, tcp }: VirtualService, host: string, subset: string): boolean {
	return [...http, ...tls, ...tcp].some((rule) =>
		[...rule.backends, ...("mirrors" in rule ? (rule.mirrors ?? []) : [])].some(
			(backend) =>
				backend.subset === subset && backend.destination.kind === "host" && backend.destination.host === host,
		),
	);
}
