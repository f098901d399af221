import { formatObjectName, type VirtualService } from "../../model/index.ts";
import { findRoutes, hostOf } from "../translate/index.ts";
import { findNearestName, nameAt, objectsOf, type ReportFinding, type World } from "./world.ts";

/** Hosts that two objects decide about, and names that only match as they are written. */
export function findHostConflicts(world: World, report: ReportFinding): void {
	findDoubleClaims(world, report);
	findDoubleRoutes(world, report);
	findStrangeHosts(world, report);
}

/** Names in the cluster that no Service has, where one is called nearly so: other hosts may be anybody's. */
function findStrangeHosts({ index }: World, report: ReportFinding): void {
	const { settings } = index.mesh;
	const known = new Set(index.services.map((service) => hostOf(service, settings)));
	for (const rule of index.virtualServices)
		for (const [position, host] of rule.hosts.entries()) {
			const [name = "", namespace = "", ...rest] = host.split(".");
			if (rest.join(".") !== `svc.${settings.clusterDomain}` || known.has(host) || !rule.gateways.includes("mesh"))
				continue;
			const near = findNearestName({ namespace, name }, index.services);
			if (near === undefined) continue;
			const sentence = `no Service ${namespace}/${name} has the host ${host} (did you mean '${near.name}.${near.namespace}'?): the rules have no effect on calls to it`;
			report("SERVICE_UNKNOWN", { ...rule, kind: "VirtualService" }, `spec.hosts[${position}]`, sentence);
		}
}

/** For sidecars the oldest VirtualService of a host decides alone. */
function findDoubleClaims(world: World, report: ReportFinding): void {
	const owners = new Map<string, VirtualService[]>();
	for (const rule of world.index.virtualServices) {
		if (!rule.gateways.includes("mesh") || !world.objects.has(`VirtualService/${formatObjectName(rule)}`)) continue;
		for (const [position, host] of rule.hosts.entries()) {
			const before = owners.get(host) ?? [];
			const other = before.find((candidate) => candidate !== rule && sharesClients(candidate, rule));
			if (other !== undefined) {
				const sentence = `'${host}' is decided by ${nameAt(world, "VirtualService", other)}, which is older: these rules have no effect for sidecars`;
				report("HOST_CLAIMED_TWICE", { ...rule, kind: "VirtualService" }, `spec.hosts[${position}]`, sentence);
			}
			owners.set(host, [...before, rule]);
		}
	}
}

/** Whether a client may see both. */
function sharesClients(a: VirtualService, b: VirtualService): boolean {
	if (a.exportTo === undefined || b.exportTo === undefined) return true;
	return a.exportTo.some((namespace) => b.exportTo!.includes(namespace));
}

/** HTTPRoutes of a Service decide before VirtualServices of its host. */
function findDoubleRoutes(world: World, report: ReportFinding): void {
	const { index } = world;
	const byHost = new Map(index.services.map((service) => [hostOf(service, index.mesh.settings), service]));
	for (const object of objectsOf(world, "VirtualService")) {
		const rule = index.mesh.virtualServices.find((item) => formatObjectName(item) === formatObjectName(object));
		if (rule?.gateways.includes("mesh") !== true) continue;
		for (const [position, host] of rule.hosts.entries()) {
			const service = byHost.get(host);
			if (service === undefined) continue;
			const [route] = service.ports.flatMap((port) => findRoutes(index, service, port, service.namespace));
			if (route === undefined) continue;
			const sentence = `${nameAt(world, route.kind, route)} decides about ${host}: these rules have no effect where it is in force`;
			report("HOST_ROUTED_TWICE", object, `spec.hosts[${position}]`, sentence);
		}
	}
}
