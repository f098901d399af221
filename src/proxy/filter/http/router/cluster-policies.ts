import type { ForwardAction } from "../../../../engine/router/index.ts";
import type { Cluster } from "../../../cluster/index.ts";

/** A route's action with the cluster's own policies, which go before the route's. */
export function withClusterPolicies(action: ForwardAction, { config }: Cluster): ForwardAction {
	const { policies } = config.http;
	if (policies === undefined) return action;
	return {
		...action,
		retryPolicy: policies.retryPolicy ?? action.retryPolicy,
		hashPolicies: policies.hashPolicies.length > 0 ? policies.hashPolicies : action.hashPolicies,
		mirrorPolicies: policies.mirrorPolicies.length > 0 ? policies.mirrorPolicies : action.mirrorPolicies,
	};
}
