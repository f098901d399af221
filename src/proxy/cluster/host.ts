import type { HostHealth } from "../../engine/load-balancer/index.ts";
import type { JsonValue, Metadata, MetadataCriteria } from "../../engine/matcher/index.ts";
import type {
	AddressConfig,
	ClusterConfig,
	EndpointConfig,
	LocalityConfig,
	LocalityName,
	UpstreamTransportSocket,
} from "../runtime-config/index.ts";
import { orderAddresses } from "./address-order.ts";
import { HealthFlag, type Host, type HostStats } from "./cluster.ts";

/** The key of an endpoint in its cluster: `ip:port`, `[ip]:port` or a path. */
export function formatHostAddress(endpoint: AddressConfig): string {
	if (endpoint.kind !== "socket") return endpoint.path;
	return endpoint.address.includes(":")
		? `[${endpoint.address}]:${endpoint.port}`
		: `${endpoint.address}:${endpoint.port}`;
}

/** Creates a host that has not been given its place yet, see {@link updateHost}. */
export function createHost(
	cluster: ClusterConfig,
	endpoint: EndpointConfig,
	locality: LocalityConfig,
	stats: HostStats = createHostStats(),
): Host {
	const address = formatHostAddress(endpoint.address);
	return {
		address,
		endpoint: endpoint.address,
		addresses: listAddresses(cluster, endpoint),
		hostname: endpoint.hostname,
		weight: endpoint.weight,
		metadata: endpoint.metadata,
		hashKey: address,
		health: "healthy",
		activeRequests: 0,
		priority: locality.priority,
		canary: false,
		excluded: false,
		healthySince: Number.NEGATIVE_INFINITY,
		latency: undefined,
		load: undefined,
		locality: locality.locality,
		transportSocket: cluster.transportSocket,
		removed: false,
		stats,
		shownHealth: undefined,
		pools: undefined,
		healthFlags: 0,
		activeConnections: 0,
		edsHealth: "unknown",
		healthCheck: { address: undefined, port: 0, hostname: "", disabled: false },
		outlier: undefined,
	};
}

/** Gives a host what the assignment says of it.
 *  @returns whether balancing has to look at it anew */
export function updateHost(
	cluster: ClusterConfig,
	host: Host,
	endpoint: EndpointConfig,
	locality: LocalityConfig,
): boolean {
	const isMoved = host.priority !== locality.priority || !isSameLocality(host.locality, locality.locality);
	const isChanged = isMoved || host.weight !== endpoint.weight || !areEqual(host.metadata, endpoint.metadata);
	const { health } = host;
	host.weight = endpoint.weight;
	host.metadata = endpoint.metadata;
	host.priority = locality.priority;
	host.locality = locality.locality;
	host.addresses = listAddresses(cluster, endpoint);
	host.canary = readLabel(endpoint.metadata, "envoy.lb", "canary") === true;
	const hashKey = readLabel(endpoint.metadata, "envoy.lb", "hash_key");
	const usesHostname =
		(cluster.balancer.kind === "ring-hash" || cluster.balancer.kind === "maglev") &&
		cluster.balancer.useHostnameForHashing;
	host.hashKey = typeof hashKey === "string" && hashKey !== "" ? hashKey : usesHostname ? host.hostname : host.address;
	host.transportSocket = selectTransportSocket(cluster, endpoint, locality);
	host.healthCheck.address = endpoint.healthCheckAddress;
	host.healthCheck.port = endpoint.healthCheckPort;
	host.healthCheck.hostname = endpoint.healthCheckHostname;
	host.healthCheck.disabled = endpoint.healthCheckDisabled;
	host.healthFlags &= ~HealthFlag.pendingDynamicRemoval;
	setEdsHealth(host, endpoint.health);
	return isChanged || health !== host.health;
}

/** Where an endpoint is, in the order in which its addresses are tried. */
export function listAddresses(
	cluster: ClusterConfig,
	{ address, additionalAddresses = [] }: EndpointConfig,
): readonly AddressConfig[] {
	return orderAddresses([address, ...additionalAddresses], cluster.happyEyeballs);
}

/** The socket for an endpoint: its own metadata decides before that of its locality. */
export function selectTransportSocket(
	cluster: ClusterConfig,
	endpoint: EndpointConfig,
	locality: LocalityConfig,
): UpstreamTransportSocket {
	if (cluster.transportSocketMatches.length === 0) return cluster.transportSocket;
	for (const metadata of [endpoint.metadata, locality.metadata]) {
		const labels = metadata["envoy.transport_socket_match"];
		const match = cluster.transportSocketMatches.find(({ criteria }) => meetsCriteria(criteria, labels));
		if (match !== undefined) return match.socket;
	}
	return cluster.transportSocket;
}

/** Whether two localities have one name. */
export function isSameLocality(left: LocalityName, right: LocalityName): boolean {
	return left.region === right.region && left.zone === right.zone && left.subZone === right.subZone;
}

/** The name of a locality as one text; sorts as Envoy sorts localities. */
export function formatLocality({ region, zone, subZone }: LocalityName): string {
	return `${region}\0${zone}\0${subZone}`;
}

/** The socket that these labels alone select. */
export function selectSocketByLabels(cluster: ClusterConfig, labels: MetadataCriteria): UpstreamTransportSocket {
	const match = cluster.transportSocketMatches.find(({ criteria }) => meetsCriteria(criteria, labels));
	return match?.socket ?? cluster.transportSocket;
}

/** Sets or clears a flag. @returns whether the host's health changed by it */
export function setHealthFlag(host: Host, flag: number, isSet: boolean): boolean {
	return setHealthFlags(host, flag, isSet ? flag : 0);
}

/** Gives the flags of `mask` the values in `flags`. @returns whether the host's health changed by it */
export function setHealthFlags(host: Host, mask: number, flags: number): boolean {
	host.healthFlags = (host.healthFlags & ~mask) | flags;
	return refreshHealth(host);
}

/** The names of set flags as `/clusters` prints them. */
export function describeHealthFlags(flags: number): string[] {
	return flagNames.filter(([flag]) => (flags & flag) !== 0).map(([, name]) => name);
}

const flagNames: readonly (readonly [number, string])[] = [
	[HealthFlag.failedActiveHealthCheck, "failed_active_hc"],
	[HealthFlag.failedOutlierCheck, "failed_outlier_check"],
	[HealthFlag.failedEdsHealth, "failed_eds_health"],
	[HealthFlag.degradedActiveHealthCheck, "degraded_active_hc"],
	[HealthFlag.degradedEdsHealth, "degraded_eds_health"],
	[HealthFlag.pendingDynamicRemoval, "pending_dynamic_removal"],
	[HealthFlag.pendingActiveHealthCheck, "pending_active_hc"],
	[HealthFlag.excludedViaImmediateHealthCheckFail, "excluded_via_immediate_hc_fail"],
	[HealthFlag.activeHealthCheckTimeout, "active_hc_timeout"],
	[HealthFlag.edsStatusDraining, "eds_status_draining"],
];

const unhealthyFlags =
	HealthFlag.failedActiveHealthCheck |
	HealthFlag.failedOutlierCheck |
	HealthFlag.failedEdsHealth |
	HealthFlag.edsStatusDraining;
const degradedFlags = HealthFlag.degradedActiveHealthCheck | HealthFlag.degradedEdsHealth;
const excludedFlags =
	HealthFlag.pendingActiveHealthCheck | HealthFlag.excludedViaImmediateHealthCheckFail | HealthFlag.edsStatusDraining;

function refreshHealth(host: Host): boolean {
	const flags = host.healthFlags;
	const health: HostHealth =
		(flags & unhealthyFlags) !== 0 ? "unhealthy" : (flags & degradedFlags) !== 0 ? "degraded" : "healthy";
	const excluded = (flags & excludedFlags) !== 0;
	if (health === host.health && excluded === host.excluded) return false;
	host.health = health;
	host.excluded = excluded;
	return true;
}

function setEdsHealth(host: Host, health: EndpointConfig["health"]): void {
	host.edsHealth = health;
	let flags = host.healthFlags;
	flags &= ~(HealthFlag.failedEdsHealth | HealthFlag.degradedEdsHealth | HealthFlag.edsStatusDraining);
	if (health === "unhealthy" || health === "timeout") flags |= HealthFlag.failedEdsHealth;
	else if (health === "degraded") flags |= HealthFlag.degradedEdsHealth;
	else if (health === "draining") flags |= HealthFlag.edsStatusDraining;
	host.healthFlags = flags;
	refreshHealth(host);
}

function meetsCriteria(criteria: MetadataCriteria, labels: Readonly<Record<string, JsonValue>> | undefined): boolean {
	return Object.entries(criteria).every(([key, value]) => areEqual(labels?.[key], value));
}

/** Equality of JSON values. */
function areEqual(left: JsonValue | undefined, right: JsonValue | undefined): boolean {
	if (left === right) return true;
	if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
	if (Array.isArray(left) !== Array.isArray(right)) return false;
	const keys = Object.keys(left);
	return (
		keys.length === Object.keys(right).length &&
		keys.every((key) => areEqual((left as Record<string, JsonValue>)[key], (right as Record<string, JsonValue>)[key]))
	);
}

function readLabel(metadata: Metadata, namespace: string, key: string): JsonValue | undefined {
	return metadata[namespace]?.[key];
}

function createHostStats(): HostStats {
	return {
		cx_active: { value: 0 },
		cx_connect_fail: { value: 0 },
		cx_total: { value: 0 },
		rq_active: { value: 0 },
		rq_pending_active: { value: 0 },
		rq_error: { value: 0 },
		rq_success: { value: 0 },
		rq_timeout: { value: 0 },
		rq_total: { value: 0 },
	};
}
