import { suggestNearest } from "../../core/index.ts";
import { formatObjectName, type IstioGateway, type VirtualService } from "../../model/index.ts";
import { objectsOf, type ReportFinding, selectsSomething, type World } from "./world.ts";

/** References between VirtualServices, Gateways and their Secrets that lead nowhere. */
export function checkGateways(world: World, report: ReportFinding): void {
	const { mesh } = world.index;
	const gateways = new Map(mesh.istioGateways.map((gateway) => [formatObjectName(gateway), gateway]));
	const used = new Set<string>();
	for (const rule of mesh.virtualServices) {
		for (const [position, name] of rule.gateways.entries()) {
			if (name === "mesh") continue;
			used.add(name);
			const gateway = gateways.get(name);
			const at = { ...rule, kind: "VirtualService" as const };
			const path = `spec.gateways[${position}]`;
			if (gateway === undefined)
				report(
					"GATEWAY_UNKNOWN",
					at,
					path,
					`no Gateway ${name}${suggestNearest(name, gateways.keys())}: it takes no requests from there`,
				);
			else if (!takesAny(gateway, rule))
				report(
					"GATEWAY_HOST_UNMATCHED",
					at,
					path,
					`Gateway ${name} takes none of the hosts ${rule.hosts.slice(0, 3).join(", ")}`,
				);
		}
	}
	for (const gateway of mesh.istioGateways) {
		const at = { ...gateway, kind: "IstioGateway" as const };
		if (!used.has(formatObjectName(gateway)))
			report("GATEWAY_UNUSED", at, "spec", "no VirtualService names this Gateway");
		if (!selectsSomething(world, undefined, gateway.selector))
			report("SELECTS_NOTHING", at, "spec.selector", "no workload has these labels: no proxy serves this Gateway");
		checkCredentials(world, gateway, report);
	}
	for (const route of [...mesh.httpRoutes, ...mesh.streamRoutes])
		if (route.parents.length === 0)
			report("ROUTE_WITHOUT_PARENT", route, "spec", "names no parent in parentRefs: no request is routed by it");
	for (const { listeners } of world.index.attachments.gateways.values())
		for (const { listener, owner, httpRoutes, streamRoutes } of listeners)
			if (httpRoutes.length + streamRoutes.length === 0)
				report("GATEWAY_UNUSED", owner, listener.path, `no route is attached to listener '${listener.name}'`);
}

/** Whether a server of the Gateway is for a host of the VirtualService. */
function takesAny({ servers, namespace: own }: IstioGateway, { hosts, namespace }: VirtualService): boolean {
	return servers.some((server) =>
		server.hosts.some((text) => {
			const slash = text.indexOf("/");
			const of = slash === -1 ? "*" : text.slice(0, slash);
			if (of !== "*" && (of === "." ? own : of) !== namespace) return false;
			return hosts.some((host) => overlaps(text.slice(slash + 1), host));
		}),
	);
}

function overlaps(a: string, b: string): boolean {
	if (a === "*" || b === "*" || a === b) return true;
	return (a.startsWith("*") && b.endsWith(a.slice(1))) || (b.startsWith("*") && a.endsWith(b.slice(1)));
}

/** Secrets are those of the namespace of the proxies. */
function checkCredentials(world: World, { servers, selector, ...gateway }: IstioGateway, report: ReportFinding): void {
	const { mesh, instances } = world.index;
	const secrets = new Set(objectsOf(world, "Secret").map(formatObjectName));
	const hasLabels = (labels: Readonly<Record<string, string>>): boolean =>
		Object.entries(selector).every(([key, value]) => labels[key] === value);
	const namespaces = new Set(
		[...mesh.workloads, ...instances].filter(({ labels }) => hasLabels(labels)).map(({ namespace }) => namespace),
	);
	for (const server of servers)
		for (const credential of server.tls?.credentialNames ?? []) {
			if (credential.startsWith("builtin://")) continue;
			const name = credential.replace(/^kubernetes(-gateway)?:\/\//, "");
			const candidates = name.includes("/") ? [name] : [...namespaces].map((namespace) => `${namespace}/${name}`);
			for (const candidate of candidates)
				if (!secrets.has(candidate))
					report(
						"SECRET_UNKNOWN",
						{ ...gateway, kind: "IstioGateway" },
						`${server.path}.tls.credentialName`,
						`there is no Secret ${candidate}${suggestNearest(candidate, secrets)}: the server is not served`,
					);
		}
}
