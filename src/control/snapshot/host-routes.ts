import { rememberByObject } from "../../core/index.ts";
import type { Destination, HttpRoute, RouteRule, Service, ServicePort, VirtualService } from "../../model/index.ts";
import {
	type Client,
	type Egress,
	findDestination,
	findRoutes,
	type HostRoutes,
	hostOf,
	isVisible,
	listDestinations,
	listVirtualServices,
	type MeshIndex,
	type MeshProblem,
	resolveHostPolicy,
	routesOfService,
	type SeenService,
	translateVirtualService,
} from "../translate/index.ts";
import type { Memo } from "./memo.ts";

/** Routes of hosts for one client, each kept while what it is made of did not change. */
export interface HostRouteBuilder {
	ofService(egress: Egress, seen: SeenService, port: ServicePort): HostRoutes;
	/** The routes of a VirtualService whose host no service stands for. */
	ofRule(rule: VirtualService, port: number): HostRoutes["routes"];
	/** The Service of that host which is only another name (ExternalName), where the client sees one. */
	aliasOf(host: string): SeenService | undefined;
	/** Of everything built so far. */
	problems(): readonly MeshProblem[];
}

interface BuiltRoutes {
	readonly hostRoutes: HostRoutes;
	readonly problems: readonly MeshProblem[];
}

/** @param key what makes the client another, as far as routes go */
export function createHostRouteBuilder(index: MeshIndex, client: Client, key: string, memo: Memo): HostRouteBuilder {
	const problems: MeshProblem[] = [];
	const buildOfService = (
		egress: Egress,
		seen: SeenService,
		port: ServicePort,
		routes: readonly HttpRoute[],
		rules: readonly VirtualService[],
		scope: string,
	): BuiltRoutes => {
		const { service, host } = seen;
		const inputs = [
			index.mesh.settings,
			shapeOf(service),
			port.port,
			port.protocol,
			...policyInputs(index, client, host, service),
			...routes,
			...rules,
			...destinationInputs(index, client, routes, rules),
		];
		// Rules of other namespaces may say other things of the same host.
		const whose = policyInputs(index, client, host, service).length === 0 ? "" : key;
		return memo.get(`routes ${scope} ${whose} ${service.namespace} ${host}:${port.port}`, inputs, (): BuiltRoutes => {
			const found: MeshProblem[] = [];
			const translated = routesOfService(index, client, egress.virtualServices, seen, port, (problem) =>
				found.push(problem),
			);
			return { hostRoutes: { host, port: port.port, seen, routes: translated }, problems: found };
		});
	};
	return {
		ofService(egress, seen, port) {
			const { service, host } = seen;
			const routes = findRoutes(index, service, port, client.namespace);
			const rules = routes.length > 0 ? [] : listVirtualServices(egress.virtualServices, host);
			// Without rules, a namespace matters only by the short name of its own services.
			const isPlain = routes.length === 0 && rules.length === 0;
			const scope = isPlain ? (client.isCaptured ? "captured" : "plain") : key;
			const build = (): BuiltRoutes => buildOfService(egress, seen, port, routes, rules, scope);
			const policies = policyInputs(index, client, host, service);
			const built =
				isPlain && policies.length === 0
					? index.remember(`routes ${scope} ${service.namespace} ${host}:${port.port}`, build)
					: build();
			problems.push(...built.problems);
			return built.hostRoutes;
		},
		ofRule(rule, port) {
			const inputs = [index.mesh.settings, rule, ...destinationInputs(index, client, [], [rule])];
			return memo.get(`rule ${key} ${rule.namespace}/${rule.name} ${port}`, inputs, () =>
				translateVirtualService(rule, { index, client, port, gateway: "mesh" }),
			);
		},
		aliasOf(host) {
			const service = index
				.servicesOfHost(host)
				.find(({ aliasOf, exportTo }) => aliasOf !== undefined && isVisible(exportTo, client.namespace));
			return service && { host, service, ports: service.ports };
		},
		problems: () => problems,
	};
}
/** What routes read of the services they lead to. */
function destinationInputs(
	index: MeshIndex,
	client: Client,
	routes: readonly HttpRoute[],
	virtualServices: readonly VirtualService[],
): unknown[] {
	const destinations = new Map<string, Exclude<Destination, { kind: "unusable" }>>();
	const rules: readonly RouteRule[] = [
		...routes.flatMap(({ rules: own }) => own),
		...virtualServices.flatMap(({ http }) => http),
	];
	for (const destination of rules.flatMap(listDestinations)) {
		if (destination.kind === "unusable") continue;
		const name =
			destination.kind === "host" ? destination.host : `${destination.service.namespace}/${destination.service.name}`;
		destinations.set(name, destination);
	}
	return [...destinations.values()].flatMap((destination) => {
		const service = findDestination(index, client, destination);
		if (service === undefined) return [undefined];
		return [shapeOf(service), ...policyInputs(index, client, hostOf(service, index.mesh.settings), service)];
	});
}

function policyInputs(index: MeshIndex, client: Client, host: string, service: Service): readonly unknown[] {
	return resolveHostPolicy(index, host, service.namespace, client).rules;
}

/** What a service is, without what passes: its endpoints. */
export const shapeOf = rememberByObject((service: Service): string =>
	JSON.stringify({ ...service, endpoints: undefined, source: undefined }),
);
