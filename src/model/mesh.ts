import type { ConfigMap, Secret } from "./certificate.ts";
import type { DestinationRule, LocalitySettings, TcpKeepalive, TrafficPolicy } from "./destination-rule.ts";
import type { EnvoyFilter } from "./envoy-filter.ts";
import type { Gateway, GatewayClass, GatewayProxy, IstioGateway, ListenerSet } from "./gateway.ts";
import type { BackendTlsPolicy, HttpRoute, StreamRoute } from "./gateway-route.ts";
import type { WorkloadInstance } from "./instance.ts";
import type { Namespace } from "./kubernetes.ts";
import type { AuthorizationPolicy, PeerAuthentication, RequestAuthentication } from "./policy.ts";
import type { RateLimitPolicy } from "./rate-limit.ts";
import type { ReferenceGrant } from "./reference.ts";
import type { RouteRetry, VirtualService } from "./route.ts";
import type { Service } from "./service.ts";
import type { WorkloadEntry, WorkloadGroup } from "./service-entry.ts";
import type { OutboundTrafficMode, ProxyConfig, Sidecar } from "./sidecar.ts";
import type { Telemetry } from "./telemetry.ts";
import type { Workload } from "./workload.ts";

/** Everything the control plane knows at one moment; immutable. */
export interface Mesh {
	readonly settings: MeshSettings;
	readonly workloads: readonly Workload[];
	/** Of `v1/Service` and of ServiceEntries, one a host. */
	readonly services: readonly Service[];
	/** HTTPRoutes and GRPCRoutes. */
	readonly httpRoutes: readonly HttpRoute[];
	/** TLSRoutes and TCPRoutes. */
	readonly streamRoutes: readonly StreamRoute[];
	readonly gatewayClasses: readonly GatewayClass[];
	readonly gateways: readonly Gateway[];
	readonly listenerSets: readonly ListenerSet[];
	readonly istioGateways: readonly IstioGateway[];
	/** What a machine starts for Gateways that nothing of the config serves. */
	readonly gatewayProxies: readonly GatewayProxy[];
	readonly referenceGrants: readonly ReferenceGrant[];
	readonly backendTlsPolicies: readonly BackendTlsPolicy[];
	readonly secrets: readonly Secret[];
	readonly configMaps: readonly ConfigMap[];
	readonly peerAuthentications: readonly PeerAuthentication[];
	readonly authorizationPolicies: readonly AuthorizationPolicy[];
	readonly requestAuthentications: readonly RequestAuthentication[];
	readonly rateLimitPolicies: readonly RateLimitPolicy[];
	readonly destinationRules: readonly DestinationRule[];
	readonly namespaces: readonly Namespace[];
	/** Instances that objects declare: Pods. */
	readonly declaredInstances: readonly WorkloadInstance[];
	readonly virtualServices: readonly VirtualService[];
	readonly sidecars: readonly Sidecar[];
	readonly telemetries: readonly Telemetry[];
	readonly envoyFilters: readonly EnvoyFilter[];
	readonly proxyConfigs: readonly ProxyConfig[];
	readonly workloadEntries: readonly WorkloadEntry[];
	readonly workloadGroups: readonly WorkloadGroup[];
	/** The declared ones, and those that registered themselves. */
	readonly instances: readonly WorkloadInstance[];
}

/** Policies there cover the whole mesh, unless its MeshConfig names another namespace. */
export const defaultRootNamespace = "amime-system";

/** `amime.dev/v1alpha1` MeshConfig; one a mesh. */
export interface MeshSettings {
	/** Name of the mesh; `amime` by default. */
	readonly name: string;
	/** `cluster.local` by default. */
	readonly trustDomain: string;
	/** Related trust domains, whose workloads may show themselves: policies say what they may do. None by default. */
	readonly federatedTrustDomains?: readonly string[];
	/** `cluster.local` by default. */
	readonly clusterDomain: string;
	/** Policies in this namespace cover the whole mesh; `amime-system` by default. */
	readonly rootNamespace: string;
	/** Life of a workload's certificate; 24 h by default and at most. */
	readonly svidTtlMs: number;
	/** Share of requests traced when the client sent no trace context, in percent; 1 by default. */
	readonly traceSamplingPercent: number;
	/** What becomes of captured traffic to unknown hosts; `ALLOW_ANY` by default. */
	readonly outboundTrafficPolicy: OutboundTrafficMode;
	/** What becomes of requests to unknown hosts at the forward proxies of workloads whose traffic is not captured: those ask to be
	 *  led, and are led to unknown hosts only where the mesh says so; `REGISTRY_ONLY` by default. */
	readonly forwardProxyPolicy?: OutboundTrafficMode;
	/** Where the sidecar of a Pod is an HTTP forward proxy, on loopback; undefined is nowhere. */
	readonly proxyHttpPort?: number;
	/** Whether proxies are given every service (`ALL`) or those they need, and the others when they ask (`NEEDED`); undefined decides by
	 *  how much the services are. */
	readonly proxyScope?: "ALL" | "NEEDED";
	/** Whether clients use mutual TLS with every endpoint that takes it; true by default. */
	readonly enableAutoMtls: boolean;
	/** What is done to paths before policies see them; undefined is `BASE`, and more for workloads whose policies compare paths. */
	readonly pathNormalization?: PathNormalization;
	/** In force everywhere beside the AuthorizationPolicies of the mesh: what `denyByDefault` stands for. */
	readonly defaultPolicy?: AuthorizationPolicy;
	/** None by default. */
	readonly extensionProviders: readonly ExtensionProvider[];
	/** Other names of the trust domain. */
	readonly trustDomainAliases: readonly string[];
	/** Where and how proxies log requests; undefined is Envoy's format on standard output. */
	readonly accessLog?: AccessLogSettings;
	/** Nothing is traced unless a Telemetry object says so. */
	readonly disablesTracing?: boolean;
	/** Which endpoints are near, where neither a DestinationRule nor a Service says it. */
	readonly localityLbSetting?: LocalitySettings;
	/** When requests are tried again where their route does not say it. */
	readonly defaultRetry?: { readonly retry: RouteRetry; readonly perTryTimeoutMs?: number };
	/** Where no DestinationRule says it. */
	readonly h2UpgradePolicy?: "DO_NOT_UPGRADE" | "UPGRADE";
	/** Where no DestinationRule says it; 5 s when undefined. */
	readonly connectTimeoutMs?: number;
	/** Where no DestinationRule says it. */
	readonly tcpKeepalive?: TcpKeepalive;
	/** For services whose DestinationRule says neither. */
	readonly defaultTrafficPolicy?: Pick<TrafficPolicy, "connectionPool" | "outlierDetection">;
	/** Time between two look-ups of a host by its name; 60 s when undefined. */
	readonly dnsRefreshRateMs?: number;
	/** Worker threads of proxies where no ProxyConfig says it. */
	readonly proxyConcurrency?: number;
	/** Environment of proxies, below what ProxyConfigs say. */
	readonly proxyEnvironment?: Readonly<Record<string, string>>;
	readonly gatewayTopology?: GatewayTopology;
}

/** The log of requests. */
export interface AccessLogSettings {
	/** A path where the proxy runs; empty is none. */
	readonly file: string;
	readonly encoding: "TEXT" | "JSON";
	/** With Envoy's `%…%` operators, for JSON the text of an object of them. */
	readonly format?: string;
}

/** What stands in front of gateways. */
export interface GatewayTopology {
	/** How many proxies' X-Forwarded-For is believed. */
	readonly trustedProxies: number;
	/** What becomes of X-Forwarded-Client-Cert; SANITIZE_SET when undefined. */
	readonly forwardClientCertDetails?:
		| "SANITIZE"
		| "FORWARD_ONLY"
		| "APPEND_FORWARD"
		| "SANITIZE_SET"
		| "ALWAYS_FORWARD_ONLY";
}

/** Istio's steps: nothing; RFC 3986; with runs of slashes merged; with encoded slashes decoded before. */
export type PathNormalization = "NONE" | "BASE" | "MERGE_SLASHES" | "DECODE_AND_MERGE_SLASHES";

/** An authorization service that CUSTOM policies name. */
export interface ExtensionProvider {
	readonly name: string;
	readonly protocol: "http" | "grpc";
	/** A host of the mesh, or `namespace/host`. */
	readonly service: string;
	readonly port: number;
	/** 600 s by default. */
	readonly timeoutMs: number;
	/** Requests pass when it does not answer. */
	readonly failOpen: boolean;
	/** Status of the answer when it does not answer; 403 by default. */
	readonly statusOnError?: number;
	readonly clearRouteCache: boolean;
	/** HTTP: put before the path of the request. */
	readonly pathPrefix: string;
	/** HTTP: headers of the request that it gets. */
	readonly headersToCheck: readonly string[];
	/** HTTP: headers that it gets besides. */
	readonly additionalHeaders: readonly (readonly [name: string, value: string])[];
	/** HTTP: headers of its consent that the application gets. */
	readonly headersUpstream: readonly string[];
	/** HTTP: headers of its refusal that the client gets. */
	readonly headersDownstreamOnDeny: readonly string[];
	/** HTTP: headers of its consent that the client gets. */
	readonly headersDownstreamOnAllow: readonly string[];
	/** What it gets of the body; undefined is nothing. */
	readonly body?: { readonly maxBytes: number; readonly allowPartial: boolean; readonly asBytes: boolean };
}
