import { HealthStatus } from "../../api/gen/envoy/config/core/v3/health_check_pb.js";
import type {
	Endpoint_AdditionalAddress,
	LbEndpoint,
	LocalityLbEndpoints,
} from "../../api/gen/envoy/config/endpoint/v3/endpoint_components_pb.js";
import type {
	ClusterLoadAssignment,
	ClusterLoadAssignment_Policy_DropOverload,
} from "../../api/gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { computeShare, emptyRuntime } from "../../engine/runtime/index.ts";
import type { AssignmentConfig, EndpointConfig, LocalityConfig } from "./cluster-config.ts";
import type { AddressConfig } from "./listener-config.ts";
import type { Scope } from "./scope.ts";
import { readAddress, readFraction, readIpAddress, readMetadata, toMs } from "./values.ts";

const healths: Readonly<Record<number, EndpointConfig["health"]>> = {
	[HealthStatus.UNKNOWN]: "unknown",
	[HealthStatus.HEALTHY]: "healthy",
	[HealthStatus.UNHEALTHY]: "unhealthy",
	[HealthStatus.DRAINING]: "draining",
	[HealthStatus.TIMEOUT]: "timeout",
	[HealthStatus.DEGRADED]: "degraded",
};

/** Translates a load assignment; `names` says whether addresses may be host names (DNS clusters). */
export function readAssignment(
	message: ClusterLoadAssignment,
	scope: Scope,
	names: "ip-only" | "host-names",
): AssignmentConfig {
	const { policy } = message;
	const localities = message.endpoints.map((locality, index) =>
		readLocality(locality, scope.at("endpoints", index), names),
	);
	checkPriorities(localities, scope);
	checkDrops(policy?.dropOverloads ?? [], scope.at("policy"));
	return {
		clusterName: message.clusterName,
		localities,
		overprovisioningFactor: policy?.overprovisioningFactor ?? 140,
		weightedPriorityHealth: policy?.weightedPriorityHealth ?? false,
		dropOverloads: (policy?.dropOverloads ?? []).map(({ category, dropPercentage }) => ({
			category,
			fraction: computeShare(readFraction(dropPercentage), emptyRuntime),
		})),
		staleAfterMs: toMs(policy?.endpointStaleAfter, 0),
	};
}

/** Envoy takes one category. */
function checkDrops(drops: readonly ClusterLoadAssignment_Policy_DropOverload[], scope: Scope): void {
	if (drops.length > 1) {
		scope
			.at("drop_overloads")
			.report(`Cluster drop_overloads config has ${drops.length} categories. Envoy only support one.`);
	}
	for (const [index, { dropPercentage }] of drops.entries()) {
		if (computeShare(readFraction(dropPercentage), emptyRuntime) <= 1) continue;
		scope.at("drop_overloads", index).at("drop_percentage").report("must be at most 100 %");
	}
}

function checkPriorities(localities: readonly LocalityConfig[], scope: Scope): void {
	for (const [index, { priority }] of localities.entries()) {
		if (priority > 128) scope.at("endpoints", index).at("priority").report("must be at most 128");
	}
	const totals = new Map<number, number>();
	for (const { priority, weight } of localities) totals.set(priority, (totals.get(priority) ?? 0) + weight);
	for (const [priority, total] of totals) {
		if (total > 0xffff_ffff)
			scope.report(`the sum of weights of all localities at priority ${priority} exceeds 4294967295`);
	}
}

function readLocality(message: LocalityLbEndpoints, scope: Scope, names: "ip-only" | "host-names"): LocalityConfig {
	const inline = message.lbConfig.case === "loadBalancerEndpoints" ? message.lbConfig.value.lbEndpoints : [];
	const endpoints = [
		...message.lbEndpoints.map((one, index) => readEndpoint(one, scope.at("lb_endpoints", index), names)),
		...inline.map((one, index) =>
			readEndpoint(one, scope.at("load_balancer_endpoints").at("lb_endpoints", index), names),
		),
	];
	return {
		locality: {
			region: message.locality?.region ?? "",
			zone: message.locality?.zone ?? "",
			subZone: message.locality?.subZone ?? "",
		},
		priority: message.priority,
		weight: message.loadBalancingWeight ?? 0,
		metadata: readMetadata(message.metadata),
		endpoints: endpoints.filter((endpoint) => endpoint !== undefined),
	};
}

function readEndpoint(message: LbEndpoint, scope: Scope, names: "ip-only" | "host-names"): EndpointConfig | undefined {
	if (message.hostIdentifier.case !== "endpoint") {
		scope.at("endpoint").report("this field is required");
		return undefined;
	}
	const endpoint = message.hostIdentifier.value;
	const at = scope.at("endpoint").at("address");
	const address = names === "ip-only" ? readIpAddress(endpoint.address, at) : readAddress(endpoint.address, at);
	if (address === undefined) return undefined;
	const check = endpoint.healthCheckConfig;
	// Names bring all their addresses themselves.
	const more = names === "host-names" ? [] : readAdditional(endpoint.additionalAddresses, scope.at("endpoint"));
	return {
		address,
		...(more.length === 0 ? {} : { additionalAddresses: more }),
		hostname: endpoint.hostname,
		health: healths[message.healthStatus] ?? "unknown",
		metadata: readMetadata(message.metadata),
		weight: message.loadBalancingWeight ?? 1,
		healthCheckPort: check?.portValue ?? 0,
		...(check?.address === undefined
			? {}
			: {
					healthCheckAddress: readIpAddress(
						check.address,
						scope.at("endpoint").at("health_check_config").at("address"),
					),
				}),
		healthCheckHostname: check?.hostname ?? "",
		healthCheckDisabled: check?.disableActiveHealthCheck ?? false,
	};
}

function readAdditional(messages: readonly Endpoint_AdditionalAddress[], scope: Scope): AddressConfig[] {
	return messages.flatMap(
		({ address }, index) => readIpAddress(address, scope.at("additional_addresses", index).at("address")) ?? [],
	);
}
