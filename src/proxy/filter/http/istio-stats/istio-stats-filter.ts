import { getHeader, type HeaderList } from "../../../../core/index.ts";
import type { ConnectionFacts, StreamInfo } from "../../../../engine/format/index.ts";
import type { HttpSeries, IstioMetrics } from "./istio-metrics.ts";
import { httpLabels, type Reporter } from "./labels.ts";
import { readEndpointWorkload, type WorkloadFacts } from "./workload.ts";

/** A message head on its way through, as far as this filter changes it. */
export interface MessageHead {
	/** Asking for the list costs a split of the head. */
	readonly headers: HeaderList;
	/** False when no header can begin with `x-envoy-`. */
	readonly mayHaveExtensions: boolean;
	add(name: string, value: string): void;
	set(name: string, value: string): void;
	remove(name: string): void;
}

/** A request as far as this filter looks at it. */
export interface IstioStatsStream {
	readonly request: MessageHead;
	readonly record: StreamInfo;
	readonly connection: ConnectionFacts;
	getState(index: number): unknown;
	setState(index: number, state: unknown): void;
}

/** Counts Istio's metrics, and exchanges with the other side who is talking. */
export interface IstioStatsFilter {
	readonly name: string;
	readonly disabled: boolean;
	readonly index: number;
	onRequestHead(stream: IstioStatsStream): "continue";
	onResponseHead(stream: IstioStatsStream, head: MessageHead): undefined;
	onEnd(stream: IstioStatsStream): void;
}

/** Options of {@link createIstioStatsFilter}. */
export interface IstioStatsFilterOptions {
	readonly name: string;
	readonly disabled: boolean;
	/** The filter's place in its chain, under which it keeps its state of a stream. */
	readonly index: number;
	readonly reporter: Reporter;
	/** Whether the Host header may not name a service that nothing else names; false by default. */
	readonly disableHostHeaderFallback?: boolean;
	readonly metrics: IstioMetrics;
	/** The place in the chain of the filter that exchanges who is talking, and keeps a {@link PeerState} there; this one does without. */
	readonly exchangedBy?: number | undefined;
}

/** What is known of the other sides of a request. */
export interface PeerState {
	client: WorkloadFacts | undefined;
	upstream: WorkloadFacts | undefined;
	/** Whether the client said who it is, and wants to be told the same. */
	isAsked: boolean;
}

export const metadataHeader = "x-envoy-peer-metadata";
export const metadataIdHeader = "x-envoy-peer-metadata-id";

/** Creates the filter of one chain. */
export function createIstioStatsFilter(options: IstioStatsFilterOptions): IstioStatsFilter {
	const { exchangedBy, index, metrics, name, disabled, reporter } = options;
	const cache = new SeriesCache(reporter, metrics, options.disableHostHeaderFallback !== true);
	if (exchangedBy !== undefined) {
		const side = reporter === "source" ? "upstream" : "client";
		return {
			name,
			disabled,
			index,
			onRequestHead: () => "continue",
			onResponseHead: () => undefined,
			onEnd: (stream) => cache.count(stream.record, (stream.getState(exchangedBy) as PeerState | undefined)?.[side]),
		};
	}
	if (reporter === "source") {
		return {
			name,
			disabled,
			index,
			onRequestHead({ request }) {
				// The application cannot speak for its sidecar.
				if (request.mayHaveExtensions) {
					request.set(metadataIdHeader, metrics.peerMetadataId);
					request.set(metadataHeader, metrics.peerMetadata);
				} else {
					request.add(metadataIdHeader, metrics.peerMetadataId);
					request.add(metadataHeader, metrics.peerMetadata);
				}
				return "continue";
			},
			onResponseHead(stream, head) {
				if (!head.mayHaveExtensions) return undefined;
				const peer = takePeer(head, metrics);
				if (peer !== undefined) stream.setState(index, peer);
				return undefined;
			},
			onEnd: (stream) => cache.count(stream.record, stream.getState(index) as WorkloadFacts | undefined),
		};
	}
	return {
		name,
		disabled,
		index,
		onRequestHead(stream) {
			if (!stream.request.mayHaveExtensions) return "continue";
			const peer = takePeer(stream.request, metrics);
			if (peer !== undefined) stream.setState(index, peer);
			return "continue";
		},
		onResponseHead: () => undefined,
		onEnd: (stream) => cache.count(stream.record, stream.getState(index) as WorkloadFacts | undefined),
	};
}

/** Who the other side says it is; its headers go no further. */
export function takePeer(head: MessageHead, metrics: IstioMetrics): WorkloadFacts | undefined {
	const header = getHeader(head.headers, metadataHeader);
	if (header === undefined) {
		if (getHeader(head.headers, metadataIdHeader) !== undefined) head.remove(metadataIdHeader);
		return undefined;
	}
	head.remove(metadataHeader);
	head.remove(metadataIdHeader);
	return metrics.peers.get(header);
}

/** Series of one cluster, host, pair of principals and peer, by the numbers that vary from answer to answer. */
interface Target {
	readonly clusterName: string;
	readonly authority: string;
	readonly routeName: string;
	readonly peer: WorkloadFacts | undefined;
	readonly peerPrincipal: string;
	readonly ownPrincipal: string;
	readonly series: Map<number, HttpSeries>;
}

/** What stands for a peer that is not known. */
const nobody = {};

/** Finds the series of a stream without building its labels: by the object that stands for the other side (host or peer), then, in
 *  the usual case, by one number. */
class SeriesCache {
	readonly #reporter: Reporter;
	readonly #metrics: IstioMetrics;
	readonly #usesHost: boolean;
	readonly #targets = new WeakMap<object, Target[]>();

	constructor(reporter: Reporter, metrics: IstioMetrics, usesHost: boolean) {
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
		let series = target.series.get(key);
		if (series === undefined || series.expired) {
			const facts = peer ?? this.#endpointOf(stream);
			series = this.#metrics.http.series(
				httpLabels(this.#reporter, this.#metrics.own, facts, stream, isGrpc, this.#usesHost),
			);
			target.series.set(key, series);
		}
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

function namesService(stream: StreamInfo): boolean {
	return stream.upstreamClusterMetadata["istio"] !== undefined || stream.upstreamClusterName.startsWith("outbound|");
}

function isGrpcRequest(stream: StreamInfo): boolean {
	// Every gRPC answer has a status, sent or derived.
	if (stream.grpcStatus < 0) return false;
	const type = stream.request === undefined ? undefined : getHeader(stream.request.headers, "content-type");
	return type?.startsWith("application/grpc") ?? false;
}
