import type { StreamInfo } from "../../../../engine/format/index.ts";
import { type IstioMetrics, type TcpMetricName, type TcpSeries, tcpMetricNames } from "./istio-metrics.ts";
import { type ChangedLabels, type MetricChange, prepareChanges } from "./label-changes.ts";
import { type Reporter, tcpLabelNames, tcpLabels } from "./labels.ts";
import { readEndpointWorkload } from "./workload.ts";

/** Counts one TCP connection. */
export interface IstioTcpConnection {
	/** Counts the bytes since the last report; to be called every few seconds while the connection lasts. Nothing is counted before
	 *  the other side is known. */
	report(): void;
	/** Counts what is left and the end. */
	end(): void;
}

/** Makes the changes of a filter ready for {@link createIstioTcpConnection}. */
export function prepareTcpChanges(changes: readonly MetricChange[]): ChangedLabels<TcpMetricName> | undefined {
	return prepareChanges(changes, tcpMetricNames, tcpLabelNames);
}

/** Begins to count a proxied connection; `stream` is its record. */
export function createIstioTcpConnection(
	reporter: Reporter,
	metrics: IstioMetrics,
	stream: StreamInfo,
	changes?: ChangedLabels<TcpMetricName>,
): IstioTcpConnection {
	let series: TcpSeries | undefined;
	let sent = 0;
	let received = 0;
	const findSeries = (): TcpSeries => {
		if (series === undefined || series.expired) {
			const isFirst = series === undefined;
			const workload = reporter === "source" ? stream.upstreamHost?.metadata["istio"]?.["workload"] : undefined;
			const peer = typeof workload === "string" ? readEndpointWorkload(workload) : undefined;
			const labels = tcpLabels(reporter, metrics.own, peer, stream);
			series =
				changes === undefined
					? metrics.tcp.series(labels)
					: metrics.tcp.variant(labels, changes.apply(labels, changes.evaluate(stream)));
			if (isFirst) series.counters.istio_tcp_connections_opened_total.value++;
		}
		series.used = true;
		return series;
	};
	const countBytes = (): TcpSeries => {
		const { counters } = findSeries();
		const sentNow = stream.downstreamWireBytesSent || stream.bytesSent;
		const receivedNow = stream.downstreamWireBytesReceived || stream.bytesReceived;
		counters.istio_tcp_sent_bytes_total.value += sentNow - sent;
		counters.istio_tcp_received_bytes_total.value += receivedNow - received;
		sent = sentNow;
		received = receivedNow;
		return findSeries();
	};
	return {
		report() {
			if (reporter === "destination" || stream.upstreamHost !== undefined) countBytes();
		},
		end() {
			countBytes().counters.istio_tcp_connections_closed_total.value++;
		},
	};
}
