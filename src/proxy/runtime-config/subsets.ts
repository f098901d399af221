import {
	Cluster_LbSubsetConfig_LbSubsetFallbackPolicy,
	Cluster_LbSubsetConfig_LbSubsetMetadataFallbackPolicy,
	Cluster_LbSubsetConfig_LbSubsetSelector_LbSubsetSelectorFallbackPolicy,
} from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import type { SubsetConfig } from "../../engine/load-balancer/index.ts";
import type { JsonObject } from "../../engine/matcher/index.ts";
import type { Scope } from "./scope.ts";

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

/** What the cluster's own message and the policy's have in common; their enumerations have the same numbers. */
export interface SubsetMessage {
	readonly fallbackPolicy: number;
	readonly defaultSubset?: JsonObject | undefined;
	readonly subsetSelectors: readonly {
		readonly keys: readonly string[];
		readonly fallbackPolicy: number;
		readonly fallbackKeysSubset: readonly string[];
		readonly singleHostPerSubset: boolean;
	}[];
	readonly localityWeightAware: boolean;
	readonly scaleLocalityWeight: boolean;
	readonly panicModeAny: boolean;
	readonly listAsAny: boolean;
	readonly metadataFallbackPolicy: number;
	readonly allowRedundantKeys: boolean;
}

/** Translates the subset balancer; undefined when there are no selectors. */
export function readSubsets(config: SubsetMessage, scope: Scope): SubsetConfig | undefined {
	if (config.subsetSelectors.length === 0) return undefined;
	return {
		fallback: fallbacks[config.fallbackPolicy] ?? "none",
		defaultSubset: config.defaultSubset ?? {},
		selectors: config.subsetSelectors.map((selector, index) => {
			const fallback = selectorFallbacks[selector.fallbackPolicy] ?? "not-defined";
			if (fallback === "keys-subset") {
				checkFallbackKeys(selector.keys, selector.fallbackKeysSubset, scope.at("subset_selectors", index));
			} else if (selector.fallbackKeysSubset.length > 0) {
				const at = scope.at("subset_selectors", index).at("fallback_keys_subset");
				at.report("can be set only for the fallback policy KEYS_SUBSET");
			}
			return {
				keys: [...new Set(selector.keys)].sort(),
				fallback,
				fallbackKeys: [...new Set(selector.fallbackKeysSubset)].sort(),
				singleHostPerSubset: selector.singleHostPerSubset,
			};
		}),
		localityWeightAware: config.localityWeightAware,
		scaleLocalityWeight: config.scaleLocalityWeight,
		panicModeAny: config.panicModeAny,
		listAsAny: config.listAsAny,
		metadataFallback:
			config.metadataFallbackPolicy === Cluster_LbSubsetConfig_LbSubsetMetadataFallbackPolicy.FALLBACK_LIST,
		allowRedundantKeys: config.allowRedundantKeys,
	};
}

function checkFallbackKeys(keys: readonly string[], fallbackKeys: readonly string[], scope: Scope): void {
	const at = scope.at("fallback_keys_subset");
	if (fallbackKeys.length === 0) at.report("KEYS_SUBSET needs keys");
	else if (!fallbackKeys.every((key) => keys.includes(key))) at.report("must be a part of the keys");
	else if (new Set(fallbackKeys).size === new Set(keys).size) at.report("must be fewer than the keys");
}
