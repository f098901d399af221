import type { JsonObject } from "@bufbuild/protobuf";
import { formatServiceHost, type MeshSettings, type ObjectName } from "../../model/index.ts";

/** The Envoy cluster of one port of a service, `outbound|80|v1|reviews.shop.svc.cluster.local`; the subset may be empty. */
export function outboundClusterName(host: string, port: number, subset = ""): string {
	return `outbound|${port}|${subset}|${host}`;
}

/** The cluster of an application port behind its own sidecar. */
export function inboundClusterName(appPort: number): string {
	return `inbound|${appPort}||`;
}

/** The cluster that CONNECT tunnels of the forward proxy end in: the forward proxy again. */
export const connectClusterName = "connect|http_proxy";

/** Where captured traffic comes to (Istio). */
export const virtualOutboundPort = 15_001;

/** The cluster of traffic to unknown addresses, as Istio names it. */
export const passthroughClusterName = "PassthroughCluster";

/** The cluster of traffic that is closed, as Istio names it. */
export const blackHoleClusterName = "BlackHoleCluster";

/** The route configuration of one service port, for its loopback listener. */
export function serviceRouteName(host: string, port: number): string {
	return `${host}:${port}`;
}

/** The route configuration and the listener of the forward proxy. */
export const httpProxyName = "http_proxy";

/** Server name that a client sends for a cluster, as Istio spells it. */
export function serverNameOf(host: string, port: number, subset = ""): string {
	return `outbound_.${port}_.${subset}_.${host}`;
}

export function hostOf(service: ObjectName, settings: MeshSettings): string {
	return formatServiceHost(service, settings.clusterDomain);
}

/** What a cluster's metadata says of the services behind it: Istio's metrics name the first as the destination. */
export function serviceMetadata(
	services: readonly ObjectName[],
	settings: MeshSettings,
): { filterMetadata: { istio: JsonObject } } {
	const described = services.map((service) => ({
		host: hostOf(service, settings),
		name: service.name,
		namespace: service.namespace,
	}));
	return { filterMetadata: { istio: { services: described } } };
}

/** Order of any list that ends up in a resource: by code unit, so that it never depends on the order of objects. */
export function compareText(a: string, b: string): number {
	return a < b ? -1 : a > b ? 1 : 0;
}

/** Older objects first, then by namespace and name (Gateway API, Istio). */
export function compareAge(
	a: ObjectName & { readonly createdAt: number },
	b: ObjectName & { readonly createdAt: number },
): number {
	return a.createdAt - b.createdAt || compareText(a.namespace, b.namespace) || compareText(a.name, b.name);
}
