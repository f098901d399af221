import type { Duration } from "@bufbuild/protobuf/wkt";
import type { RuntimeDouble } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import type { Percent } from "../../api/gen/envoy/type/v3/percent_pb.js";
import type { BalancerConfig, SlowStartConfig, ZoneAwareConfig } from "../../engine/load-balancer/index.ts";
import type { Scope } from "./scope.ts";
import { toMs } from "./values.ts";

/** Points of a ring at most, unless configured. */
export const maxRingSize = 8 * 1024 * 1024;

export function readRing(
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

export interface ConsistentHashing {
	readonly useHostnameForHashing: boolean;
	readonly hashBalanceFactor: number;
}

export function readConsistentHashing(
	message: { useHostnameForHashing: boolean; hashBalanceFactor?: number | undefined } | undefined,
): ConsistentHashing {
	return {
		useHostnameForHashing: message?.useHostnameForHashing ?? false,
		hashBalanceFactor: message?.hashBalanceFactor ?? 0,
	};
}

export function readSlowStart(
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

export function readZoneAware(message: {
	routingEnabled?: Percent | undefined;
	minClusterSize?: bigint | undefined;
	failTrafficOnPanic: boolean;
	forceLocalityDirectRouting?: boolean;
	forceLocalZone?: { readonly minSize?: number | undefined } | undefined;
}): ZoneAwareConfig {
	return {
		routingEnabledPercent: message.routingEnabled?.value ?? 100,
		minClusterSize: Number(message.minClusterSize ?? 6n),
		failTrafficOnPanic: message.failTrafficOnPanic,
		forceDirect: message.forceLocalZone !== undefined || (message.forceLocalityDirectRouting ?? false),
		forceMinHosts: message.forceLocalZone?.minSize ?? 1,
	};
}

export function readMaglev(tableSize: bigint | undefined, hashing: ConsistentHashing, scope: Scope): BalancerConfig {
	const size = Number(tableSize ?? 65_537n);
	if (!isPrime(size)) scope.at("table_size").report("the table size of maglev must be prime");
	return { kind: "maglev", tableSize: size, ...hashing };
}

function isPrime(value: number): boolean {
	if (value < 2) return false;
	for (let divisor = 2; divisor * divisor <= value; divisor++) if (value % divisor === 0) return false;
	return true;
}
