import type { Cluster } from "../../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import type { Listener } from "../../../api/gen/envoy/config/listener/v3/listener_pb.js";
import type { RouteConfiguration } from "../../../api/gen/envoy/config/route/v3/route_pb.js";
import type { Secret } from "../../../api/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { isFault, type KeyPair } from "../../gateway-api/index.ts";
import type { MeshIndex } from "../mesh-index.ts";
import type { MeshProblem } from "../problem.ts";
import { hasGlobalLimit } from "../rate-limit/filters.ts";
import { translateKeySetClusters } from "../request-authentication/key-set-cluster.ts";
import { clusterNamesOf } from "./cluster-names.ts";
import { collectServers } from "./collect-servers.ts";
import { translateGatewayListener } from "./gateway-listener.ts";
import type { GatewayNode } from "./gateway-node.ts";
import { findGatewayPolicies } from "./gateway-policies.ts";
import { translateGatewayRoutes } from "./http-routes.ts";
import { mergeServers } from "./merge-servers.ts";
import { routeNameOf, type Server } from "./server.ts";
import { secretsOf } from "./tls-context.ts";

/** What a gateway proxy gets, clusters apart. */
export interface GatewayResources {
	readonly listeners: readonly Listener[];
	readonly routes: readonly RouteConfiguration[];
	readonly secrets: readonly Secret[];
	/** What the proxy shows to backends of a BackendTLSPolicy. */
	readonly clientCertificate?: KeyPair;
	/** Clusters that no service stands for: servers that keys of tokens come from. */
	readonly clusters: readonly Cluster[];
	/** The clusters that routes and chains lead to, whether they are there or not. */
	readonly clusterNames: ReadonlySet<string>;
	/** Those among them that only get TLS as clients send it. */
	readonly passedOnNames: ReadonlySet<string>;
	/** Whether it enforces limits that all proxies share. */
	readonly takesLeases: boolean;
	readonly problems: readonly MeshProblem[];
}

/** Translates everything that a proxy serves. */
export function translateGateway(index: MeshIndex, node: GatewayNode): GatewayResources {
	const problems: MeshProblem[] = [];
	const report = (problem: MeshProblem): void => {
		problems.push(problem);
	};
	const servers = collectServers(index, node, report);
	const plans = mergeServers(servers, report);
	const listeners = plans.flatMap((plan) => translateGatewayListener(index, node, plan) ?? []);
	const byRouteName = new Map<string, Server[]>();
	for (const plan of plans)
		for (const server of plan.servers) {
			if (server.carries !== "http") continue;
			const name = routeNameOf(server);
			const known = byRouteName.get(name);
			if (known === undefined) byRouteName.set(name, [server]);
			else known.push(server);
		}
	const routes = [...byRouteName].map(([name, sharing]) => {
		const plan = plans.find((candidate) => candidate.servers.includes(sharing[0]!));
		const beside = plan?.isTls === true ? plan.servers.filter((server) => !sharing.includes(server)) : [];
		return translateGatewayRoutes(index, node, name, sharing, beside, report);
	});
	const secrets = new Map<string, Secret>();
	for (const plan of plans)
		for (const { tls } of plan.servers)
			if (tls !== undefined) for (const secret of secretsOf(tls)) secrets.set(secret.name, secret);
	const routed = new Set(routes.flatMap(clusterNamesOf));
	const clientCertificate = findClientCertificate(index, servers);
	if (clientCertificate !== undefined)
		for (const secret of secretsOf({ kind: "terminate", keyPairs: [clientCertificate], cipherSuites: [] }))
			secrets.set(secret.name, secret);
	const policies = findGatewayPolicies(index, node, servers);
	return {
		...(clientCertificate !== undefined && { clientCertificate }),
		listeners: listeners.map(({ listener }) => listener),
		routes,
		secrets: [...secrets.values()],
		clusters: translateKeySetClusters(index, policies.authentications),
		takesLeases: hasGlobalLimit([...policies.limits, ...policies.routeLimits]),
		clusterNames: new Set([...listeners.flatMap(({ clusterNames }) => clusterNames), ...routed]),
		passedOnNames: new Set(listeners.flatMap(({ passedOnNames }) => passedOnNames).filter((name) => !routed.has(name))),
		problems,
	};
}

/** Of the oldest Gateway that has one. */
function findClientCertificate(index: MeshIndex, servers: readonly Server[]): KeyPair | undefined {
	const { certificates, grants } = index.attachments;
	for (const { gateway } of servers) {
		const reference = gateway?.clientCertificateRef;
		if (gateway === undefined || reference === undefined) continue;
		const from = { group: "gateway.networking.k8s.io", kind: "Gateway", namespace: gateway.namespace };
		const pair = grants.allows(from, reference) ? certificates.keyPair(reference) : undefined;
		if (pair !== undefined && !isFault(pair)) return pair;
	}
	return undefined;
}
