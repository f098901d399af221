import { getHeader } from "../../../../core/index.ts";
import type { StreamInfo } from "../../../../engine/format/index.ts";
import type { HttpMetricName, HttpSeries, IstioMetrics } from "./istio-metrics.ts";
import type { ChangedLabels } from "./label-changes.ts";
import { httpLabels, type Reporter } from "./labels.ts";
import { readEndpointWorkload, type WorkloadFacts } from "./workload.ts";

/** Series of one cluster, host, pair of principals and peer, by the numbers that vary from answer to answer. */
interface Target {
	readonly clusterName: string;
	readonly authority: string;
	readonly routeName: string;
	readonly peer: WorkloadFacts | undefined;
	readonly peerPrincipal: string;
	readonly ownPrincipal: string;
	readonly series: Map<number, HttpSeries>;
	/** Where labels are changed: by the same number and what the expressions say. */
	readonly changed: Map<string, HttpSeries>;
}

/** What stands for a peer that is not known. */
const nobody = {};

/** Finds the series of a stream without building its labels: by the object that stands for the other side (host or peer), then, in
 *  the usual case, by one number. */
export class SeriesCache {
	readonly #reporter: Reporter;
	readonly #metrics: IstioMetrics;
	readonly #usesHost: boolean;
	readonly #changes: ChangedLabels<HttpMetricName> | undefined;
	readonly #targets = new WeakMap<object, Target[]>();

	constructor(
		reporter: Reporter,
		metrics: IstioMetrics,
		usesHost: boolean,
		changes: ChangedLabels<HttpMetricName> | undefined,
	) {
		this.#changes = changes;
		this.#reporter = reporter;
		this.#metrics = metrics;
		this.#usesHost = usesHost;
	}

	count(stream: StreamInfo, peer: WorkloadFacts | undefined): void {
		const isGrpc = isGrpcRequest(stream);
		const target = this.#findTarget(stream, peer);
		// Exact: 30 bits of flags above 5 bits of gRPC status, a bit for gRPC and 10 bits of code.
		const outcome = (stream.responseCode & 0x3ff) + (isGrpc ? 0x400 + ((stream.grpcStatus + 1) & 0x1f) * 0x800 : 0);
		const key = outcome + stream.responseFlags * 0x10000;
		const series =
			this.#changes === undefined
				? this.#find(target, key, stream, isGrpc)
				: this.#findChanged(this.#changes, target, key, stream, isGrpc);
		series.used = true;
		series.counters.istio_requests_total.value++;
		if (stream.endedAt >= 0)
			series.histograms.istio_request_duration_milliseconds.record(stream.endedAt - stream.startedAt);
		series.histograms.istio_request_bytes.record(
			stream.downstreamWireBytesReceived || stream.requestHeaderBytes + stream.bytesReceived,
		);
		series.histograms.istio_response_bytes.record(
			stream.downstreamWireBytesSent || stream.responseHeaderBytes + stream.bytesSent,
		);
	}

	#find(target: Target, key: number, stream: StreamInfo, isGrpc: boolean): HttpSeries {
		let series = target.series.get(key);
		if (series === undefined || series.expired) {
			series = this.#metrics.http.series(this.#labelsOf(target, stream, isGrpc));
			target.series.set(key, series);
		}
		return series;
	}

	#findChanged(
		changes: ChangedLabels<HttpMetricName>,
		target: Target,
		outcome: number,
		stream: StreamInfo,
		isGrpc: boolean,
	): HttpSeries {
		const values = changes.evaluate(stream);
		const key = `${outcome}\u0000${values.join("\u0000")}`;
		let series = target.changed.get(key);
		if (series === undefined || series.expired) {
			const labels = this.#labelsOf(target, stream, isGrpc);
			series = this.#metrics.http.variant(labels, changes.apply(labels, values));
			// Clients choose what expressions read.
			if (target.changed.size >= maxChanged) target.changed.clear();
			target.changed.set(key, series);
		}
		return series;
	}

	#labelsOf({ peer }: Target, stream: StreamInfo, isGrpc: boolean): string[] {
		const facts = peer ?? this.#endpointOf(stream);
		return httpLabels(this.#reporter, this.#metrics.own, facts, stream, isGrpc, this.#usesHost);
	}

	#findTarget(stream: StreamInfo, peer: WorkloadFacts | undefined): Target {
		const anchor = (this.#reporter === "source" ? stream.upstreamHost : peer) ?? nobody;
		const tls = this.#reporter === "source" ? stream.upstreamTls : stream.connection.tls;
		const peerPrincipal = tls?.peer?.uriSans[0] ?? "";
		const ownPrincipal = tls?.local?.uriSans[0] ?? "";
		// The authority names the service only where the cluster does not; there it must be part of the key.
		const authority = !this.#usesHost || namesService(stream) ? "" : (stream.request?.authority ?? "");
		let targets = this.#targets.get(anchor);
		if (targets === undefined) {
			targets = [];
			this.#targets.set(anchor, targets);
		}
		for (const target of targets) {
			if (
				target.clusterName === stream.upstreamClusterName &&
				target.peer === peer &&
				target.peerPrincipal === peerPrincipal &&
				target.ownPrincipal === ownPrincipal &&
				target.authority === authority &&
				target.routeName === stream.routeName
			) {
				return target;
			}
		}
		const target: Target = {
			clusterName: stream.upstreamClusterName,
			authority,
			routeName: stream.routeName,
			peer,
			peerPrincipal,
			ownPrincipal,
			series: new Map(),
			changed: new Map(),
		};
		// A client chooses its authority: forget the oldest rather than search a long list.
		if (targets.length >= maxTargets) targets.shift();
		targets.push(target);
		return target;
	}

	#endpointOf(stream: StreamInfo): WorkloadFacts | undefined {
		const text = this.#reporter === "source" ? stream.upstreamHost?.metadata["istio"]?.["workload"] : undefined;
		return typeof text === "string" ? readEndpointWorkload(text) : undefined;
	}
}

const maxTargets = 32;
const maxChanged = 1_000;

function namesService(stream: StreamInfo): boolean {
	return stream.upstreamClusterMetadata["istio"] !== undefined || stream.upstreamClusterName.startsWith("outbound|");
}

function isGrpcRequest(stream: StreamInfo): boolean {
	// Every gRPC answer has a status, sent or derived.
	if (stream.grpcStatus < 0) return false;
	const type = stream.request === undefined ? undefined : getHeader(stream.request.headers, "content-type");
	return type?.startsWith("application/grpc") ?? false;
}
