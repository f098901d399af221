import type { Log } from "../../core/index.ts";
import { shortTypeName } from "../resource/type-urls.ts";

/** A number that is counted up or set. */
export interface XdsCounter {
	value: number;
}

/** What the server needs of a metrics registry. */
export interface XdsMetrics {
	counter(name: string, labels?: Readonly<Record<string, string>>): XdsCounter;
	gauge(name: string, labels?: Readonly<Record<string, string>>): XdsCounter;
}

/** What happens on streams, logged and counted in one place. Names are Istio's where it has one. */
export interface XdsServerEvents {
	connected(nodeId: string, peer: string): void;
	disconnected(nodeId: string, peer: string): void;
	pushed(nodeId: string, typeUrl: string, version: string, resources: number, removed: number): void;
	acknowledged(nodeId: string, typeUrl: string, version: string): void;
	refused(nodeId: string, typeUrl: string, version: string, reason: string): void;
	ignoredStale(nodeId: string, typeUrl: string, nonce: string): void;
	ended(peer: string, message: string): void;
}

const istioTypes: Readonly<Record<string, string>> = {
	Cluster: "cds",
	ClusterLoadAssignment: "eds",
	Listener: "lds",
	RouteConfiguration: "rds",
	Secret: "sds",
};

export function createXdsServerEvents(log: Log, metrics: XdsMetrics | undefined): XdsServerEvents {
	const connections = metrics?.gauge("pilot_xds");
	const counterOf = (name: string): ((typeUrl: string) => XdsCounter | undefined) => {
		const known = new Map<string, XdsCounter>();
		return (typeUrl) => {
			const found = known.get(typeUrl);
			if (found !== undefined || metrics === undefined) return found;
			const type = shortTypeName(typeUrl);
			const counter = metrics.counter(name, { type: istioTypes[type] ?? type });
			// What clients make up is not remembered here as well.
			if (istioTypes[type] !== undefined) known.set(typeUrl, counter);
			return counter;
		};
	};
	const pushes = counterOf("pilot_xds_pushes");
	const rejects = counterOf("pilot_total_xds_rejects");
	const count = (counter: XdsCounter | undefined): void => {
		if (counter !== undefined) counter.value++;
	};
	return {
		connected(nodeId, peer) {
			if (connections !== undefined) connections.value++;
			log.info("proxy connected", { node: nodeId, peer });
		},
		disconnected(nodeId, peer) {
			if (connections !== undefined) connections.value--;
			log.info("proxy disconnected", { node: nodeId, peer });
		},
		pushed(nodeId, typeUrl, version, resources, removed) {
			count(pushes(typeUrl));
			log.debug("resources sent", { node: nodeId, type: shortTypeName(typeUrl), version, resources, removed });
		},
		acknowledged(nodeId, typeUrl, version) {
			log.debug("resources acknowledged", { node: nodeId, type: shortTypeName(typeUrl), version });
		},
		refused(nodeId, typeUrl, version, reason) {
			count(rejects(typeUrl));
			log.warn("resources refused", { node: nodeId, type: shortTypeName(typeUrl), version, reason });
		},
		ignoredStale(nodeId, typeUrl, nonce) {
			log.debug("stale nonce ignored", { node: nodeId, type: shortTypeName(typeUrl), nonce });
		},
		ended(peer, message) {
			log.warn("stream ended for a broken request", { peer, problem: message });
		},
	};
}
