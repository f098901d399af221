import { formatLabelledMetrics, type Label, type LabelledMetric } from "../telemetry/index.ts";
import type { XdsMetrics } from "../xds/server/index.ts";

/** The numbers of a control plane, under Istio's names where it has one. */
export interface ControlMetrics extends XdsMetrics {
	/** Time from a change until one proxy had acknowledged it, in milliseconds. */
	observeConvergence(ms: number): void;
	/** Prometheus text. */
	format(): string;
}

interface Series {
	readonly labels: readonly Label[];
	value: number;
}

interface Family {
	readonly type: "counter" | "gauge";
	readonly series: Map<string, Series>;
}

const help: Readonly<Record<string, string>> = {
	pilot_info: "Version of the control plane.",
	pilot_xds: "Number of proxies connected over xDS.",
	pilot_xds_pushes: "Number of responses sent, by type.",
	pilot_total_xds_rejects: "Number of responses that a proxy refused, by type.",
	pilot_xds_push_context_errors: "Number of times the mesh could not be translated.",
	pilot_services: "Number of services in the mesh.",
	pilot_proxy_convergence_time: "Time from a change until a proxy acknowledged all of it, in seconds.",
	amime_learned_hosts_total: "Number of hosts that proxies asked for and were given.",
	amime_quota_reports_total: "Number of usage reports of quota buckets that proxies sent.",
	amime_quota_refused_reports_total:
		"Number of those that were not taken: an unknown limit, or more than there is room for.",
	amime_quota_leases_total: "Number of times a proxy was told a lease, or that a bucket is forgotten.",
	amime_quota_buckets: "Number of quota buckets that are remembered.",
	amime_quota_streams: "Number of proxies that report usage of quotas.",
	amime_rate_limit_requests_total:
		"Number of requests that proxies reported for a limit that all share, by limit and whether they passed.",
	amime_load_reports_total: "Number of load reports that clients sent.",
	amime_load_streams: "Number of clients that report their load.",
	amime_load_rows: "Number of localities and drop categories that clients told of.",
	amime_load_refused_rows_total: "Number of those that there was no room for.",
	citadel_server_csr_count: "Number of signing requests.",
	citadel_server_success_cert_issuance_count: "Number of certificates signed.",
};

export function createControlMetrics(version: string): ControlMetrics {
	const families = new Map<string, Family>();
	const convergence = createConvergenceHistogram();
	const get = (type: Family["type"], name: string, labels: Readonly<Record<string, string>> = {}): Series => {
		let family = families.get(name);
		if (family === undefined) {
			family = { type, series: new Map() };
			families.set(name, family);
		}
		const pairs = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
		const key = JSON.stringify(pairs);
		let series = family.series.get(key);
		if (series === undefined) {
			series = { labels: pairs, value: 0 };
			family.series.set(key, series);
		}
		return series;
	};
	get("gauge", "pilot_info", { version }).value = 1;
	return {
		counter: (name, labels) => get("counter", name, labels),
		gauge: (name, labels) => get("gauge", name, labels),
		observeConvergence: (ms) => convergence.observe(ms / 1_000),
		format() {
			const metrics = [...families.entries()].map(
				([name, { type, series }]): LabelledMetric => ({
					name,
					type,
					help: help[name] ?? "",
					series: () => [...series.values()],
				}),
			);
			metrics.sort((a, b) => (a.name < b.name ? -1 : 1));
			return formatLabelledMetrics(metrics) + convergence.format();
		},
	};
}

const convergenceName = "pilot_proxy_convergence_time";
/** Istio's bounds, in seconds. */
const convergenceBounds = [0.1, 0.5, 1, 3, 5, 10, 20, 30];

/** A histogram of seconds; those of telemetry count whole numbers. */
function createConvergenceHistogram() {
	const counts = convergenceBounds.map(() => 0);
	let count = 0;
	let sum = 0;
	return {
		observe(seconds: number): void {
			count++;
			sum += seconds;
			for (const [position, bound] of convergenceBounds.entries()) if (seconds <= bound) counts[position]!++;
		},
		format(): string {
			return [
				`# HELP ${convergenceName} ${help[convergenceName]}`,
				`# TYPE ${convergenceName} histogram`,
				...convergenceBounds.map((bound, position) => `${convergenceName}_bucket{le="${bound}"} ${counts[position]}`),
				`${convergenceName}_bucket{le="+Inf"} ${count}`,
				`${convergenceName}_sum ${sum}`,
				`${convergenceName}_count ${count}`,
				"",
			].join("\n");
		},
	};
}
