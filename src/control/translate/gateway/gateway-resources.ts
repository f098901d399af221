import type { Listener } from "../../../api/gen/envoy/config/listener/v3/listener_pb.js";
import type { RouteConfiguration } from "../../../api/gen/envoy/config/route/v3/route_pb.js";
import type { Secret } from "../../../api/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import type { MeshIndex } from "../mesh-index.ts";
import type { MeshProblem } from "../problem.ts";
import { clusterNamesOf } from "./cluster-names.ts";
import { collectServers } from "./collect-servers.ts";
import { translateGatewayListener } from "./gateway-listener.ts";
import type { GatewayNode } from "./gateway-node.ts";
import { translateGatewayRoutes } from "./http-routes.ts";
import { mergeServers } from "./merge-servers.ts";
import { routeNameOf, type Server } from "./server.ts";
import { secretsOf } from "./tls-context.ts";

/** What a gateway proxy gets, clusters apart. */
export interface GatewayResources {
	readonly listeners: readonly Listener[];
	readonly routes: readonly RouteConfiguration[];
	readonly secrets: readonly Secret[];
	/** The clusters that routes and chains lead to, whether they are there or not. */
	readonly clusterNames: ReadonlySet<string>;
	readonly problems: readonly MeshProblem[];
}

/** Translates everything that a proxy serves. */
export function translateGateway(index: MeshIndex, node: GatewayNode): GatewayResources {
	const problems: MeshProblem[] = [];
	const report = (problem: MeshProblem): void => {
		problems.push(problem);
	};
	const plans = mergeServers(collectServers(index, node, report), report);
	const listeners = plans.flatMap((plan) => translateGatewayListener(index, node, plan) ?? []);
	const byRouteName = new Map<string, Server[]>();
	for (const { servers } of plans)
		for (const server of servers) {
			if (server.carries !== "http") continue;
			const name = routeNameOf(server);
			const known = byRouteName.get(name);
			if (known === undefined) byRouteName.set(name, [server]);
			else known.push(server);
		}
	const routes = [...byRouteName].map(([name, servers]) => translateGatewayRoutes(index, node, name, servers, report));
	const secrets = new Map<string, Secret>();
	for (const { servers } of plans)
		for (const { tls } of servers)
			if (tls !== undefined) for (const secret of secretsOf(tls)) secrets.set(secret.name, secret);
	return {
		listeners: listeners.map(({ listener }) => listener),
		routes,
		secrets: [...secrets.values()],
		clusterNames: new Set([
			...listeners.flatMap(({ clusterNames }) => clusterNames),
			...routes.flatMap(clusterNamesOf),
		]),
		problems,
	};
}
