import { assertNever, suggestNearest } from "../../core/index.ts";
import { formatObjectName, type Labels, type Mesh, matchesLabels, type Service } from "../../model/index.ts";
import type { ConfigObject, ConfigObjectOf } from "../config-object.ts";
import type { LocatedProblem } from "../located-problem.ts";
import { checkProxyless } from "./check-proxyless.ts";
import { checkRateLimitTargets } from "./check-rate-limits.ts";
import { checkRoute } from "./check-routes.ts";
import { checkVirtualService } from "./check-virtual-service.ts";
import { describeAt } from "./problem-at.ts";
import { findWorkloadPort, selectWorkloads } from "./services.ts";

/** What objects say of each other that does not hold: unknown services and ports, subsets and selectors that select nothing.
 *  All are warnings: the other object may be on its way. */
export function checkReferences(objects: readonly ConfigObject[], mesh: Mesh): LocatedProblem[] {
	const view = createView(mesh);
	return objects.flatMap((object) => checkObject(object, view));
}

function checkObject(object: ConfigObject, view: View): LocatedProblem[] {
	switch (object.kind) {
		case "HTTPRoute":
		case "GRPCRoute":
			return [...checkRoute(object, object.value, view.services), ...checkProxyless(object, view.mesh)];
		case "BackendTLSPolicy":
			return checkProxyless(object, view.mesh);
		case "TLSRoute":
		case "TCPRoute":
			return checkRoute(object, object.value, view.services);
		case "DestinationRule":
			return checkDestinationRule(object, view);
		case "Service":
			return checkService(object, view);
		case "PeerAuthentication":
		case "AuthorizationPolicy":
		case "RequestAuthentication":
			return checkSelector(object, view);
		case "RateLimitPolicy":
			return [...checkSelector(object, view), ...checkRateLimitTargets(object, view.mesh)];
		case "VirtualService":
			return checkVirtualService(object, view);
		case "Workload":
		case "MeshConfig":
		case "ServiceEntry":
		case "WorkloadEntry":
		case "WorkloadGroup":
		case "Sidecar":
		case "EnvoyFilter":
		case "Telemetry":
		case "ProxyConfig":
		case "Namespace":
		case "Node":
		case "Pod":
		case "Deployment":
		case "StatefulSet":
		case "DaemonSet":
		case "EndpointSlice":
		case "GatewayClass":
		case "Gateway":
		case "ListenerSet":
		case "IstioGateway":
		case "ReferenceGrant":
		case "Secret":
		case "ConfigMap":
			return [];
		default:
			return assertNever(object);
	}
}

/** What references are checked against. */
export interface View {
	readonly mesh: Mesh;
	readonly services: ReadonlyMap<string, Service>;
	/** Full host of each DestinationRule. */
	readonly hosts: ReadonlyMap<string, string>;
	/** Namespace and labels of everything that policies and services select. */
	readonly selectable: readonly { readonly namespace: string; readonly labels: Labels }[];
}

function createView(mesh: Mesh): View {
	return {
		mesh,
		services: new Map(mesh.services.map((service) => [formatObjectName(service), service])),
		hosts: new Map(mesh.destinationRules.map((rule) => [formatObjectName(rule), rule.host])),
		selectable: [...mesh.workloads, ...mesh.gatewayProxies, ...mesh.instances],
	};
}

function checkDestinationRule(object: ConfigObjectOf<"DestinationRule">, view: View): LocatedProblem[] {
	const { mesh, services } = view;
	const host = view.hosts.get(formatObjectName(object)) ?? "";
	const suffix = `.svc.${mesh.settings.clusterDomain}`;
	const [name, namespace] = host.endsWith(suffix) ? host.slice(0, -suffix.length).split(".") : [];
	const service = services.get(`${namespace}/${name}`);
	if (host.startsWith("*") || mesh.services.some((candidate) => candidate.host === host)) return [];
	if (service === undefined) {
		const known = [...services.values()].map((item) =>
			item.namespace === object.namespace ? item.name : `${item.name}.${item.namespace}`,
		);
		const hint = suggestNearest(object.value.host, known);
		return [
			describeAt(
				object,
				"spec.host",
				`no Service ${object.value.host}${hint}: the rule has no effect`,
				"SERVICE_UNKNOWN",
			),
		];
	}
	return object.value.subsets.flatMap((subset, index) => {
		if (service.endpoints?.some((endpoint) => matchesLabels(subset.labels, endpoint.labels)) === true) return [];
		const labels = { ...service.selector, ...subset.labels };
		if (service.selector === undefined || selects(view, service.namespace, labels)) return [];
		const problem = `no workload behind Service ${formatObjectName(service)} has the labels ${formatLabels(subset.labels)}`;
		return [describeAt(object, `spec.subsets[${index}].labels`, problem, "SUBSET_WITHOUT_ENDPOINTS")];
	});
}

function checkService(object: ConfigObjectOf<"Service">, view: View): LocatedProblem[] {
	const { selector, namespace } = object.value;
	// Its endpoints come from EndpointSlices, or it stands for another name.
	const { endpoints, aliasOf } = view.services.get(formatObjectName(object)) ?? {};
	if (selector === undefined || endpoints !== undefined || aliasOf !== undefined) return [];
	if (!selects(view, namespace, selector)) return [describeNothingSelected(object, "spec.selector", selector)];
	const workloads = selectWorkloads(object.value, view.mesh.workloads);
	return object.value.ports.flatMap((port, index) => {
		const isFound =
			workloads.length === 0 || workloads.some((workload) => findWorkloadPort(workload, port) !== undefined);
		if (isFound || typeof port.targetPort === "number") return [];
		const known = [...new Set(workloads.flatMap((workload) => workload.ports.map((item) => item.name)))];
		const problem = `no workload behind it has a port '${port.targetPort}'${suggestNearest(port.targetPort, known) || `, known are ${known.join(", ")}`}`;
		return [describeAt(object, `spec.ports[${index}].targetPort`, problem, "PORT_UNKNOWN")];
	});
}

function checkSelector(
	object: ConfigObjectOf<"PeerAuthentication" | "AuthorizationPolicy" | "RequestAuthentication" | "RateLimitPolicy">,
	view: View,
): LocatedProblem[] {
	const { selector } = object.value;
	if (selector === undefined) return [];
	const isMeshWide = object.namespace === view.mesh.settings.rootNamespace;
	if (selects(view, isMeshWide ? undefined : object.namespace, selector)) return [];
	return [describeNothingSelected(object, "spec.selector.matchLabels", selector)];
}

function describeNothingSelected(object: ConfigObject, path: string, selector: Labels): LocatedProblem {
	return describeAt(
		object,
		path,
		`no workload has the labels ${formatLabels(selector)}: nothing is selected`,
		"SELECTS_NOTHING",
	);
}

function selects(view: View, namespace: string | undefined, selector: Labels): boolean {
	return view.selectable.some(
		(item) => (namespace === undefined || item.namespace === namespace) && matchesLabels(selector, item.labels),
	);
}

function formatLabels(labels: Labels): string {
	return Object.entries(labels)
		.map(([key, value]) => `${key}=${value}`)
		.join(",");
}
