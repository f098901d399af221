import {
	type BackendRef,
	type BackendReference,
	type FilterActions,
	isHttpProtocol,
	isServiceParent,
	type ObjectName,
	type RouteRule,
	type Service,
	type StreamRule,
} from "../../model/index.ts";
import type { AnyRoute } from "./attach-routes.ts";
import type { ConditionFault } from "./condition.ts";
import type { ReferenceGrants } from "./reference-grants.ts";

const routeGroup = "gateway.networking.k8s.io";

/** Where backends are looked up. */
export interface BackendLookup {
	service(name: ObjectName): Service | undefined;
	serviceByHost(host: string): Service | undefined;
	/** Undefined where references need no grant: for routes of Services (GEP-1294). */
	readonly grants?: ReferenceGrants;
}

/** What is wrong with the references of a route, for its condition ResolvedRefs: of several, the last one. */
export function findReferenceFault(route: AnyRoute, lookup: BackendLookup): ConditionFault | undefined {
	const faults = route.references.map((reference) => findFault(route, reference, lookup));
	return faults.find((fault) => fault?.reason === "InvalidFilter") ?? faults.findLast((fault) => fault !== undefined);
}

function findFault(route: AnyRoute, reference: BackendReference, lookup: BackendLookup): ConditionFault | undefined {
	const { group, kind, namespace, name, path } = reference;
	const key = `${namespace}/${name}`;
	if (path.includes(".extensionRef"))
		return { reason: "InvalidFilter", message: `${path}: there is no filter ${group}/${kind}` };
	if (lookup.grants?.allows({ group: routeGroup, kind: route.kind, namespace: route.namespace }, reference) === false)
		return { reason: "RefNotPermitted", message: `${path}: no ReferenceGrant in namespace ${namespace} allows ${key}` };
	if (isServiceParent(reference)) {
		const service = lookup.service(reference);
		if (service === undefined) return { reason: "BackendNotFound", message: `${path}: there is no Service ${key}` };
		return findProtocolFault(reference, service);
	}
	if (group === "networking.istio.io" && kind === "Hostname") {
		const service = lookup.serviceByHost(name);
		if (service === undefined)
			return { reason: "BackendNotFound", message: `${path}: no service has the host ${name}` };
		return findProtocolFault(reference, service);
	}
	return {
		reason: "InvalidKind",
		message: `${path}: backends of kind ${group === "" ? kind : `${group}/${kind}`} are not supported`,
	};
}

/** Why an authorizer over gRPC would be spoken to in HTTP/1.1. */
function findProtocolFault(
	{ path, port, isGrpcAuthorizer }: BackendReference,
	service: Service,
): ConditionFault | undefined {
	const found = isGrpcAuthorizer === true ? service.ports.find((candidate) => candidate.port === port) : undefined;
	if (found === undefined || (isHttpProtocol(found.protocol) && found.protocol !== "http")) return undefined;
	const says = found.protocol === "auto" ? "does not say its protocol" : `says ${found.protocol}`;
	const message = `${path}: an authorizer over gRPC is asked in HTTP/2, and port ${port} ${says}, so that every request is refused: name it grpc, or give it appProtocol kubernetes.io/h2c`;
	return { reason: "UnsupportedProtocol", message };
}

/** Rules as a Gateway may follow them: a backend of another namespace needs a grant there, else its share is answered with 500. */
export function permitRules<R extends RouteRule | StreamRule>(
	route: AnyRoute,
	rules: readonly R[],
	grants: ReferenceGrants,
): readonly R[] {
	const from = { group: routeGroup, kind: route.kind, namespace: route.namespace };
	const permitDestination = <B extends Pick<BackendRef, "destination">>(backend: B): B => {
		const { destination } = backend;
		if (destination.kind !== "service") return backend;
		const { namespace, name } = destination.service;
		if (grants.allows(from, { group: "", kind: "Service", namespace, name })) return backend;
		const reason = `no ReferenceGrant in namespace ${namespace} allows Service ${name}`;
		return { ...backend, destination: { kind: "unusable", reason } };
	};
	const permitActions = <A extends object>(rule: A & Pick<FilterActions, "mirrors" | "externalAuth">): A => {
		const mirrors = rule.mirrors?.map(permitDestination);
		const externalAuth = rule.externalAuth && permitDestination(rule.externalAuth);
		const isSame = externalAuth === rule.externalAuth && areSame(mirrors, rule.mirrors);
		if (isSame) return rule;
		return { ...rule, ...(mirrors !== undefined && { mirrors }), ...(externalAuth !== undefined && { externalAuth }) };
	};
	const permitBackend = (backend: BackendRef): BackendRef => {
		const filters = backend.filters && permitActions(backend.filters);
		return permitDestination(filters === undefined || filters === backend.filters ? backend : { ...backend, filters });
	};
	return rules.map((rule) => {
		const backends = rule.backends.map(permitBackend);
		const permitted = permitActions(rule);
		return areSame(backends, rule.backends) ? permitted : { ...permitted, backends };
	});
}

function areSame(some: readonly unknown[] | undefined, others: readonly unknown[] | undefined): boolean {
	return some === others || some?.every((item, position) => item === others?.[position]) === true;
}
