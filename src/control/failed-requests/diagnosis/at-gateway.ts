import { findNearest } from "../../../core/index.ts";
import type { ObjectRef } from "../../provenance/index.ts";
import { coversHost, findServedGateway, hostsFor, type ServedGateway } from "../../translate/index.ts";
import { type Case, compact, type Diagnosis, nameOf } from "./diagnosis.ts";
import { findOwnInstance } from "./upstream.ts";

const maxNamed = 5;

/** What a failure's proxy serves where the client connected to; undefined where it is no gateway. */
export function findServed(asked: Case): ServedGateway | undefined {
	const instance = findOwnInstance(asked);
	const served = instance && findServedGateway(asked.mesh.index, instance);
	if (served === undefined) return undefined;
	const port = Number(/:(\d+)$/.exec(asked.failure.local_address ?? "")?.[1]);
	const there = served.servers.filter(({ bindPort }) => bindPort === port);
	return there.length === 0 ? served : { ...served, servers: there };
}

/** No route of a gateway took a request: those that are for its host, or that there is none for it. */
export function diagnoseNoRouteAtGateway(
	asked: Case,
	served: ServedGateway,
	hintOf: (routers: readonly ObjectRef[]) => Diagnosis,
): Diagnosis {
	const host = (asked.failure.authority ?? "").replace(/:\d+$/, "").toLowerCase();
	const routers = listRouters(asked, served);
	const fitting = routers.filter(({ hosts }) => hosts.some((pattern) => coversHost(pattern, host)));
	if (fitting.length > 0) return hintOf(fitting.map(({ ref }) => ref));
	const gateways = listGateways(asked, served);
	const names = [...new Set(gateways.map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`))];
	const who = names.length === 0 ? "the gateway" : names.join(", ");
	const hosts = [...new Set(routers.flatMap((router) => router.hosts))];
	if (hosts.length === 0)
		return {
			fault: "configuration",
			explanation: [`no route is attached to ${who}, so whatever comes in is answered with 404`],
			fix: "add a route that names it (parentRefs of an HTTPRoute, gateways of a VirtualService); 'amime gateways' shows how many each has",
			objects: gateways,
		};
	const nearest = findNearest(host, hosts);
	return {
		fault: nearest === undefined ? "configuration" : "caller",
		explanation: [
			`no route of ${who} is for the host ${host}: there are routes for ${hosts.slice(0, maxNamed).join(", ")}${hosts.length > maxNamed ? ` and ${hosts.length - maxNamed} more` : ""}`,
		],
		fix:
			nearest === undefined
				? `call one of these hosts, or add ${host} to the hosts of a route (and of the Gateway)`
				: `did you mean '${nearest}'?`,
		objects: [...gateways, ...routers.map(({ ref }) => ref)],
	};
}

/** A connection that no listener of a gateway is for. */
export function diagnoseStrangeConnection(asked: Case, served: ServedGateway): Diagnosis {
	const { remote_address: client, server_name: serverName } = asked.failure;
	const gateways = listGateways(asked, served);
	const hosts = [...new Set(served.servers.flatMap((server) => server.hosts.map(({ host }) => host)))];
	const wanted = hosts.slice(0, maxNamed).join(", ");
	const nearest = serverName === null ? undefined : findNearest(serverName, hosts);
	return {
		fault: "caller",
		explanation: [
			serverName === null
				? `${client ?? "a client"} named no server (SNI), and ${gateways.map(nameOf).join(", ") || "the gateway"} takes only TLS for ${wanted}`
				: `${client ?? "a client"} wants the server name (SNI) ${serverName}, and ${gateways.map(nameOf).join(", ") || "the gateway"} is for ${wanted}`,
		],
		fix:
			nearest !== undefined
				? `did you mean '${nearest}'?`
				: serverName === null
					? "speak TLS and name the host, or use the port for plain HTTP"
					: `call one of these hosts, or add ${serverName} to the Gateway`,
		objects: gateways,
	};
}

/** The Gateways and ListenerSets, each at its listener or server. */
function listGateways({ mesh }: Case, { servers }: ServedGateway): readonly ObjectRef[] {
	return compact(servers.map(({ owner, path }) => mesh.provenance.of(owner.kind, owner, path)));
}

interface Router {
	readonly ref: ObjectRef;
	readonly hosts: readonly string[];
}

/** The routes that are attached, with the hosts that they have there. */
function listRouters({ mesh }: Case, { servers }: ServedGateway): readonly Router[] {
	const { index, provenance } = mesh;
	const found = new Map<string, Router>();
	const add = (ref: ObjectRef | undefined, hosts: readonly string[]): void => {
		if (ref === undefined || hosts.length === 0) return;
		const key = nameOf(ref);
		found.set(key, { ref, hosts: [...(found.get(key)?.hosts ?? []), ...hosts] });
	};
	for (const server of servers) {
		for (const { route, hostnames } of server.attached?.httpRoutes ?? [])
			add(provenance.of(route.kind, route), hostnames);
		if (server.owner.kind !== "IstioGateway") continue;
		for (const one of index.virtualServices) {
			if (!one.gateways.includes(`${server.owner.namespace}/${server.owner.name}`)) continue;
			const own = hostsFor(server, one.namespace);
			add(
				provenance.of("VirtualService", one),
				one.hosts.filter((host) => own.some((pattern) => coversHost(pattern, host) || coversHost(host, pattern))),
			);
		}
	}
	return [...found.values()];
}
