import type { ConnectionPoolSettings } from "./destination-rule.ts";
import type { ServerTls } from "./gateway.ts";
import type { PortProtocol } from "./instance.ts";
import type { Labels, ObjectName } from "./names.ts";
import type { Source } from "./source.ts";

/** What becomes of traffic to hosts that the mesh does not know. */
export type OutboundTrafficMode = "ALLOW_ANY" | "REGISTRY_ONLY";

/** Hosts that a proxy sees: `namespace` may be `*` or the proxy's own, `host` may start with `*`. */
export interface HostSelector {
	/** `~` is none. */
	readonly namespace: string;
	readonly host: string;
	/** Takes hosts out of what other selectors let in. */
	readonly isExcluded?: boolean;
}

/** Port of a listener that a Sidecar declares. */
export interface SidecarPort {
	readonly number: number;
	readonly name: string;
	readonly protocol: PortProtocol | "http-proxy";
}

/** One listener that a Sidecar declares. */
export interface SidecarListener {
	readonly port?: SidecarPort;
	/** Address or unix socket that it listens on. */
	readonly bind?: string;
	readonly captureMode: "DEFAULT" | "IPTABLES" | "NONE";
}

export interface SidecarEgress extends SidecarListener {
	readonly hosts: readonly HostSelector[];
}

export interface SidecarIngress extends SidecarListener {
	/** Where the application listens, `127.0.0.1:8080` or `unix:///path`; undefined keeps address and port. */
	readonly defaultEndpoint?: string;
	/** TLS that the proxy ends in place of the application, where mutual TLS of the mesh is off (PeerAuthentication DISABLE). */
	readonly tls?: ServerTls;
	readonly connectionPool?: ConnectionPoolSettings;
}

/** `networking.istio.io/v1` Sidecar: what the proxies of some workloads are given. */
export interface Sidecar extends ObjectName {
	/** Undefined is the whole namespace; in the root namespace, every namespace without one. */
	readonly selector?: Labels;
	/** Empty takes every port of the workload. */
	readonly ingress: readonly SidecarIngress[];
	/** Empty sees everything. */
	readonly egress: readonly SidecarEgress[];
	readonly outboundTrafficPolicy?: {
		readonly mode: OutboundTrafficMode;
		/** Where unknown hosts go in place of their own address. */
		readonly egressProxy?: { readonly host: string; readonly subset?: string; readonly port: number };
	};
	readonly inboundConnectionPool?: ConnectionPoolSettings;
	readonly createdAt: number;
	readonly source: Source;
}

/** `networking.istio.io/v1` ProxyConfig: settings of the proxies of some workloads, used when they start. */
export interface ProxyConfig extends ObjectName {
	readonly selector?: Labels;
	/** Worker threads; 0 is one a core. */
	readonly concurrency?: number;
	readonly environmentVariables: Readonly<Record<string, string>>;
	readonly createdAt: number;
	readonly source: Source;
}
