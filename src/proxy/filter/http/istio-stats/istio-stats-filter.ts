import { getHeader, type HeaderList } from "../../../../core/index.ts";
import type { ConnectionFacts, StreamInfo } from "../../../../engine/format/index.ts";
import { httpMetricNames, type IstioMetrics } from "./istio-metrics.ts";
import { type MetricChange, prepareChanges } from "./label-changes.ts";
import { httpLabelNames, type Reporter } from "./labels.ts";
import { SeriesCache } from "./series-cache.ts";
import type { WorkloadFacts } from "./workload.ts";

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
	/** What is changed of the metrics; nothing by default. */
	readonly changes?: readonly MetricChange[];
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
	const changes = prepareChanges(options.changes ?? [], httpMetricNames, httpLabelNames);
	const cache = new SeriesCache(reporter, metrics, options.disableHostHeaderFallback !== true, changes);
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
