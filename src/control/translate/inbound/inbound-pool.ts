import type { ConnectionPoolSettings, TrafficPolicy, WorkloadInstance } from "../../../model/index.ts";
import { completePolicy, mergeTrafficPolicy, resolveHostPolicy } from "../destination-rule.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { hostOf } from "../names.ts";
import { findIngressSidecar } from "./inbound-port.ts";
import type { LeadingPort } from "./leading-services.ts";

/** How a sidecar connects to its application. */
export type InboundPool = Pick<TrafficPolicy, "connectionPool" | "retryBudget">;

/** What a Sidecar says of connections to the application, of a listener before the whole, stands for what the DestinationRule of the first
 *  Service that leads there says: its limits hold at the server as at clients (Istio; ejection and load balancing are for clients alone).
 *  @param ofListener of the ingress of a Sidecar */
export function findInboundPool(
	index: MeshIndex,
	instance: WorkloadInstance,
	[leading]: readonly LeadingPort[],
	ofListener?: ConnectionPoolSettings,
): InboundPool {
	const { settings } = index.mesh;
	const ofSidecar = ofListener ?? findIngressSidecar(index, instance)?.inboundConnectionPool;
	if (leading === undefined) return ofSidecar === undefined ? {} : { connectionPool: ofSidecar };
	const { service, port } = leading;
	const client = { namespace: instance.namespace, labels: {} };
	const { trafficPolicy } = resolveHostPolicy(index, hostOf(service, settings), service.namespace, client, "inbound");
	const policy = completePolicy(settings, service, port, mergeTrafficPolicy(trafficPolicy, undefined, port.port));
	const connectionPool = ofSidecar ?? policy.connectionPool;
	const { retryBudget } = policy;
	return {
		...(connectionPool !== undefined && { connectionPool }),
		...(retryBudget !== undefined && { retryBudget }),
	};
}
