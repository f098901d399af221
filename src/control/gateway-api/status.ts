import {
	findController,
	formatObjectName,
	type Gateway,
	type GatewayClass,
	isServiceEntryParent,
	isServiceParent,
	type ListenerSet,
	type Mesh,
	type ObjectName,
	type Service,
	type Source,
	type WorkloadInstance,
} from "../../model/index.ts";
import type { AnyRoute, AttachedGateway, Attachments, ParentResult } from "./attach-routes.ts";
import { backendTlsStatus } from "./backend-tls-status.ts";
import { isFault } from "./certificates.ts";
import { type Condition, type ConditionFault, conditionOf, withGeneration } from "./condition.ts";
import { resolveAddresses } from "./gateway-address.ts";
import { rateLimitStatus } from "./rate-limit-status.ts";
import { findReferenceFault } from "./route-references.ts";
import { supportedFeatures } from "./supported-features.ts";

/** What statuses are made of. */
export interface StatusInputs {
	readonly mesh: Mesh;
	readonly attachments: Attachments;
	service(name: ObjectName): Service | undefined;
	/** The services of a ServiceEntry. */
	entry(name: ObjectName): readonly Service[];
	serviceByHost(host: string, clientNamespace: string): Service | undefined;
	instancesOf(service: Service): readonly WorkloadInstance[];
	servicesOf(instance: WorkloadInstance): readonly Service[];
	readonly instances: readonly WorkloadInstance[];
}

/** The status of each object of the Gateway API that is looked after here, and of policies that attach to them, by `Kind/namespace/name`. */
export function computeStatuses(inputs: StatusInputs): ReadonlyMap<string, object> {
	const { mesh, attachments } = inputs;
	const statuses = new Map<string, object>();
	const keep = (kind: string, object: ObjectName & { readonly source: Source }, status: object | undefined): void => {
		if (status !== undefined)
			statuses.set(`${kind}/${formatObjectName(object)}`, withGeneration(status, object.source.generation));
	};
	for (const gatewayClass of mesh.gatewayClasses) keep("GatewayClass", gatewayClass, classStatus(gatewayClass));
	for (const attached of attachments.gateways.values())
		keep("Gateway", attached.gateway, gatewayStatus(attached, inputs));
	for (const set of mesh.listenerSets) {
		const attached = attachments.gateways.get(formatObjectName(set.parent));
		if (attached !== undefined) keep("ListenerSet", set, listenerSetStatus(set, attached, inputs));
	}
	for (const route of [...mesh.httpRoutes, ...mesh.streamRoutes]) keep(route.kind, route, routeStatus(route, inputs));
	for (const policy of mesh.rateLimitPolicies) keep("RateLimitPolicy", policy, rateLimitStatus(policy, mesh));
	for (const policy of mesh.backendTlsPolicies) keep("BackendTLSPolicy", policy, backendTlsStatus(policy, inputs));
	return statuses;
}

function classStatus(gatewayClass: GatewayClass): object | undefined {
	if (findController(gatewayClass.name, [gatewayClass]) === undefined) return undefined;
	const fault =
		gatewayClass.parametersRef === undefined
			? undefined
			: { reason: "InvalidParameters", message: "parametersRef: a class has no settings here" };
	return {
		conditions: [conditionOf("Accepted", fault, { reason: "Accepted", message: "the class is served" })],
		supportedFeatures,
	};
}

function gatewayStatus({ gateway, listeners: all, listenerSets }: AttachedGateway, inputs: StatusInputs): object {
	const listeners = all.filter(({ owner }) => owner.kind === "Gateway");
	const valid = listeners.filter(({ isValid }) => isValid).length;
	const addresses = resolveAddresses(gateway, listeners, inputs);
	const settingsFault = addresses.settingsFault ?? findParametersFault(gateway, inputs.mesh);
	const accepted = settingsFault ?? listenerFault(valid);
	const isPartial = valid < listeners.length;
	return {
		addresses: addresses.shown,
		conditions: [
			conditionOf("Accepted", accepted, {
				reason: isPartial ? "ListenersNotValid" : "Accepted",
				message: isPartial ? "one or more of the listeners are invalid" : "",
			}),
			conditionOf("Programmed", addresses.fault, { reason: "Programmed", message: addresses.message }),
			conditionOf("ResolvedRefs", findClientCertificateFault(gateway, inputs)),
			...(takesAnyClient(gateway) ? [insecureFrontend] : []),
		],
		...(gateway.allowedListeners.from !== "None" && {
			attachedListenerSets: settingsFault === undefined ? countAccepted(listenerSets, all) : 0,
		}),
		listeners: listeners.map(listenerStatus),
	};
}

/** A ListenerSet is accepted with at least one listener that serves. */
function countAccepted(sets: readonly ListenerSet[], listeners: AttachedGateway["listeners"]): number {
	return sets.filter((set) => listenersOf(set, listeners).some(({ isValid }) => isValid)).length;
}

function listenersOf(set: ListenerSet, listeners: AttachedGateway["listeners"]): AttachedGateway["listeners"] {
	return listeners.filter(
		({ owner }) => owner.kind === "ListenerSet" && formatObjectName(owner) === formatObjectName(set),
	);
}

/** Said while certificates of clients are not insisted on, so that nobody overlooks it. */
const insecureFrontend = conditionOf("InsecureFrontendValidationMode", undefined, {
	reason: "ConfigurationChanged",
	message: "AllowInsecureFallback: connections without a valid certificate are served",
});

function takesAnyClient({ clientValidation, clientValidationByPort }: Gateway): boolean {
	return [clientValidation, ...Object.values(clientValidationByPort)].some(
		(validation) => typeof validation === "object" && validation.mode === "AllowInsecureFallback",
	);
}

/** As GEP-1713 has it: a ListenerSet stands or falls with its Gateway, and with at least one listener of its own. */
function listenerSetStatus(
	set: ListenerSet,
	{ gateway, listeners, listenerSets }: AttachedGateway,
	inputs: StatusInputs,
) {
	const parent = formatObjectName(gateway);
	if (!listenerSets.includes(set)) {
		const fault = { reason: "NotAllowed", message: `allowedListeners of Gateway ${parent} does not take it` };
		return { conditions: [conditionOf("Accepted", fault), conditionOf("Programmed", fault)], listeners: [] };
	}
	const own = listenersOf(set, listeners);
	const valid = own.filter(({ isValid }) => isValid).length;
	const settingsFault = findParametersFault(gateway, inputs.mesh);
	const refused =
		settingsFault === undefined
			? listenerFault(valid)
			: { reason: "ParentNotAccepted", message: `Gateway ${parent} is not accepted: ${settingsFault.message}` };
	const unserved = resolveAddresses(gateway, listeners, inputs).fault;
	const programmed =
		refused ??
		(unserved && { reason: "ParentNotProgrammed", message: `Gateway ${parent} is not served: ${unserved.message}` });
	const isPartial = valid < own.length;
	return {
		conditions: [
			conditionOf("Accepted", refused, {
				reason: isPartial ? "ListenersNotValid" : "Accepted",
				message: isPartial ? "one or more of the listeners are invalid" : "",
			}),
			conditionOf("Programmed", programmed),
		],
		listeners: own.map(listenerStatus),
	};
}

function listenerStatus(state: AttachedGateway["listeners"][number]): object {
	return {
		name: state.listener.name,
		supportedKinds: state.supportedKinds,
		attachedRoutes: state.httpRoutes.length + state.streamRoutes.length,
		conditions: listenerConditions(state),
	};
}

function listenerFault(valid: number): ConditionFault | undefined {
	return valid > 0 ? undefined : { reason: "ListenersNotValid", message: "none of the listeners are valid" };
}

function findParametersFault({ parametersRef, namespace }: Gateway, { configMaps }: Mesh): ConditionFault | undefined {
	if (parametersRef === undefined) return undefined;
	const reason = "InvalidParameters";
	if (parametersRef.kind !== "ConfigMap" || parametersRef.group !== "")
		return { reason, message: `parametersRef is a ${parametersRef.kind}, only ConfigMaps are read` };
	const isThere = configMaps.some((map) => map.namespace === namespace && map.name === parametersRef.name);
	return isThere ? undefined : { reason, message: `there is no ConfigMap ${namespace}/${parametersRef.name}` };
}

function findClientCertificateFault(gateway: Gateway, { attachments }: StatusInputs): ConditionFault | undefined {
	const reference = gateway.clientCertificateRef;
	if (reference === undefined) return undefined;
	const from = { group: "gateway.networking.k8s.io", kind: "Gateway", namespace: gateway.namespace };
	if (!attachments.grants.allows(from, reference))
		return {
			reason: "RefNotPermitted",
			message: `clientCertificateRef ${formatObjectName(reference)}: no ReferenceGrant allows it`,
		};
	const pair = attachments.certificates.keyPair(reference);
	return isFault(pair) ? { reason: "InvalidClientCertificateRef", message: pair.message } : undefined;
}

function listenerConditions(state: AttachedGateway["listeners"][number]): Condition[] {
	const { conflict, tlsFault, protocolFault } = state;
	if (conflict !== undefined) {
		const fault = { reason: conflict, message: "an earlier listener has the same port and host" };
		return [
			conditionOf("Accepted", fault),
			conditionOf("Conflicted", undefined, fault),
			conditionOf("Programmed", fault),
			resolvedRefs(state),
			...overlappingTls(state),
		];
	}
	const accepted =
		protocolFault ??
		(state.hasNoAuthority ? { reason: "NoValidCACertificate", message: tlsFault?.message ?? "" } : undefined);
	const programmed = state.isValid
		? undefined
		: { reason: "Invalid", message: (tlsFault ?? protocolFault)?.message ?? "" };
	return [
		conditionOf("Accepted", accepted),
		conditionOf("Conflicted", { reason: "NoConflicts", message: "" }),
		conditionOf("Programmed", programmed),
		resolvedRefs(state),
		...overlappingTls(state),
	];
}

/** Said where it is so, and nowhere else. */
function overlappingTls({ overlapping }: AttachedGateway["listeners"][number]): Condition[] {
	if (overlapping.length === 0) return [];
	const more = overlapping.length > 3 ? ` and ${overlapping.length - 3} more` : "";
	const message = `hosts are also those of ${overlapping.slice(0, 3).join(", ")}${more}, with TLS settings of their own`;
	return [conditionOf("OverlappingTLSConfig", undefined, { reason: "OverlappingHostnames", message })];
}

function resolvedRefs({ tlsFault, hasInvalidKinds }: AttachedGateway["listeners"][number]): Condition {
	const kinds = { reason: "InvalidRouteKinds", message: "allowedRoutes has a kind that the protocol does not carry" };
	return conditionOf("ResolvedRefs", hasInvalidKinds ? kinds : tlsFault);
}

function routeStatus(route: AnyRoute, inputs: StatusInputs): object | undefined {
	const results = inputs.attachments.parentsOf(route);
	if (results.length === 0) return undefined;
	return { parents: results.map((result) => parentStatus(route, result, inputs)) };
}

function parentStatus(route: AnyRoute, { parent, controller, denied }: ParentResult, inputs: StatusInputs): object {
	const { grants } = inputs.attachments;
	const lookup = {
		service: inputs.service,
		serviceByHost: (host: string) => inputs.serviceByHost(host, route.namespace),
		...(!isServiceParent(parent) && !isServiceEntryParent(parent) && { grants }),
	};
	return {
		parentRef: { group: parent.group, kind: parent.kind, ...parent.written },
		controllerName: controller,
		conditions: [conditionOf("Accepted", denied), conditionOf("ResolvedRefs", findReferenceFault(route, lookup))],
	};
}
