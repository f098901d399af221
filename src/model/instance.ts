import type { Labels, ObjectName } from "./names.ts";

/** The data-plane pattern of a workload: a proxy beside it, its own gRPC library configured over xDS, nothing, or a proxy alone that serves
 *  Gateways. */
export type Pattern = "sidecar" | "proxyless" | "none" | "gateway";

/** What a port speaks, from `appProtocol` or the prefix of the port's name (`http-`, `grpc-`, `tcp-`). */
export type PortProtocol = "http" | "http2" | "grpc" | "tcp" | "tls" | "auto";

/** Whether requests can be told apart on a port: for routes, policies and statistics of layer 7. `auto` is told by its first bytes. */
export function isHttpProtocol(protocol: PortProtocol): boolean {
	return protocol === "http" || protocol === "http2" || protocol === "grpc";
}

/** Whether a port may carry HTTP: it does, or its first bytes tell. */
export function mayBeHttp(protocol: PortProtocol): boolean {
	return protocol === "auto" || isHttpProtocol(protocol);
}

/** Where something runs, from coarse to fine; empty when unknown. */
export interface Locality {
	readonly region: string;
	readonly zone: string;
	readonly subZone: string;
}

/** How fit an instance is for traffic; only `ready` instances are healthy endpoints. */
export type InstanceHealth = "starting" | "ready" | "unready" | "draining";

/** One port of one instance. */
export interface InstancePort {
	readonly name: string;
	readonly protocol: PortProtocol;
	/** Where the application listens, on loopback. */
	readonly appPort: number;
	/** Where the mesh reaches it: the sidecar's inbound listener; equals `appPort` without a sidecar. */
	readonly meshPort: number;
}

/** A loopback listener of a sidecar for one port of one service, for clients that know no proxies. */
export interface UpstreamListener {
	readonly service: ObjectName;
	/** The service's port. */
	readonly port: number;
	/** Where the sidecar listens for it, on loopback. */
	readonly listenPort: number;
}

/** A port of Gateways, and where their proxy listens for it on loopback. */
export interface GatewayPort {
	readonly port: number;
	readonly listenPort: number;
}

/** One running copy of a workload, as the registry knows it. */
export interface WorkloadInstance {
	/** `<workload>-<ordinal>`, unique in its namespace. */
	readonly name: string;
	readonly namespace: string;
	readonly workload: string;
	readonly labels: Labels;
	readonly serviceAccount: string;
	/** The address other proxies connect to. */
	readonly address: string;
	readonly pattern: Pattern;
	readonly locality?: Locality;
	readonly nodeName?: string;
	/** Which program its proxy is; undefined without one. */
	readonly sidecar?: "amime" | "envoy";
	readonly ports: readonly InstancePort[];
	/** Where its sidecar is an HTTP forward proxy; undefined without a sidecar. */
	readonly httpProxyPort?: number;
	readonly upstreams: readonly UpstreamListener[];
	/** With pattern `gateway`: every port that it may serve. */
	readonly gatewayPorts?: readonly GatewayPort[];
	/** The proxy's admin port; undefined without a proxy. */
	readonly adminPort?: number;
	readonly health: InstanceHealth;
	/** Why it is not ready, for people; undefined when it is, or nobody said. */
	readonly healthReason?: string;
	/** Milliseconds since the epoch. */
	readonly registeredAt: number;
	/** The kind of the object that declares it; undefined for instances that registered themselves. */
	readonly declaredBy?: "Pod" | "WorkloadEntry";
	/** Name of the WorkloadGroup of its namespace that it registered with. */
	readonly group?: string;
}
