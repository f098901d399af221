import type { ConfigMap, Secret } from "./certificate.ts";
import type { DestinationRule } from "./destination-rule.ts";
import type { Gateway, GatewayClass, IstioGateway } from "./gateway.ts";
import type { BackendTlsPolicy, HttpRoute, StreamRoute } from "./gateway-route.ts";
import type { WorkloadInstance } from "./instance.ts";
import type { Namespace } from "./kubernetes.ts";
import type { AuthorizationPolicy, PeerAuthentication } from "./policy.ts";
import type { ReferenceGrant } from "./reference.ts";
import type { Service } from "./service.ts";
import type { Workload } from "./workload.ts";

/** Everything the control plane knows at one moment; immutable. */
export interface Mesh {
	readonly settings: MeshSettings;
	readonly workloads: readonly Workload[];
	readonly services: readonly Service[];
	/** HTTPRoutes and GRPCRoutes. */
	readonly httpRoutes: readonly HttpRoute[];
	/** TLSRoutes and TCPRoutes. */
	readonly streamRoutes: readonly StreamRoute[];
	readonly gatewayClasses: readonly GatewayClass[];
	readonly gateways: readonly Gateway[];
	readonly istioGateways: readonly IstioGateway[];
	readonly referenceGrants: readonly ReferenceGrant[];
	readonly backendTlsPolicies: readonly BackendTlsPolicy[];
	readonly secrets: readonly Secret[];
	readonly configMaps: readonly ConfigMap[];
	readonly peerAuthentications: readonly PeerAuthentication[];
	readonly authorizationPolicies: readonly AuthorizationPolicy[];
	readonly destinationRules: readonly DestinationRule[];
	readonly namespaces: readonly Namespace[];
	/** Instances that objects declare: Pods. */
	readonly declaredInstances: readonly WorkloadInstance[];
	/** The declared ones, and those that registered themselves. */
	readonly instances: readonly WorkloadInstance[];
}

/** `amime.dev/v1alpha1` MeshConfig; one a mesh. */
export interface MeshSettings {
	/** Name of the mesh; `amime` by default. */
	readonly name: string;
	/** `cluster.local` by default. */
	readonly trustDomain: string;
	/** `cluster.local` by default. */
	readonly clusterDomain: string;
	/** Policies in this namespace cover the whole mesh; `amime-system` by default. */
	readonly rootNamespace: string;
	/** Life of a workload's certificate; 24 h by default and at most. */
	readonly svidTtlMs: number;
	/** Share of requests traced when the client sent no trace context, in percent; 1 by default. */
	readonly traceSamplingPercent: number;
}
