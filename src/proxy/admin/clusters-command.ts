import type { AdminCluster, AdminHost, AdminLimits, AdminState, ShownAddress } from "./admin-state.ts";
import { type AdminRequest, type AdminResponse, json, readPattern, text } from "./request.ts";

/** `/clusters`: the state of every endpoint, as text or JSON. */
export function describeClusters(state: AdminState, request: AdminRequest): AdminResponse {
	const filter = readPattern(request.query, "filter");
	if (filter !== undefined && "problem" in filter) return text("Invalid re2 regex", 400);
	const clusters = state.clusters().filter((cluster) => filter === undefined || filter.test(cluster.name));
	return request.query.get("format") === "json"
		? json({ cluster_statuses: clusters.map(toJson) })
		: text(clusters.map(toText).join(""));
}

/** Where an endpoint is, as text: `127.0.0.1:80`, `[::1]:80` or a path. */
export function formatAddress(address: ShownAddress): string {
	if (address.kind !== "socket") return address.path;
	return address.address.includes(":") ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`;
}

/** The message `envoy.config.core.v3.Address` as JSON. */
export function addressJson(address: ShownAddress): Record<string, unknown> {
	if (address.kind === "socket") return { socket_address: { address: address.address, port_value: address.port } };
	if (address.kind === "pipe") return { pipe: { path: address.path } };
	const { endpoint, listener } = address;
	return {
		envoy_internal_address: { server_listener_name: listener, ...(endpoint === "" ? {} : { endpoint_id: endpoint }) },
	};
}

function toText(cluster: AdminCluster): string {
	const lines = [`observability_name::${cluster.observabilityName}`];
	if (cluster.outlier !== undefined) {
		lines.push(
			`outlier::success_rate_average::${cluster.outlier.successRateAverage}`,
			`outlier::success_rate_ejection_threshold::${cluster.outlier.successRateThreshold}`,
			`outlier::local_origin_success_rate_average::${cluster.outlier.localOriginSuccessRateAverage}`,
			`outlier::local_origin_success_rate_ejection_threshold::${cluster.outlier.localOriginSuccessRateThreshold}`,
		);
	}
	lines.push(...limitLines("default", cluster.limits.default), ...limitLines("high", cluster.limits.high));
	lines.push(`added_via_api::${cluster.addedViaApi}`);
	if (cluster.edsServiceName !== "") lines.push(`eds_service_name::${cluster.edsServiceName}`);
	for (const host of cluster.hosts) {
		const address = formatAddress(host.address);
		lines.push(...hostLines(host).map((line) => `${address}::${line}`));
	}
	return lines.map((line) => `${cluster.name}::${line}\n`).join("");
}

function limitLines(priority: "default" | "high", limits: AdminLimits): string[] {
	return [
		`${priority}_priority::max_connections::${limits.maxConnections}`,
		`${priority}_priority::max_pending_requests::${limits.maxPendingRequests}`,
		`${priority}_priority::max_requests::${limits.maxRequests}`,
		`${priority}_priority::max_retries::${limits.maxRetries}`,
	];
}

function hostLines(host: AdminHost): string[] {
	const { stats } = host;
	return [
		`cx_active::${stats.cx_active}`,
		`cx_connect_fail::${stats.cx_connect_fail}`,
		`cx_total::${stats.cx_total}`,
		`rq_active::${stats.rq_active}`,
		`rq_error::${stats.rq_error}`,
		`rq_pending_active::${stats.rq_pending_active}`,
		`rq_success::${stats.rq_success}`,
		`rq_timeout::${stats.rq_timeout}`,
		`rq_total::${stats.rq_total}`,
		`hostname::${host.hostname}`,
		`health_flags::${host.healthFlags.length === 0 ? "healthy" : host.healthFlags.map((flag) => `/${flag}`).join("")}`,
		`weight::${host.weight}`,
		`region::${host.locality.region}`,
		`zone::${host.locality.zone}`,
		`sub_zone::${host.locality.subZone}`,
		`canary::${host.canary}`,
		`priority::${host.priority}`,
		`success_rate::${host.successRate}`,
		`local_origin_success_rate::${host.localOriginSuccessRate}`,
	];
}

function toJson(cluster: AdminCluster): Record<string, unknown> {
	return withoutEmpty({
		name: cluster.name,
		added_via_api: cluster.addedViaApi,
		host_statuses: cluster.hosts.map(hostJson),
		circuit_breakers: {
			thresholds: [limitJson(cluster.limits.default), { priority: "HIGH", ...limitJson(cluster.limits.high) }],
		},
		observability_name: cluster.observabilityName,
		eds_service_name: cluster.edsServiceName,
	});
}

function limitJson(limits: AdminLimits): Record<string, unknown> {
	return {
		max_connections: limits.maxConnections,
		max_pending_requests: limits.maxPendingRequests,
		max_requests: limits.maxRequests,
		max_retries: limits.maxRetries,
	};
}

function hostJson(host: AdminHost): Record<string, unknown> {
	const counter = (name: keyof AdminHost["stats"]): Record<string, unknown> =>
		statJson(undefined, name, host.stats[name]);
	const gauge = (name: keyof AdminHost["stats"]): Record<string, unknown> => statJson("GAUGE", name, host.stats[name]);
	return withoutEmpty({
		address: addressJson(host.address),
		stats: [
			counter("cx_connect_fail"),
			counter("cx_total"),
			counter("rq_error"),
			counter("rq_success"),
			counter("rq_timeout"),
			counter("rq_total"),
			gauge("cx_active"),
			gauge("rq_active"),
			gauge("rq_pending_active"),
		],
		health_status: {
			...Object.fromEntries(
				host.healthFlags.filter((flag) => flagsOfJson.has(flag)).map((flag) => [flagsOfJson.get(flag)!, true]),
			),
			eds_health_status: host.edsHealth,
		},
		success_rate: host.successRate >= 0 ? { value: host.successRate } : undefined,
		local_origin_success_rate: host.localOriginSuccessRate >= 0 ? { value: host.localOriginSuccessRate } : undefined,
		weight: host.weight,
		hostname: host.hostname,
		priority: host.priority,
		locality: withoutEmpty({
			region: host.locality.region,
			zone: host.locality.zone,
			sub_zone: host.locality.subZone,
		}),
	});
}

/** The flags that have a field in `envoy.admin.v3.HostHealthStatus`. */
const flagsOfJson: ReadonlyMap<string, string> = new Map([
	["failed_active_hc", "failed_active_health_check"],
	["failed_outlier_check", "failed_outlier_check"],
	["degraded_active_hc", "failed_active_degraded_check"],
	["pending_dynamic_removal", "pending_dynamic_removal"],
	["pending_active_hc", "pending_active_hc"],
	["excluded_via_immediate_hc_fail", "excluded_via_immediate_hc_fail"],
	["active_hc_timeout", "active_hc_timeout"],
]);

/** 64-bit numbers are texts in protobuf's JSON, and zeros are left out. */
function statJson(type: string | undefined, name: string, value: number): Record<string, unknown> {
	return {
		...(type === undefined ? {} : { type }),
		...(value === 0 ? {} : { value: String(value) }),
		name,
	};
}

function withoutEmpty(fields: Record<string, unknown>): Record<string, unknown> {
	return Object.fromEntries(
		Object.entries(fields).filter(
			([, value]) =>
				value !== undefined &&
				value !== "" &&
				value !== 0 &&
				value !== false &&
				!(Array.isArray(value) && value.length === 0),
		),
	);
}
