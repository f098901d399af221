import type { Message } from "@bufbuild/protobuf";
import type { PeakEwma } from "../../api/gen/amime/load_balancing_policies/peak_ewma/v1/peak_ewma_pb.js";
import type { LoadBalancingPolicy } from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import type { ClientSideWeightedRoundRobin } from "../../api/gen/envoy/extensions/load_balancing_policies/client_side_weighted_round_robin/v3/client_side_weighted_round_robin_pb.js";
import type {
	ConsistentHashingLbConfig,
	LocalityLbConfig,
} from "../../api/gen/envoy/extensions/load_balancing_policies/common/v3/common_pb.js";
import {
	type LeastRequest,
	LeastRequest_SelectionMethod,
} from "../../api/gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.js";
import type { Maglev } from "../../api/gen/envoy/extensions/load_balancing_policies/maglev/v3/maglev_pb.js";
import type { OverrideHost } from "../../api/gen/envoy/extensions/load_balancing_policies/override_host/v3/override_host_pb.js";
import type { Random } from "../../api/gen/envoy/extensions/load_balancing_policies/random/v3/random_pb.js";
import {
	type RingHash,
	RingHash_HashFunction,
} from "../../api/gen/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash_pb.js";
import type { RoundRobin } from "../../api/gen/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.js";
import type { Subset } from "../../api/gen/envoy/extensions/load_balancing_policies/subset/v3/subset_pb.js";
import type { WrrLocality } from "../../api/gen/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality_pb.js";
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
import { readHashPolicy } from "./route-action.ts";
import type { Scope } from "./scope.ts";
import { readSubsets } from "./subsets.ts";
import { toMs, unpackExtension } from "./values.ts";

/** A policy of the list with what it wraps. */
export interface PolicyConfig {
	readonly balancer: BalancerConfig;
	readonly common: Partial<CommonBalancerConfig>;
	readonly subsets: SubsetConfig | undefined;
	readonly overrides: readonly OverrideHostSource[] | undefined;
	/** Go before those of routes. */
	readonly hashPolicies: readonly HashPolicy[];
}

const none = { subsets: undefined, overrides: undefined, hashPolicies: [] };

/** The first policy of the list that is supported. */
export function readPolicy(message: LoadBalancingPolicy, scope: Scope): PolicyConfig | undefined {
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
				...none,
				balancer: { kind: "round-robin", slowStart: readSlowStart(slowStartConfig) },
				common: readLocality(localityLbConfig),
			};
		}
		case `${prefix}least_request.v3.LeastRequest`: {
			const least = config as LeastRequest;
			return {
				...none,
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
			return { ...none, balancer: { kind: "random" }, common: readLocality((config as Random).localityLbConfig) };
		case `${prefix}ring_hash.v3.RingHash`:
			return readRingPolicy(config as RingHash, scope);
		case `${prefix}maglev.v3.Maglev`: {
			const { tableSize, consistentHashingLbConfig, localityWeightedLbConfig } = config as Maglev;
			return {
				...none,
				balancer: readMaglev(tableSize, readConsistentHashing(consistentHashingLbConfig), scope),
				hashPolicies: readHashPolicies(consistentHashingLbConfig, scope),
				common: localityWeightedLbConfig === undefined ? {} : { localityWeighted: true },
			};
		}
		case `${prefix}wrr_locality.v3.WrrLocality`:
			return readWrrLocality(config as WrrLocality, scope);
		case `${prefix}client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin`:
			return { ...none, balancer: readClientSideWeights(config as ClientSideWeightedRoundRobin), common: {} };
		case `${prefix}subset.v3.Subset`:
			return readSubsetPolicy(config as Subset, scope);
		case `${prefix}override_host.v3.OverrideHost`:
			return readOverrideHost(config as OverrideHost, scope);
		case `${prefix}cluster_provided.v3.ClusterProvided`:
			return { ...none, balancer: { kind: "cluster-provided" }, common: {} };
		case "amime.load_balancing_policies.peak_ewma.v1.PeakEwma": {
			const { decayTime, defaultRtt } = config as PeakEwma;
			return {
				...none,
				balancer: { kind: "peak-ewma", decayMs: toMs(decayTime, 10_000), defaultRttMs: toMs(defaultRtt, 10) },
				common: {},
			};
		}
		default:
			return undefined;
	}
}

function readWrrLocality(config: WrrLocality, scope: Scope): PolicyConfig | undefined {
	const inner = config.endpointPickingPolicy;
	const at = scope.at("endpoint_picking_policy");
	const policy = inner === undefined ? undefined : readPolicy(inner, at);
	if (policy !== undefined && policy.balancer.kind !== "client-side-weighted") {
		at.report("wrr_locality picks endpoints by client_side_weighted_round_robin only");
	}
	return policy && { ...policy, common: { ...policy.common, localityWeighted: true } };
}

function readClientSideWeights(config: ClientSideWeightedRoundRobin): BalancerConfig {
	return {
		kind: "client-side-weighted",
		blackoutMs: toMs(config.blackoutPeriod, 10_000),
		expirationMs: toMs(config.weightExpirationPeriod, 180_000),
		updateMs: Math.max(100, toMs(config.weightUpdatePeriod, 1_000)),
		errorPenalty: config.errorUtilizationPenalty ?? 1,
		utilizationMetrics: config.metricNamesForComputingUtilization,
		slowStart: readSlowStart(config.slowStartConfig),
	};
}

function readSubsetPolicy(config: Subset, scope: Scope): PolicyConfig | undefined {
	const inner = config.subsetLbPolicy;
	const policy = inner === undefined ? undefined : readPolicy(inner, scope.at("subset_lb_policy"));
	return policy && { ...policy, subsets: readSubsets(config, scope) };
}

function readOverrideHost(config: OverrideHost, scope: Scope): PolicyConfig | undefined {
	const inner = config.fallbackPolicy;
	const policy = inner === undefined ? undefined : readPolicy(inner, scope.at("fallback_policy"));
	const overrides = config.overrideHostSources.flatMap(({ header, metadata }, index): OverrideHostSource[] => {
		const at = scope.at("override_host_sources", index);
		if ((header !== "") === (metadata !== undefined)) at.report("exactly one of header and metadata must be set");
		if (metadata === undefined) return [{ kind: "header", name: header.toLowerCase() }];
		const path = metadata.path.map(({ segment }) => (segment.case === "key" ? segment.value : ""));
		return [{ kind: "metadata", namespace: metadata.key, path }];
	});
	return policy && { ...policy, overrides };
}

function readRingPolicy(ring: RingHash, scope: Scope): PolicyConfig {
	const hashing = ring.consistentHashingLbConfig ?? ring;
	const murmur = ring.hashFunction === RingHash_HashFunction.MURMUR_HASH_2;
	return {
		...none,
		balancer: readRing(
			Number(ring.minimumRingSize ?? 1024),
			Number(ring.maximumRingSize ?? maxRingSize),
			murmur,
			readConsistentHashing(hashing),
			scope,
		),
		hashPolicies: readHashPolicies(ring.consistentHashingLbConfig, scope),
		common: ring.localityWeightedLbConfig === undefined ? {} : { localityWeighted: true },
	};
}

function readHashPolicies(message: ConsistentHashingLbConfig | undefined, scope: Scope): HashPolicy[] {
	const at = scope.at("consistent_hashing_lb_config");
	return (message?.hashPolicy ?? []).map((policy, index) => readHashPolicy(policy, at.at("hash_policy", index)));
}

function readLocality(message: LocalityLbConfig | undefined): Partial<CommonBalancerConfig> {
	const specifier = message?.localityConfigSpecifier;
	if (specifier?.case === "localityWeightedLbConfig") return { localityWeighted: true };
	if (specifier?.case === "zoneAwareLbConfig") return { zoneAware: readZoneAware(specifier.value) };
	return {};
}
