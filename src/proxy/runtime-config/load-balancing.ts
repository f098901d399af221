import {
	type Cluster,
	type Cluster_CommonLbConfig,
	Cluster_DiscoveryType,
	Cluster_LbPolicy,
	Cluster_RingHashLbConfig_HashFunction,
} from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import type {
	BalancerConfig,
	CommonBalancerConfig,
	OverrideHostSource,
	SubsetConfig,
} from "../../engine/load-balancer/index.ts";
import type { HashPolicy } from "../../engine/router/index.ts";
import {
	maxRingSize,
	readConsistentHashing,
	readMaglev,
	readRing,
	readSlowStart,
	readZoneAware,
} from "./balancer-parts.ts";
import { readPolicy } from "./load-balancing-policy.ts";
import type { Scope } from "./scope.ts";
import { readSubsets } from "./subsets.ts";
import { toMs } from "./values.ts";

/** A cluster's balancer, and what its policy message says about localities. */
export interface BalancingConfig {
	readonly balancer: BalancerConfig;
	readonly common: CommonBalancerConfig;
	readonly subsets: SubsetConfig | undefined;
	readonly overrides: readonly OverrideHostSource[] | undefined;
	/** Go before those of routes. */
	readonly hashPolicies: readonly HashPolicy[];
}

/** Translates `lb_policy` with its config, or `load_balancing_policy`, which wins. */
export function readBalancing(message: Cluster, scope: Scope): BalancingConfig {
	const common = readCommon(message.commonLbConfig);
	checkHostnameHashing(message, scope);
	if (message.loadBalancingPolicy !== undefined) {
		const at = scope.at("load_balancing_policy");
		if (message.lbSubsetConfig !== undefined) {
			scope.at("lb_subset_config").report("cannot be combined with load_balancing_policy");
		}
		const { consistentHashingLbConfig, localityConfigSpecifier } = message.commonLbConfig ?? {};
		if (consistentHashingLbConfig !== undefined || localityConfigSpecifier?.value !== undefined) {
			scope.at("common_lb_config").report("says of localities and hashing what load_balancing_policy has to say");
		}
		const policy = readPolicy(message.loadBalancingPolicy, at);
		if (policy !== undefined) {
			const { balancer, subsets, overrides, hashPolicies } = policy;
			return { balancer, subsets, overrides, hashPolicies, common: { ...common, ...policy.common } };
		}
	}
	const subsets =
		message.lbSubsetConfig === undefined
			? undefined
			: readSubsets({ allowRedundantKeys: false, ...message.lbSubsetConfig }, scope.at("lb_subset_config"));
	return { balancer: readBalancer(message, scope), common, subsets, overrides: undefined, hashPolicies: [] };
}

function checkHostnameHashing(message: Cluster, scope: Scope): void {
	const type = message.clusterDiscoveryType;
	if (message.commonLbConfig?.consistentHashingLbConfig?.useHostnameForHashing !== true) return;
	if (type.case === "type" && type.value === Cluster_DiscoveryType.STRICT_DNS) return;
	scope
		.at("common_lb_config")
		.at("consistent_hashing_lb_config")
		.at("use_hostname_for_hashing")
		.report("host names can be hashed in STRICT_DNS clusters only");
}

function readBalancer(message: Cluster, scope: Scope): BalancerConfig {
	const hashing = readConsistentHashing(message.commonLbConfig?.consistentHashingLbConfig);
	const config = message.lbConfig;
	switch (message.lbPolicy) {
		case Cluster_LbPolicy.ROUND_ROBIN:
			return {
				kind: "round-robin",
				slowStart: config.case === "roundRobinLbConfig" ? readSlowStart(config.value.slowStartConfig) : undefined,
			};
		case Cluster_LbPolicy.LEAST_REQUEST: {
			const least = config.case === "leastRequestLbConfig" ? config.value : undefined;
			return {
				kind: "least-request",
				choiceCount: least?.choiceCount ?? 2,
				activeRequestBias: least?.activeRequestBias?.defaultValue ?? 1,
				fullScan: false,
				slowStart: readSlowStart(least?.slowStartConfig),
			};
		}
		case Cluster_LbPolicy.RANDOM:
			return { kind: "random" };
		case Cluster_LbPolicy.RING_HASH: {
			const ring = config.case === "ringHashLbConfig" ? config.value : undefined;
			const murmur = ring?.hashFunction === Cluster_RingHashLbConfig_HashFunction.MURMUR_HASH_2;
			return readRing(
				Number(ring?.minimumRingSize ?? 1024),
				Number(ring?.maximumRingSize ?? maxRingSize),
				murmur,
				hashing,
				scope.at("ring_hash_lb_config"),
			);
		}
		case Cluster_LbPolicy.MAGLEV: {
			const tableSize = config.case === "maglevLbConfig" ? config.value.tableSize : undefined;
			return readMaglev(tableSize, hashing, scope.at("maglev_lb_config"));
		}
		case Cluster_LbPolicy.CLUSTER_PROVIDED:
			return { kind: "cluster-provided" };
		default:
			scope.at("lb_policy").report("LOAD_BALANCING_POLICY_CONFIG needs load_balancing_policy");
			return { kind: "round-robin", slowStart: undefined };
	}
}

function readCommon(message: Cluster_CommonLbConfig | undefined): CommonBalancerConfig {
	const locality = message?.localityConfigSpecifier;
	return {
		healthyPanicThreshold: message?.healthyPanicThreshold?.value ?? 50,
		localityWeighted: locality?.case === "localityWeightedLbConfig",
		zoneAware: locality?.case === "zoneAwareLbConfig" ? readZoneAware(locality.value) : undefined,
		ignoreNewHostsUntilFirstHealthCheck: message?.ignoreNewHostsUntilFirstHc ?? false,
		closeConnectionsOnHostSetChange: message?.closeConnectionsOnHostSetChange ?? false,
		updateMergeWindowMs: toMs(message?.updateMergeWindow, 1000),
	};
}
