import type { Message } from "@bufbuild/protobuf";
import type { Duration } from "@bufbuild/protobuf/wkt";
import {
	type Cluster,
	type Cluster_CommonLbConfig,
	Cluster_LbPolicy,
	Cluster_LbSubsetConfig_LbSubsetFallbackPolicy,
	Cluster_LbSubsetConfig_LbSubsetMetadataFallbackPolicy,
	Cluster_LbSubsetConfig_LbSubsetSelector_LbSubsetSelectorFallbackPolicy,
	Cluster_RingHashLbConfig_HashFunction,
	type LoadBalancingPolicy,
} from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import type { RuntimeDouble } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import type { LocalityLbConfig } from "../../api/gen/envoy/extensions/load_balancing_policies/common/v3/common_pb.js";
import {
	type LeastRequest,
	LeastRequest_SelectionMethod,
} from "../../api/gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.js";
import type { Random } from "../../api/gen/envoy/extensions/load_balancing_policies/random/v3/random_pb.js";
import {
	type RingHash,
	RingHash_HashFunction,
} from "../../api/gen/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash_pb.js";
import type { RoundRobin } from "../../api/gen/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.js";
import type { WrrLocality } from "../../api/gen/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality_pb.js";
import type { Percent } from "../../api/gen/envoy/type/v3/percent_pb.js";
import type {
	BalancerConfig,
	CommonBalancerConfig,
	SlowStartConfig,
	SubsetConfig,
} from "../../engine/load-balancer/index.ts";
import type { JsonObject } from "../../engine/matcher/index.ts";
import type { Scope } from "./scope.ts";
import { toMs, unpackExtension } from "./values.ts";

/** A cluster's balancer, and what its policy message says about localities. */
export interface BalancingConfig {
	readonly balancer: BalancerConfig;
	readonly common: CommonBalancerConfig;
}

const maxRingSize = 8 * 1024 * 1024;

/** Translates `lb_policy` with its config, or `load_balancing_policy`, which wins. */
export function readBalancing(message: Cluster, scope: Scope): BalancingConfig {
	const common = readCommon(message.commonLbConfig);
	if (message.loadBalancingPolicy !== undefined) {
		const policy = readPolicy(message.loadBalancingPolicy, scope.at("load_balancing_policy"));
		if (policy !== undefined) return { balancer: policy.balancer, common: { ...common, ...policy.common } };
	}
	return { balancer: readBalancer(message, scope), common };
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
			const tableSize = Number((config.case === "maglevLbConfig" ? config.value.tableSize : undefined) ?? 65_537);
			if (!isPrime(tableSize))
				scope.at("maglev_lb_config").at("table_size").report("the table size of maglev must be prime");
			return { kind: "maglev", tableSize, ...hashing };
		}
		case Cluster_LbPolicy.CLUSTER_PROVIDED:
			return { kind: "cluster-provided" };
		default:
			scope.at("lb_policy").report("LOAD_BALANCING_POLICY_CONFIG needs load_balancing_policy");
			return { kind: "round-robin", slowStart: undefined };
	}
}

function readRing(
	minimum: number,
	maximum: number,
	murmur: boolean,
	hashing: ConsistentHashing,
	scope: Scope,
): BalancerConfig {
	if (minimum > maximum) scope.report(`minimum_ring_size (${minimum}) > maximum_ring_size (${maximum})`);
	return {
		kind: "ring-hash",
		minimumRingSize: minimum,
		maximumRingSize: maximum,
		hashFunction: murmur ? "murmur-hash-2" : "xx-hash",
		...hashing,
	};
}

interface ConsistentHashing {
	readonly useHostnameForHashing: boolean;
	readonly hashBalanceFactor: number;
}

function readConsistentHashing(
	message: { useHostnameForHashing: boolean; hashBalanceFactor?: number | undefined } | undefined,
): ConsistentHashing {
	return {
		useHostnameForHashing: message?.useHostnameForHashing ?? false,
		hashBalanceFactor: message?.hashBalanceFactor ?? 0,
	};
}

function readSlowStart(
	message:
		| {
				slowStartWindow?: Duration | undefined;
				aggression?: RuntimeDouble | undefined;
				minWeightPercent?: Percent | undefined;
		  }
		| undefined,
): SlowStartConfig | undefined {
	if (message?.slowStartWindow === undefined) return undefined;
	return {
		windowMs: toMs(message.slowStartWindow, 0),
		aggression: message.aggression?.defaultValue ?? 1,
		minWeightPercent: message.minWeightPercent?.value ?? 10,
	};
}

function readCommon(message: Cluster_CommonLbConfig | undefined): CommonBalancerConfig {
	const locality = message?.localityConfigSpecifier;
	return {
		healthyPanicThreshold: message?.healthyPanicThreshold?.value ?? 50,
		localityWeighted: locality?.case === "localityWeightedLbConfig",
		zoneAware: locality?.case === "zoneAwareLbConfig" ? readZoneAware(locality.value) : undefined,
		ignoreNewHostsUntilFirstHealthCheck: message?.ignoreNewHostsUntilFirstHc ?? false,
		closeConnectionsOnHostSetChange: message?.closeConnectionsOnHostSetChange ?? false,
	};
}

function readZoneAware(message: {
	routingEnabled?: Percent | undefined;
	minClusterSize?: bigint | undefined;
	failTrafficOnPanic: boolean;
}): NonNullable<CommonBalancerConfig["zoneAware"]> {
	return {
		routingEnabledPercent: message.routingEnabled?.value ?? 100,
		minClusterSize: Number(message.minClusterSize ?? 6n),
		failTrafficOnPanic: message.failTrafficOnPanic,
	};
}

interface PolicyConfig {
	readonly balancer: BalancerConfig;
	readonly common: Partial<CommonBalancerConfig>;
}

/** The first policy of the list that is supported. */
function readPolicy(message: LoadBalancingPolicy, scope: Scope): PolicyConfig | undefined {
	for (const [index, { typedExtensionConfig }] of message.policies.entries()) {
		const at = scope.at("policies", index).at("typed_extension_config").at("typed_config");
		const silent: Scope = Object.assign(Object.create(at), { report: () => undefined });
		const config = unpackExtension(typedExtensionConfig?.typedConfig, silent);
		const policy = config === undefined ? undefined : readKnownPolicy(config, at);
		if (policy !== undefined) return policy;
	}
	scope.report("no supported load balancing policy is in the list");
	return undefined;
}

function readKnownPolicy(config: Message, scope: Scope): PolicyConfig | undefined {
	const prefix = "envoy.extensions.load_balancing_policies.";
	switch (config.$typeName) {
		case `${prefix}round_robin.v3.RoundRobin`: {
			const { slowStartConfig, localityLbConfig } = config as RoundRobin;
			return {
				balancer: { kind: "round-robin", slowStart: readSlowStart(slowStartConfig) },
				common: readLocality(localityLbConfig),
			};
		}
		case `${prefix}least_request.v3.LeastRequest`: {
			const least = config as LeastRequest;
			return {
				balancer: {
					kind: "least-request",
					choiceCount: least.choiceCount ?? 2,
					activeRequestBias: least.activeRequestBias?.defaultValue ?? 1,
					fullScan: least.enableFullScan === true || least.selectionMethod === LeastRequest_SelectionMethod.FULL_SCAN,
					slowStart: readSlowStart(least.slowStartConfig),
				},
				common: readLocality(least.localityLbConfig),
			};
		}
		case `${prefix}random.v3.Random`:
			return { balancer: { kind: "random" }, common: readLocality((config as Random).localityLbConfig) };
		case `${prefix}ring_hash.v3.RingHash`:
			return readRingPolicy(config as RingHash, scope);
		case `${prefix}wrr_locality.v3.WrrLocality`: {
			const inner = (config as WrrLocality).endpointPickingPolicy;
			const policy = inner === undefined ? undefined : readPolicy(inner, scope.at("endpoint_picking_policy"));
			return policy && { balancer: policy.balancer, common: { ...policy.common, localityWeighted: true } };
		}
		default:
			return undefined;
	}
}

function readRingPolicy(ring: RingHash, scope: Scope): PolicyConfig {
	const hashing = ring.consistentHashingLbConfig ?? ring;
	const murmur = ring.hashFunction === RingHash_HashFunction.MURMUR_HASH_2;
	return {
		balancer: readRing(
			Number(ring.minimumRingSize ?? 1024),
			Number(ring.maximumRingSize ?? maxRingSize),
			murmur,
			readConsistentHashing(hashing),
			scope,
		),
		common: ring.localityWeightedLbConfig === undefined ? {} : { localityWeighted: true },
	};
}

function readLocality(message: LocalityLbConfig | undefined): Partial<CommonBalancerConfig> {
	const specifier = message?.localityConfigSpecifier;
	if (specifier?.case === "localityWeightedLbConfig") return { localityWeighted: true };
	if (specifier?.case === "zoneAwareLbConfig") return { zoneAware: readZoneAware(specifier.value) };
	return {};
}

const fallbacks: Readonly<Record<number, SubsetConfig["fallback"]>> = {
	[Cluster_LbSubsetConfig_LbSubsetFallbackPolicy.NO_FALLBACK]: "none",
	[Cluster_LbSubsetConfig_LbSubsetFallbackPolicy.ANY_ENDPOINT]: "any-endpoint",
	[Cluster_LbSubsetConfig_LbSubsetFallbackPolicy.DEFAULT_SUBSET]: "default-subset",
};
const selectorFallbacks: Readonly<Record<number, SubsetConfig["selectors"][number]["fallback"]>> = {
	[Cluster_LbSubsetConfig_LbSubsetSelector_LbSubsetSelectorFallbackPolicy.NOT_DEFINED]: "not-defined",
	[Cluster_LbSubsetConfig_LbSubsetSelector_LbSubsetSelectorFallbackPolicy.NO_FALLBACK]: "none",
	[Cluster_LbSubsetConfig_LbSubsetSelector_LbSubsetSelectorFallbackPolicy.ANY_ENDPOINT]: "any-endpoint",
	[Cluster_LbSubsetConfig_LbSubsetSelector_LbSubsetSelectorFallbackPolicy.DEFAULT_SUBSET]: "default-subset",
	[Cluster_LbSubsetConfig_LbSubsetSelector_LbSubsetSelectorFallbackPolicy.KEYS_SUBSET]: "keys-subset",
};

/** Translates the subset balancer; undefined when there are no selectors. */
export function readSubsets(message: Cluster): SubsetConfig | undefined {
	const config = message.lbSubsetConfig;
	if (config === undefined || config.subsetSelectors.length === 0) return undefined;
	return {
		fallback: fallbacks[config.fallbackPolicy] ?? "none",
		defaultSubset: (config.defaultSubset ?? {}) as JsonObject,
		selectors: config.subsetSelectors.map((selector) => ({
			keys: [...selector.keys].sort(),
			fallback: selectorFallbacks[selector.fallbackPolicy] ?? "not-defined",
			fallbackKeys: [...selector.fallbackKeysSubset].sort(),
			singleHostPerSubset: selector.singleHostPerSubset,
		})),
		localityWeightAware: config.localityWeightAware,
		scaleLocalityWeight: config.scaleLocalityWeight,
		panicModeAny: config.panicModeAny,
		listAsAny: config.listAsAny,
		metadataFallback:
			config.metadataFallbackPolicy === Cluster_LbSubsetConfig_LbSubsetMetadataFallbackPolicy.FALLBACK_LIST,
	};
}

function isPrime(value: number): boolean {
	if (value < 2) return false;
	for (let divisor = 2; divisor * divisor <= value; divisor++) if (value % divisor === 0) return false;
	return true;
}
