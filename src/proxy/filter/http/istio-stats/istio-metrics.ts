import type { Clock, Timer } from "../../../../core/index.ts";
import { createSeriesTable, type MetricsRegistry, type Series, type SeriesTable } from "../../../../telemetry/index.ts";
import { httpLabelNames, tcpLabelNames } from "./labels.ts";
import { encodePeerMetadata, PeerCache, readNodeMetadata, type WorkloadFacts } from "./workload.ts";

/** The HTTP metrics by their names without help. */
const httpCounters = { istio_requests_total: "Requests that ended." } as const;
const httpHistograms = {
	istio_request_duration_milliseconds: "Time from the first byte of a request to the last of its answer.",
	istio_request_bytes: "Size of requests, heads included.",
	istio_response_bytes: "Size of answers, heads included.",
} as const;
const tcpCounters = {
	istio_tcp_sent_bytes_total: "Bytes sent to the client of a TCP connection.",
	istio_tcp_received_bytes_total: "Bytes received from the client of a TCP connection.",
	istio_tcp_connections_opened_total: "TCP connections opened.",
	istio_tcp_connections_closed_total: "TCP connections closed.",
} as const;

export type HttpMetricName = keyof typeof httpCounters | keyof typeof httpHistograms;
export type TcpMetricName = keyof typeof tcpCounters;
export const httpMetricNames = Object.keys({ ...httpCounters, ...httpHistograms }) as readonly HttpMetricName[];
export const tcpMetricNames = Object.keys(tcpCounters) as readonly TcpMetricName[];
export type HttpSeries = Series<keyof typeof httpCounters, keyof typeof httpHistograms>;
export type TcpSeries = Series<keyof typeof tcpCounters, never>;

/** Istio's metrics of one proxy, shared by all its filters. */
export interface IstioMetrics {
	readonly http: SeriesTable<keyof typeof httpCounters, keyof typeof httpHistograms>;
	readonly tcp: SeriesTable<keyof typeof tcpCounters, never>;
	/** The workload this proxy belongs to. */
	readonly own: WorkloadFacts;
	/** What this proxy tells its peers of itself: `x-envoy-peer-metadata` and `x-envoy-peer-metadata-id`. */
	readonly peerMetadata: string;
	readonly peerMetadataId: string;
	readonly peers: PeerCache;
	/** Takes the metrics out of the registry. */
	close(): void;
}

/** Options of {@link createIstioMetrics}. */
export interface IstioMetricsOptions {
	readonly registry: MetricsRegistry;
	readonly clock: Clock;
	readonly node: { readonly id: string; readonly metadata: Readonly<Record<string, unknown>> };
	/** How many label sets are kept, of HTTP and of TCP; 10 000 by default. */
	readonly budget?: number;
}

/** A series is forgotten when it was not used for an hour. */
const sweepIntervalMs = 5 * 60_000;
const idleSweeps = 12;

/** Creates the metrics and adds them to the registry. */
export function createIstioMetrics(options: IstioMetricsOptions): IstioMetrics {
	const { registry, clock, node } = options;
	const overflow = registry.scope("istio_stats").counter("label_budget_exceeded");
	const bounds = { overflow, idleSweeps, budget: options.budget ?? 10_000 };
	const http = createSeriesTable({
		...bounds,
		counters: httpCounters,
		histograms: httpHistograms,
		labelNames: httpLabelNames,
	});
	const tcp = createSeriesTable({ ...bounds, counters: tcpCounters, histograms: {}, labelNames: tcpLabelNames });
	const removers = [...http.metrics, ...tcp.metrics].map((metric) => registry.addLabelled(metric));
	let timer: Timer;
	const scheduleSweep = (): void => {
		timer = clock.setTimer(
			sweepIntervalMs,
			() => {
				http.sweep();
				tcp.sweep();
				scheduleSweep();
			},
			{ unref: true },
		);
	};
	scheduleSweep();
	return {
		http,
		tcp,
		own: readNodeMetadata(node.metadata),
		peerMetadata: encodePeerMetadata(node.metadata),
		peerMetadataId: node.id,
		peers: new PeerCache(),
		close() {
			timer.cancel();
			for (const remove of removers) remove();
		},
	};
}
