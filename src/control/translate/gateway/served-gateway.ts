import type { WorkloadInstance } from "../../../model/index.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { collectServers } from "./collect-servers.ts";
import { findGatewayPolicies, type GatewayPolicies } from "./gateway-policies.ts";
import type { Server } from "./server.ts";

/** What a gateway proxy serves, as objects: what its listeners and its filters are made of. */
export interface ServedGateway extends GatewayPolicies {
	readonly servers: readonly Server[];
}

/** Finds the servers of a gateway proxy and the policies that it enforces, for whoever explains what it did.
 *  @returns undefined for an instance that serves no Gateway */
export function findServedGateway(index: MeshIndex, instance: WorkloadInstance): ServedGateway | undefined {
	const { name, namespace, labels } = instance;
	const client = { namespace, labels, isCaptured: false, isGateway: true };
	const node = { name, namespace, labels, kind: "amime" as const, instance, client };
	// Whoever translates tells of the problems.
	const servers = collectServers(index, node, () => undefined);
	return servers.length === 0 ? undefined : { servers, ...findGatewayPolicies(index, node, servers) };
}
