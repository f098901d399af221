import {
	findController,
	formatObjectName,
	type Gateway,
	type HttpRoute,
	isGatewayParent,
	isListenerSetParent,
	isServiceEntryParent,
	isServiceParent,
	type ListenerSet,
	type Mesh,
	type ObjectName,
	type ParentReference,
	type Service,
	type StreamRoute,
} from "../../model/index.ts";
import { type CertificateStore, createCertificateStore } from "./certificates.ts";
import type { ConditionFault } from "./condition.ts";
import { coversHost, intersectHosts } from "./hostname.ts";
import { allowsNamespace, type ListenerState, resolveListeners } from "./listeners.ts";
import { createReferenceGrants, type ReferenceGrants } from "./reference-grants.ts";

/** A route of any kind. */
export type AnyRoute = HttpRoute | StreamRoute;

/** A route on a listener. */
export interface BoundRoute<R extends AnyRoute = AnyRoute> {
	readonly route: R;
	/** Hosts of the route that the listener has, and no narrower listener beside it; `*` for all. */
	readonly hostnames: readonly string[];
}

/** A listener with the routes that attached to it. */
export interface AttachedListener extends ListenerState {
	readonly httpRoutes: readonly BoundRoute<HttpRoute>[];
	readonly streamRoutes: readonly BoundRoute<StreamRoute>[];
}

/** A Gateway that is looked after here. */
export interface AttachedGateway {
	readonly gateway: Gateway;
	readonly controller: string;
	/** Its own, then those of ListenerSets. */
	readonly listeners: readonly AttachedListener[];
	/** The ListenerSets that add to it. */
	readonly listenerSets: readonly ListenerSet[];
}

/** What became of one parent reference of a route. */
export interface ParentResult {
	readonly parent: ParentReference;
	readonly controller: string;
	/** Why the route is not attached there; undefined when it is. */
	readonly denied?: ConditionFault;
}

/** Which routes are where. */
export interface Attachments {
	/** By `namespace/name`; Gateways of other controllers are not there. */
	readonly gateways: ReadonlyMap<string, AttachedGateway>;
	/** The results of the parents that are known here, in the order of the document. */
	parentsOf(route: AnyRoute): readonly ParentResult[];
	readonly grants: ReferenceGrants;
	readonly certificates: CertificateStore;
}

/** Looks after what has a Service as its parent. */
export const serviceController = "amime.dev/mesh-controller";

/** Attaches every route of a mesh. Pure and linear in routes times listeners of their parents.
 *  @param findEntry the services of a ServiceEntry, one a host */
export function attachRoutes(
	mesh: Mesh,
	findService: (name: ObjectName) => Service | undefined,
	findEntry: (name: ObjectName) => readonly Service[],
): Attachments {
	const grants = createReferenceGrants(mesh.referenceGrants);
	const certificates = createCertificateStore(mesh);
	const drafts = new Map<string, GatewayDraft>();
	for (const gateway of mesh.gateways) {
		const controller = findController(gateway.className, mesh.gatewayClasses);
		if (controller === undefined) continue;
		const listenerSets = findListenerSets(gateway, mesh);
		const listeners = resolveListeners(gateway, listenerSets, mesh, certificates, grants).map(
			(state): ListenerDraft => ({ ...state, httpRoutes: [], streamRoutes: [] }),
		);
		drafts.set(formatObjectName(gateway), { gateway, controller, listeners, listenerSets });
	}
	const parents: KnownParents = {
		gateways: drafts,
		listenerSets: new Map(mesh.listenerSets.map((set) => [formatObjectName(set), set])),
		findService,
		findEntry,
	};
	const results = new Map<AnyRoute, ParentResult[]>();
	for (const route of [...mesh.httpRoutes, ...mesh.streamRoutes])
		results.set(
			route,
			route.parents.flatMap((parent) => attachParent(route, parent, parents) ?? []),
		);
	return { gateways: drafts, parentsOf: (route) => results.get(route) ?? [], grants, certificates };
}

interface ListenerDraft extends ListenerState {
	readonly httpRoutes: BoundRoute<HttpRoute>[];
	readonly streamRoutes: BoundRoute<StreamRoute>[];
}

interface GatewayDraft extends AttachedGateway {
	readonly listeners: readonly ListenerDraft[];
}

interface KnownParents {
	/** By `namespace/name`, as the next. */
	readonly gateways: ReadonlyMap<string, GatewayDraft>;
	readonly listenerSets: ReadonlyMap<string, ListenerSet>;
	findService(name: ObjectName): Service | undefined;
	findEntry(name: ObjectName): readonly Service[];
}

/** The ListenerSets that a Gateway takes, those first that win over others. */
function findListenerSets(gateway: Gateway, mesh: Mesh): readonly ListenerSet[] {
	return mesh.listenerSets
		.filter(({ parent }) => parent.namespace === gateway.namespace && parent.name === gateway.name)
		.filter(({ namespace }) => allowsNamespace(gateway, gateway.allowedListeners, namespace, mesh))
		.sort((a, b) => a.createdAt - b.createdAt || (formatObjectName(a) < formatObjectName(b) ? -1 : 1));
}

/** Undefined for a parent that is somebody else's. */
function attachParent(
	route: AnyRoute,
	parent: ParentReference,
	{ gateways, listenerSets, findService, findEntry }: KnownParents,
): ParentResult | undefined {
	if (isServiceParent(parent)) {
		const denied = findServiceFault(parent, findService(parent));
		return { parent, controller: serviceController, ...(denied !== undefined && { denied }) };
	}
	if (isServiceEntryParent(parent)) {
		const denied = findEntryFault(parent, findEntry(parent));
		return { parent, controller: serviceController, ...(denied !== undefined && { denied }) };
	}
	const set = isListenerSetParent(parent) ? listenerSets.get(formatObjectName(parent)) : undefined;
	const name = set?.parent ?? (isGatewayParent(parent) ? parent : undefined);
	const gateway = name && gateways.get(formatObjectName(name));
	if (gateway === undefined) return undefined;
	const denied =
		set !== undefined && !gateway.listenerSets.includes(set)
			? {
					reason: "NoMatchingParent",
					message: `Gateway ${formatObjectName(gateway.gateway)} does not take the ListenerSet`,
				}
			: attachToGateway(route, parent, gateway);
	return { parent, controller: gateway.controller, ...(denied !== undefined && { denied }) };
}

function findEntryFault(parent: ParentReference, [first, ...others]: readonly Service[]): ConditionFault | undefined {
	const reason = "NoMatchingParent";
	if (first === undefined) return { reason, message: `there is no ServiceEntry ${formatObjectName(parent)}` };
	return [first, ...others].some((service) => hasPort(parent, service))
		? undefined
		: { reason, message: `ServiceEntry ${formatObjectName(parent)} has no such port` };
}

function findServiceFault(parent: ParentReference, service: Service | undefined): ConditionFault | undefined {
	const reason = "NoMatchingParent";
	if (service === undefined) return { reason, message: `there is no Service ${formatObjectName(parent)}` };
	return hasPort(parent, service)
		? undefined
		: { reason, message: `Service ${formatObjectName(parent)} has no such port` };
}

function hasPort({ port, sectionName }: ParentReference, { ports }: Service): boolean {
	return ports.some(
		(candidate) =>
			(port === undefined || candidate.port === port) && (sectionName === undefined || candidate.name === sectionName),
	);
}

/** How telling a reason is: a route that was nearer to be attached is told the nearer reason. */
const telling: readonly string[] = ["NotAllowedByListeners", "NoMatchingListenerHostname", "NoMatchingParent"];

/** Undefined when at least one listener takes the route. */
function attachToGateway(route: AnyRoute, parent: ParentReference, gateway: GatewayDraft): ConditionFault | undefined {
	const denials: ConditionFault[] = [];
	let isAttached = false;
	for (const listener of gateway.listeners) {
		if (listener.conflict !== undefined || !isOfParent(listener, parent)) continue;
		const denied = findDenial(route, parent, listener);
		if (denied !== undefined) {
			denials.push(denied);
			continue;
		}
		isAttached = true;
		bindRoute(route, listener, gateway.listeners);
	}
	if (isAttached) return undefined;
	denials.sort((a, b) => telling.indexOf(a.reason) - telling.indexOf(b.reason));
	return denials[0] ?? { reason: "NoMatchingParent", message: "no listener of the Gateway can serve" };
}

/** Routes attach to the listeners of the object that they name: those of a ListenerSet are not its Gateway's (GEP-1713). */
function isOfParent({ owner }: ListenerState, parent: ParentReference): boolean {
	if (!isListenerSetParent(parent)) return owner.kind === "Gateway";
	return owner.kind === "ListenerSet" && formatObjectName(owner) === formatObjectName(parent);
}

function findDenial(route: AnyRoute, parent: ParentReference, state: ListenerState): ConditionFault | undefined {
	const { listener } = state;
	if (parent.port !== undefined && parent.port !== listener.port)
		return { reason: "NoMatchingParent", message: `no listener has port ${parent.port}` };
	if (parent.sectionName !== undefined && parent.sectionName !== listener.name)
		return { reason: "NoMatchingParent", message: `no listener has the name ${parent.sectionName}` };
	const hosts = route.kind === "TCPRoute" ? ["*"] : hostsOf(route, listener.hostname);
	if (hosts.length === 0)
		return {
			reason: "NoMatchingListenerHostname",
			message: `no host of the route is one of the listener's, ${listener.hostname}`,
		};
	if (!state.allowsNamespace(route.namespace))
		return {
			reason: "NotAllowedByListeners",
			message: `listener ${listener.name} takes no routes from namespace ${route.namespace}`,
		};
	if (!state.supportedKinds.some(({ kind }) => kind === route.kind))
		return { reason: "NotAllowedByListeners", message: `listener ${listener.name} takes no ${route.kind}` };
	return undefined;
}

function hostsOf(route: AnyRoute, listenerHost: string | undefined): string[] {
	return intersectHosts(route.hostnames.length === 0 ? ["*"] : route.hostnames, [listenerHost ?? "*"]);
}

function bindRoute(route: AnyRoute, state: ListenerDraft, listeners: readonly ListenerState[]): void {
	const { listener } = state;
	const own = listener.hostname ?? "*";
	// A request belongs to the narrowest listener of its port and protocol (Gateway API, "listener isolation").
	const narrower = listeners
		.filter((other) => other !== state && other.conflict === undefined)
		.filter((other) => other.listener.port === listener.port && other.listener.protocol === listener.protocol)
		.map((other) => other.listener.hostname ?? "*")
		.filter((host) => host !== own && coversHost(own, host));
	const hostnames = hostsOf(route, listener.hostname).filter(
		(host) => !narrower.some((other) => coversHost(other, host)),
	);
	if (isHttpRoute(route)) {
		if (!state.httpRoutes.some((bound) => bound.route === route)) state.httpRoutes.push({ route, hostnames });
	} else if (!state.streamRoutes.some((bound) => bound.route === route)) state.streamRoutes.push({ route, hostnames });
}

function isHttpRoute(route: AnyRoute): route is HttpRoute {
	return route.kind === "HTTPRoute" || route.kind === "GRPCRoute";
}
