import type { WorkloadInstance } from "../../../model/index.ts";
import { findAuthorizationPolicies } from "../authorization/policies.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { findRequestAuthentications } from "../request-authentication/jwt-filter.ts";
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
	// The Gateways of any sidecar are those with an empty selector: they are not meant.
	if (instance.pattern === "sidecar") return undefined;
	const { name, namespace, labels } = instance;
	const client = { namespace, labels, isCaptured: false, isGateway: true };
	const node = { name, namespace, labels, kind: "amime" as const, instance, client };
	// Whoever translates tells of the problems.
	const servers = collectServers(index, node, () => undefined);
	return servers.length === 0 ? undefined : { servers, ...findGatewayPolicies(index, node, servers) };
}

/** The policies that an instance enforces; those of a gateway may name its Gateways in place of its labels. */
export function findEnforcedPolicies(
	index: MeshIndex,
	instance: WorkloadInstance,
): Pick<GatewayPolicies, "authorizations" | "authentications"> {
	return (
		findServedGateway(index, instance) ?? {
			authorizations: findAuthorizationPolicies(index, instance),
			authentications: findRequestAuthentications(index, instance),
		}
	);
}
