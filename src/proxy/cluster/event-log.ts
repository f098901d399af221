import type { Clock } from "../../core/index.ts";
import type { EjectionCause } from "../../engine/outlier-detection/index.ts";
import type { AddressConfig, HealthCheckConfig } from "../runtime-config/index.ts";
import type { Host } from "./cluster.ts";

/** A file that takes lines. */
export interface EventLog {
	write(line: string): void;
}

/** Names of `envoy.data.cluster.v3.OutlierEjectionType`. */
const ejectionTypes: Readonly<Record<EjectionCause, string>> = {
	consecutive_5xx: "CONSECUTIVE_5XX",
	consecutive_gateway_failure: "CONSECUTIVE_GATEWAY_FAILURE",
	success_rate: "SUCCESS_RATE",
	consecutive_local_origin_failure: "CONSECUTIVE_LOCAL_ORIGIN_FAILURE",
	local_origin_success_rate: "SUCCESS_RATE_LOCAL_ORIGIN",
	failure_percentage: "FAILURE_PERCENTAGE",
	local_origin_failure_percentage: "FAILURE_PERCENTAGE_LOCAL_ORIGIN",
};

/** What the rates of all hosts were when one was thrown out. */
export interface RatesAtEjection {
	readonly average: number;
	readonly threshold: number;
}

/** Writes `envoy.data.cluster.v3.OutlierDetectionEvent` as JSON, one a line. */
export class OutlierEvents {
	readonly #log: EventLog;
	readonly #cluster: string;
	readonly #clock: Clock;

	constructor(log: EventLog, cluster: string, clock: Clock) {
		this.#log = log;
		this.#cluster = cluster;
		this.#clock = clock;
	}

	/** `enforced` is false when the host is an outlier and stays. */
	ejected(host: Host, cause: EjectionCause, enforced: boolean, rates: RatesAtEjection): void {
		const last = host.outlier?.unejectedAt ?? Number.NaN;
		this.#write(host, ejectionTypes[cause], "EJECT", enforced, last, describeCause(host, cause, rates));
	}

	unejected(host: Host): void {
		this.#write(host, ejectionTypes.consecutive_5xx, "UNEJECT", false, host.outlier?.ejectedAt ?? Number.NaN, {});
	}

	#write(host: Host, type: string, action: string, enforced: boolean, lastActionAt: number, cause: object): void {
		const seconds = Math.floor((this.#clock.now() - lastActionAt) / 1000);
		const event = {
			type,
			timestamp: new Date(this.#clock.wall()).toISOString(),
			...(Number.isNaN(seconds) ? {} : { secs_since_last_action: String(seconds) }),
			cluster_name: this.#cluster,
			upstream_url: host.address,
			action,
			num_ejections: host.outlier?.ejections ?? 0,
			enforced,
			...cause,
		};
		this.#log.write(`${JSON.stringify(event)}\n`);
	}
}

function describeCause(host: Host, cause: EjectionCause, { average, threshold }: RatesAtEjection): object {
	const rate = Math.trunc(host.outlier?.[cause.startsWith("local_origin") ? "local" : "external"].rate ?? 0);
	switch (cause) {
		case "success_rate":
		case "local_origin_success_rate":
			return {
				eject_success_rate_event: {
					host_success_rate: rate,
					cluster_average_success_rate: Math.trunc(average),
					cluster_success_rate_ejection_threshold: Math.trunc(threshold),
				},
			};
		case "failure_percentage":
		case "local_origin_failure_percentage":
			return { eject_failure_percentage_event: { host_success_rate: rate } };
		default:
			return { eject_consecutive_event: {} };
	}
}

/** What happened in a health check, by the fields of the event. */
export type HealthEvent =
	| { readonly eject_unhealthy_event: { readonly failure_type: HealthFailure; readonly http_status_code: number } }
	| { readonly add_healthy_event: { readonly first_check: boolean } }
	| { readonly successful_health_check_event: object }
	| {
			readonly health_check_failure_event: {
				readonly failure_type: HealthFailure;
				readonly first_check: boolean;
				readonly http_status_code: number;
			};
	  }
	| { readonly degraded_healthy_host: object }
	| { readonly no_longer_degraded_host: object };

/** Names of `envoy.data.core.v3.HealthCheckFailureType`. */
export type HealthFailure = "ACTIVE" | "PASSIVE" | "NETWORK" | "NETWORK_TIMEOUT";

const checkerTypes: Readonly<Record<HealthCheckConfig["checker"]["kind"], string>> = {
	http: "HTTP",
	tcp: "TCP",
	grpc: "GRPC",
};

/** Formats `envoy.data.core.v3.HealthCheckEvent` as JSON, a line. @param wall milliseconds since the epoch */
export function formatHealthEvent(
	checker: HealthCheckConfig["checker"]["kind"],
	cluster: string,
	host: Host,
	event: HealthEvent,
	wall: number,
): string {
	const { region, zone, subZone } = host.locality;
	const line = {
		health_checker_type: checkerTypes[checker],
		host: describeAddress(host.endpoint),
		cluster_name: cluster,
		...event,
		timestamp: new Date(wall).toISOString(),
		locality: { region, zone, sub_zone: subZone },
	};
	return `${JSON.stringify(line)}\n`;
}

/** `envoy.config.core.v3.Address` with every field. */
function describeAddress(endpoint: AddressConfig): object {
	if (endpoint.kind === "internal") {
		return { envoy_internal_address: { server_listener_name: endpoint.listener, endpoint_id: endpoint.endpoint } };
	}
	if (endpoint.kind === "pipe") return { pipe: { path: endpoint.path, mode: endpoint.mode } };
	const { address, port } = endpoint;
	return {
		socket_address: {
			protocol: "TCP",
			address,
			port_value: port,
			resolver_name: "",
			ipv4_compat: false,
			network_namespace_filepath: "",
		},
	};
}
