import type { MessageInitShape } from "@bufbuild/protobuf";
import {
	Cluster_LbPolicy,
	type Cluster_SlowStartConfigSchema,
} from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import type { RouteAction_HashPolicySchema } from "../../api/gen/envoy/config/route/v3/route_components_pb.js";
import { assertNever } from "../../core/index.ts";
import type { ConsistentHash, LoadBalancer, LoadBalancerPolicy, Warmup } from "../../model/index.ts";
import { duration } from "./messages.ts";
import type { ClusterInit } from "./traffic-policy.ts";

/** The balancer of a cluster; `PASSTHROUGH` is decided with the cluster's type. */
export function translateLoadBalancer(balancer: LoadBalancer | undefined): Partial<ClusterInit> {
	if (balancer?.consistentHash !== undefined) return consistentHashing(balancer.consistentHash);
	return simpleBalancer(balancer?.algorithm ?? "LEAST_REQUEST", balancer?.warmup);
}

function consistentHashing({ algorithm }: ConsistentHash): Partial<ClusterInit> {
	if (algorithm.kind === "maglev")
		return {
			lbPolicy: Cluster_LbPolicy.MAGLEV,
			...(algorithm.tableSize !== undefined && {
				lbConfig: { case: "maglevLbConfig", value: { tableSize: BigInt(algorithm.tableSize) } },
			}),
		};
	return {
		lbPolicy: Cluster_LbPolicy.RING_HASH,
		...(algorithm.minimumRingSize > 0 && {
			lbConfig: { case: "ringHashLbConfig", value: { minimumRingSize: BigInt(algorithm.minimumRingSize) } },
		}),
	};
}

function simpleBalancer(algorithm: LoadBalancerPolicy, warmup: Warmup | undefined): Partial<ClusterInit> {
	switch (algorithm) {
		case "ROUND_ROBIN":
			return {
				lbPolicy: Cluster_LbPolicy.ROUND_ROBIN,
				...(warmup !== undefined && {
					lbConfig: { case: "roundRobinLbConfig", value: { slowStartConfig: slowStart(warmup) } },
				}),
			};
		case "LEAST_REQUEST":
			return {
				lbPolicy: Cluster_LbPolicy.LEAST_REQUEST,
				...(warmup !== undefined && {
					lbConfig: { case: "leastRequestLbConfig", value: { slowStartConfig: slowStart(warmup) } },
				}),
			};
		case "RANDOM":
			return { lbPolicy: Cluster_LbPolicy.RANDOM };
		case "PASSTHROUGH":
			return { lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED };
		default:
			return assertNever(algorithm);
	}
}

function slowStart(warmup: Warmup): MessageInitShape<typeof Cluster_SlowStartConfigSchema> {
	return {
		slowStartWindow: duration(warmup.durationMs),
		aggression: { defaultValue: warmup.aggression, runtimeKey: "amime.slow_start.aggression" },
		minWeightPercent: { value: warmup.minimumPercent },
	};
}

/** What a route hashes for a cluster with consistent hashing. */
export function translateHashPolicy({ key }: ConsistentHash): MessageInitShape<typeof RouteAction_HashPolicySchema> {
	switch (key.kind) {
		case "header":
			return { policySpecifier: { case: "header", value: { headerName: key.name } } };
		case "query":
			return { policySpecifier: { case: "queryParameter", value: { name: key.name } } };
		case "source-ip":
			return { policySpecifier: { case: "connectionProperties", value: { sourceIp: true } } };
		case "cookie":
			return {
				policySpecifier: {
					case: "cookie",
					value: {
						name: key.name,
						...(key.ttlMs !== undefined && { ttl: duration(key.ttlMs) }),
						...(key.path !== undefined && { path: key.path }),
						attributes: key.attributes.map(([name, value]) => ({ name, value })),
					},
				},
			};
		default:
			return assertNever(key);
	}
}
