import type { Millis, Random } from "../../core/index.ts";
import type { Metadata } from "../matcher/metadata.ts";
import type { MetadataCriteria } from "../matcher/types.ts";

/** What a balancer needs to know of a host; the proxy's hosts carry more. Changed in place by their owner. */
export interface BalancedHost {
	/** `ip:port` or a unix path: the key of the host in its cluster. */
	readonly address: string;
	/** Empty when it has none. */
	readonly hostname: string;
	/** At least 1. */
	weight: number;
	metadata: Metadata;
	/** `envoy.lb` hash key or the address: what consistent hashing hashes. */
	hashKey: string;
	health: HostHealth;
	/** Requests in flight, for least request. */
	activeRequests: number;
	priority: number;
	canary: boolean;
	/** Not counted among the hosts of its priority: its first health check is still to come, or it asked to be left out. */
	excluded: boolean;
	/** When it became healthy, the beginning of its slow start; -Infinity for a host that has none. */
	healthySince: Millis;
}

export type HostHealth = "healthy" | "degraded" | "unhealthy";

export type BalancerConfig =
	| { readonly kind: "round-robin"; readonly slowStart: SlowStartConfig | undefined }
	| {
			readonly kind: "least-request";
			readonly choiceCount: number;
			readonly activeRequestBias: number;
			readonly fullScan: boolean;
			readonly slowStart: SlowStartConfig | undefined;
	  }
	| { readonly kind: "random" }
	| ({
			readonly kind: "ring-hash";
			readonly minimumRingSize: number;
			readonly maximumRingSize: number;
			readonly hashFunction: "xx-hash" | "murmur-hash-2";
	  } & ConsistentHashing)
	| ({ readonly kind: "maglev"; readonly tableSize: number } & ConsistentHashing)
	/** The cluster chooses (original destination). */
	| { readonly kind: "cluster-provided" };

export interface ConsistentHashing {
	readonly useHostnameForHashing: boolean;
	/** Percent of the mean load a host may carry; 0 for no bound, else at least 100. */
	readonly hashBalanceFactor: number;
}

export interface SlowStartConfig {
	readonly windowMs: number;
	readonly aggression: number;
	/** 10 by default. */
	readonly minWeightPercent: number;
}

/** `envoy.config.cluster.v3.Cluster.CommonLbConfig`. */
export interface CommonBalancerConfig {
	/** Percent; 50 by default; 0 turns panic off. */
	readonly healthyPanicThreshold: number;
	readonly localityWeighted: boolean;
	readonly zoneAware:
		| { readonly routingEnabledPercent: number; readonly minClusterSize: number; readonly failTrafficOnPanic: boolean }
		| undefined;
	readonly ignoreNewHostsUntilFirstHealthCheck: boolean;
	readonly closeConnectionsOnHostSetChange: boolean;
}

/** `envoy.config.cluster.v3.Cluster.LbSubsetConfig`. */
export interface SubsetConfig {
	readonly fallback: "none" | "any-endpoint" | "default-subset";
	readonly defaultSubset: MetadataCriteria;
	readonly selectors: readonly {
		readonly keys: readonly string[];
		readonly fallback: "not-defined" | "none" | "any-endpoint" | "default-subset" | "keys-subset";
		readonly fallbackKeys: readonly string[];
		readonly singleHostPerSubset: boolean;
	}[];
	readonly localityWeightAware: boolean;
	readonly scaleLocalityWeight: boolean;
	readonly panicModeAny: boolean;
	readonly listAsAny: boolean;
	readonly metadataFallback: boolean;
}

/** What one choice depends on: the data path fills one a request (or is one). */
export interface BalancerContext<H extends BalancedHost = BalancedHost> {
	/** 64-bit hash of the route's hash policies; undefined when there is none. */
	readonly hash: bigint | undefined;
	readonly metadataMatch: MetadataCriteria | undefined;
	/** Whether a retry's predicates turn this host down; asked at most `hostSelectionMaxAttempts` times. */
	shouldSelectAnotherHost(host: H): boolean;
	readonly hostSelectionMaxAttempts: number;
	/** Priorities that earlier tries used up (previous_priorities); undefined when none. */
	readonly attemptedPriorities: readonly number[] | undefined;
	/** Where the connection was going before it was led here; for clusters of original destinations. */
	readonly originalDestination?: { readonly address: string; readonly port: number } | undefined;
	/** A header of the request, first value; for clusters that go by one. */
	getRequestHeader?(name: string): string | undefined;
}

/** The hosts of one locality within one priority. */
export interface LocalityHosts<H extends BalancedHost = BalancedHost> {
	/** 0 gets nothing under locality-weighted balancing. */
	readonly weight: number;
	readonly hosts: readonly H[];
}

/** A number that the hot path changes. */
export interface BalancerCount {
	value: number;
}

/** What balancers count, with Envoy's names below `cluster.<name>.`. */
export interface BalancerStats {
	readonly lb_healthy_panic: BalancerCount;
	readonly lb_subsets_active: BalancerCount;
	readonly lb_subsets_created: BalancerCount;
	readonly lb_subsets_removed: BalancerCount;
	readonly lb_subsets_selected: BalancerCount;
	readonly lb_subsets_fallback: BalancerCount;
	readonly lb_subsets_fallback_panic: BalancerCount;
	/** Read only: requests in flight in the whole cluster, for bounded loads. */
	readonly upstream_rq_active: BalancerCount;
}

/** Chooses among the hosts of a cluster (or of a subset of it). */
export interface LoadBalancer<H extends BalancedHost = BalancedHost> {
	/** Replaces the hosts of all priorities. */
	setHosts(priorities: readonly (readonly LocalityHosts<H>[])[], terms: AssignmentTerms): void;
	/** A host of `priority` changed its health, weight or exclusion. Cheap: the next choice looks at that priority anew. */
	markChanged(priority: number): void;
	/** undefined when there is no host to give. */
	choose(context: BalancerContext<H> | undefined, random: Random, now: Millis): H | undefined;
}

/** What an assignment says about balancing beside its hosts. */
export interface AssignmentTerms {
	/** Percent; 140 by default. */
	readonly overprovisioningFactor: number;
	/** Availability of a priority by the weights of its hosts rather than by their number. */
	readonly weightedPriorityHealth: boolean;
}
