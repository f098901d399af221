import { authorizationPolicyKind } from "./authorization-policy/authorization-policy.ts";
import { configMapKind } from "./config-map/config-map.ts";
import { destinationRuleKind } from "./destination-rule/destination-rule.ts";
import { endpointSliceKind } from "./endpoint-slice/endpoint-slice.ts";
import { envoyFilterKind } from "./envoy-filter/envoy-filter.ts";
import { backendTlsPolicyKind } from "./gateway-api/backend-tls-policy.ts";
import { gatewayKind } from "./gateway-api/gateway.ts";
import { gatewayClassKind } from "./gateway-api/gateway-class.ts";
import { grpcRouteKind } from "./gateway-api/grpc-route.ts";
import { listenerSetKind } from "./gateway-api/listener-set.ts";
import { referenceGrantKind } from "./gateway-api/reference-grant.ts";
import { tcpRouteKind, tlsRouteKind } from "./gateway-api/stream-route.ts";
import { httpRouteKind } from "./http-route/http-route.ts";
import { istioGatewayKind } from "./istio-gateway/istio-gateway.ts";
import type { Kind } from "./kind.ts";
import { meshConfigKind } from "./mesh-config/mesh-config.ts";
import { namespaceKind } from "./namespace/namespace.ts";
import { nodeKind } from "./node/node.ts";
import { peerAuthenticationKind } from "./peer-authentication/peer-authentication.ts";
import { podKind } from "./pod/pod.ts";
import { daemonSetKind, deploymentKind, statefulSetKind } from "./pod/pod-template.ts";
import { proxyConfigKind } from "./proxy-config/proxy-config.ts";
import { rateLimitPolicyKind } from "./rate-limit-policy/rate-limit-policy.ts";
import { requestAuthenticationKind } from "./request-authentication/request-authentication.ts";
import { secretKind } from "./secret/secret.ts";
import { serviceKind } from "./service/service.ts";
import { serviceEntryKind } from "./service-entry/service-entry.ts";
import { sidecarKind } from "./sidecar/sidecar.ts";
import { telemetryKind } from "./telemetry/telemetry.ts";
import { virtualServiceKind } from "./virtual-service/virtual-service.ts";
import { workloadKind } from "./workload/workload.ts";
import { workloadEntryKind, workloadGroupKind } from "./workload-entry/workload-entry.ts";

/** Every kind, in the order of the documentation. */
export const kinds = [
	workloadKind,
	meshConfigKind,
	serviceKind,
	gatewayClassKind,
	gatewayKind,
	listenerSetKind,
	httpRouteKind,
	grpcRouteKind,
	tlsRouteKind,
	tcpRouteKind,
	referenceGrantKind,
	backendTlsPolicyKind,
	istioGatewayKind,
	secretKind,
	configMapKind,
	virtualServiceKind,
	destinationRuleKind,
	serviceEntryKind,
	workloadEntryKind,
	workloadGroupKind,
	sidecarKind,
	telemetryKind,
	envoyFilterKind,
	proxyConfigKind,
	peerAuthenticationKind,
	authorizationPolicyKind,
	requestAuthenticationKind,
	rateLimitPolicyKind,
	namespaceKind,
	nodeKind,
	podKind,
	endpointSliceKind,
	deploymentKind,
	statefulSetKind,
	daemonSetKind,
] as const;

/** The noun of the model that each kind becomes. */
export type ModelByKind = {
	readonly [K in (typeof kinds)[number] as K["name"]]: K extends Kind<string, infer Model> ? Model : never;
};

/** The name of a kind, as `kind` says it. */
export type KindName = keyof ModelByKind;

/** The kind of a word of the command line or a document: its name or an alias, in any case. */
export function findKind(word: string): (typeof kinds)[number] | undefined {
	const wanted = word.toLowerCase();
	return kinds.find(
		(kind) => kind.name.toLowerCase() === wanted || (kind.aliases as readonly string[]).includes(wanted),
	);
}

/** The kinds that documents write as `word`, in any case: several when groups have a kind of one name. */
export function findDocumentKinds(word: string): (typeof kinds)[number][] {
	const wanted = word.toLowerCase();
	return kinds.filter(
		(kind) => kind.documentKind.toLowerCase() === wanted || (kind.aliases as readonly string[]).includes(wanted),
	);
}

/** The names of all kinds. */
export function listKindNames(): KindName[] {
	return kinds.map((kind) => kind.name);
}
