import type { Millis, Random } from "../../core/index.ts";
import type { Metadata } from "../matcher/metadata.ts";
import type { MetadataCriteria } from "../matcher/types.ts";
import type { Runtime } from "../runtime/index.ts";
import type { HostLoad } from "./load-report.ts";
import type { PeakLatency } from "./peak-latency.ts";

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
	/** How fast it answered; for balancers that go by it, undefined elsewhere. */
	latency?: PeakLatency | undefined;
	/** What it reports of its load; for balancers that go by it, undefined elsewhere. */
	load?: HostLoad | undefined;
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
	/** Of two hosts the one with the lower product of recent response time and load; amime's own. */
	| { readonly kind: "peak-ewma"; readonly decayMs: number; readonly defaultRttMs: number }
	/** In turn, by weights that hosts' own load reports (ORCA) give. */
	| ({ readonly kind: "client-side-weighted"; readonly slowStart: SlowStartConfig | undefined } & LoadReportTerms)
	/** The cluster chooses (original destination). */
	| { readonly kind: "cluster-provided" };

/** `envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost`: where a request may name its hosts. */
export type OverrideHostSource =
	| { readonly kind: "header"; readonly name: string }
	| { readonly kind: "metadata"; readonly namespace: string; readonly path: readonly string[] };

/** How load reports become weights. */
export interface LoadReportTerms {
	/** How long a host reports before its weight counts. */
	readonly blackoutMs: number;
	/** How long a weight holds without a further report. */
	readonly expirationMs: number;
	/** Weight of the share of errors against utilization. */
	readonly errorPenalty: number;
	/** Named metrics of which the largest is the utilization, where a report has no `application_utilization`. */
	readonly utilizationMetrics: readonly string[];
	/** How often hosts get the weights that their reports give. */
	readonly updateMs: number;
}

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
	readonly zoneAware: ZoneAwareConfig | undefined;
	readonly ignoreNewHostsUntilFirstHealthCheck: boolean;
	readonly closeConnectionsOnHostSetChange: boolean;
	/** Changes of health closer together are seen together; 1000 by default, 0 turns it off. */
	readonly updateMergeWindowMs: number;
}

/** Requests stay in the zone of their proxy as far as that keeps the load even. */
export interface ZoneAwareConfig {
	/** 100 by default; runtime `upstream.zone_routing.enabled`. */
	readonly routingEnabledPercent: number;
	/** 6 by default; runtime `upstream.zone_routing.min_cluster_size`. */
	readonly minClusterSize: number;
	readonly failTrafficOnPanic: boolean;
	/** Stay in the zone whenever it has a healthy host; runtime `upstream.zone_routing.force_locality_direct_routing`. */
	readonly forceDirect: boolean;
	/** How many healthy hosts the own zone has to have to be forced. */
	readonly forceMinHosts: number;
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
	/** Criteria may have more keys than the selector that takes them. */
	readonly allowRedundantKeys: boolean;
}

/** What one choice depends on: the data path fills one a request (or is one). */
export interface BalancerContext<H extends BalancedHost = BalancedHost> {
	/** 64-bit hash of the route's hash policies; undefined when there is none. */
	readonly hash: bigint | undefined;
	readonly metadataMatch: MetadataCriteria | undefined;
	/** Whether a retry's predicates turn this host down; asked at most `hostSelectionMaxAttempts` times. */
	shouldSelectAnotherHost(host: H): boolean;
	readonly hostSelectionMaxAttempts: number;
	/** The priority to choose from, whatever the load; set by an aggregate for its member. */
	readonly forcedPriority?: { readonly priority: number; readonly isDegraded: boolean } | undefined;
	/** Priorities that earlier tries used up (previous_priorities); undefined when none. */
	readonly attemptedPriorities: readonly number[] | undefined;
	/** Where the connection was going before it was led here; for clusters of original destinations. */
	readonly originalDestination?: { readonly address: string; readonly port: number } | undefined;
	/** A header of the request, first value; for clusters that go by one. */
	getRequestHeader?(name: string): string | undefined;
	/** A value of the request's dynamic metadata. */
	getDynamicMetadata?(namespace: string, path: readonly string[]): unknown;
	/** The host that the request is bound to, by its address; see {@link OverrideHost}. */
	readonly overrideHost?: OverrideHost | undefined;
	/** How many of the hosts that the request names were taken; kept by override-host balancers. */
	overridesTaken?: number;
}

/** A host that a request is bound to, by a session for example. */
export interface OverrideHost {
	readonly address: string;
	/** Rather no host than another one. */
	readonly isStrict: boolean;
}

/** The hosts of one locality within one priority. */
export interface LocalityHosts<H extends BalancedHost = BalancedHost> {
	/** The name of the locality, the same for the same region, zone and sub zone. */
	readonly name: string;
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
	readonly lb_local_cluster_not_ok: BalancerCount;
	readonly lb_recalculate_zone_structures: BalancerCount;
	readonly lb_zone_cluster_too_small: BalancerCount;
	readonly lb_zone_no_capacity_left: BalancerCount;
	readonly lb_zone_routing_all_directly: BalancerCount;
	readonly lb_zone_routing_cross_zone: BalancerCount;
	readonly lb_zone_routing_sampled: BalancerCount;
	readonly lb_subsets_active: BalancerCount;
	readonly lb_subsets_created: BalancerCount;
	readonly lb_subsets_removed: BalancerCount;
	readonly lb_subsets_selected: BalancerCount;
	readonly lb_subsets_fallback: BalancerCount;
	readonly lb_subsets_fallback_panic: BalancerCount;
	/** Hosts of the newest assignment that lost their place in a subset of one host. */
	readonly lb_subsets_single_host_per_subset_duplicate: BalancerCount;
	/** Read only: requests in flight in the whole cluster, for bounded loads. */
	readonly upstream_rq_active: BalancerCount;
}

/** Sizes of the newest table of a hash balancer. */
export interface HashTableGauges {
	/** Of rings only. */
	readonly size: BalancerCount | undefined;
	readonly minimum: BalancerCount;
	readonly maximum: BalancerCount;
}

/** The cluster of the proxies themselves, for zone-aware balancing. */
export interface LocalCluster {
	/** Changes whenever its hosts or their health do. */
	readonly version: number;
	/** Its hosts of the highest priority. */
	readonly localities: readonly LocalityHosts[];
	/** The name of this proxy's own locality, as in {@link LocalityHosts.name}. */
	readonly ownLocality: string;
}

/** What balancers have in common besides their configuration. */
export interface BalancerEnvironment {
	readonly stats: BalancerStats;
	readonly runtime: Runtime;
	/** The proxies' own cluster; undefined when balancing knows no zones. */
	readonly localCluster: LocalCluster | undefined;
	/** Where hash balancers show their tables; undefined for others. */
	readonly tableGauges: HashTableGauges | undefined;
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
