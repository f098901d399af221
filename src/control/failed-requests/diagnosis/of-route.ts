import { findNearest } from "../../../core/index.ts";
import type { ObjectRef } from "../../provenance/index.ts";
import { hostOf } from "../../translate/index.ts";
import { describeAbsence } from "./absence.ts";
import { diagnoseNoRouteAtGateway, findServed } from "./at-gateway.ts";
import { type Case, compact, type Diagnosis, hasFlag, isSession, nameOf } from "./diagnosis.ts";
import { clientOf, findUpstream, listHosts } from "./upstream.ts";

/** Routes for hosts that nobody described: of captured traffic, and of a forward proxy. */
const refusingRoutes: readonly string[] = ["block_all", "unknown_host", "connect_unknown_host"];

/** Requests that lead nowhere: a host that nobody has, no route, a cluster that is not there. */
export function diagnoseRoute(asked: Case): Diagnosis | undefined {
	const { failure } = asked;
	if (refusingRoutes.includes(failure.route ?? "") || failure.upstream_cluster === "BlackHoleCluster")
		return diagnoseUnknownHost(asked);
	if (hasFlag(failure, "NC")) return diagnoseMissingCluster(asked);
	if (hasFlag(failure, "NR") && failure.method !== null) return diagnoseNoRoute(asked);
	if (failure.details === "direct_response") return diagnoseOwnAnswer(asked);
	return undefined;
}

/** A rule that answers itself: because it says so, or because it has nobody to ask. */
function diagnoseOwnAnswer(asked: Case): Diagnosis | undefined {
	const route = findRoute(asked);
	if (route === undefined) return undefined;
	const { status } = asked.failure;
	const prediction = asked.prediction?.because.some(({ path }) => path === route.path) ? asked.prediction : undefined;
	return {
		fault: "configuration",
		explanation: [
			prediction === undefined
				? `${nameOf(route)} answers ${status} itself: a direct response, or none of its backends can be used`
				: `${nameOf(route)}: ${prediction.summary}`,
		],
		fix:
			correctBackend(asked, prediction?.summary ?? "") ??
			prediction?.fix ??
			"'amime analyze' tells of backends that cannot be used",
		objects: [route],
	};
}

/** What to write in place of a backend that is not there, by the reason why a rule has none. */
function correctBackend({ mesh }: Case, reason: string): string | undefined {
	const [, namespace = "", name = "", port] = /Service ([^\s/]+)\/(\S+?)(?: has no port (\d+))?$/.exec(reason) ?? [];
	if (name === "") return undefined;
	const services = mesh.index.services.filter((service) => service.host === undefined);
	if (port !== undefined) {
		const own = services.find((service) => service.namespace === namespace && service.name === name);
		const ports = own?.ports.map((one) => one.port).join(", ") ?? "";
		return ports === "" ? undefined : `use ${ports}`;
	}
	const names = services.map((service) => `${service.namespace}/${service.name}`);
	const nearest = findNearest(`${namespace}/${name}`, names);
	return nearest === undefined ? undefined : `did you mean '${nearest}'?`;
}

/** The rule that a request took. */
export function findRoute({ failure, mesh }: Case): ObjectRef | undefined {
	const { route, route_config: config, route_rule: rule } = failure;
	if (route === null && config === null) return undefined;
	return mesh.provenance.ofRoute({ name: route ?? "", metadata: { istio: { config, rule } }, virtualHost: "" });
}

const notLetOut =
	"not let out of the mesh: no object describes the host, and outboundTrafficPolicy is REGISTRY_ONLY (MeshConfig, or the Sidecar object of the caller): a ServiceEntry allows it";

function diagnoseUnknownHost(asked: Case): Diagnosis {
	const { failure, mesh } = asked;
	const { namespace } = clientOf(asked);
	if (isSession(failure)) return diagnoseUnknownAddress(asked, namespace);
	const host = (failure.authority ?? "").replace(/:\d+$/, "");
	const elsewhere = mesh.index.services.find((service) => service.name === host && service.namespace !== namespace);
	const nearest =
		elsewhere === undefined ? findNearest(host, listHosts(mesh, namespace)) : `${host}.${elsewhere.namespace}`;
	if (nearest !== undefined)
		return {
			fault: "caller",
			explanation: [`no service is called ${host} for callers in namespace ${namespace}`],
			fix: `did you mean '${nearest}'?`,
			objects: [],
		};
	return {
		fault: "configuration",
		explanation: [notLetOut],
		fix: host === "" ? "add a ServiceEntry for the host" : `add a ServiceEntry for ${host}, or mend the name`,
		objects: findOutboundPolicy(asked, namespace),
	};
}

/** A captured connection to an address that no object describes. */
function diagnoseUnknownAddress(asked: Case, namespace: string): Diagnosis {
	const to = asked.failure.local_address ?? "the address";
	return {
		fault: "configuration",
		explanation: [`${to}: ${notLetOut}`],
		fix: `add a ServiceEntry with ${to} (addresses, or its host name with resolution DNS), or mend the address`,
		objects: findOutboundPolicy(asked, namespace),
	};
}

/** What says that only known hosts are let out, as far as it is written. */
function findOutboundPolicy({ mesh }: Case, namespace: string): readonly ObjectRef[] {
	const { index, objects, provenance } = mesh;
	const field = "spec.outboundTrafficPolicy.mode";
	const [sidecar] = index.sidecarsIn(namespace).filter((one) => one.outboundTrafficPolicy?.mode === "REGISTRY_ONLY");
	if (sidecar !== undefined) return compact([provenance.of("Sidecar", sidecar, field)]);
	for (const object of objects())
		if (object.kind === "MeshConfig") return compact([provenance.of("MeshConfig", object, field)]);
	return [];
}

function diagnoseMissingCluster(asked: Case): Diagnosis {
	const route = findRoute(asked);
	const upstream = findUpstream(asked);
	const leads = route === undefined ? "the route leads" : `${nameOf(route)} leads`;
	if (upstream === undefined)
		return {
			fault: "configuration",
			explanation: [`${leads} to a cluster that is not there: a subset, a port or a host that no object defines`],
			fix: "'amime analyze' names routes that lead nowhere",
			objects: compact([route]),
		};
	const { what, fix, objects } = describeAbsence(upstream, clientOf(asked), asked.mesh) ?? {
		what: `${upstream.host}, which this proxy does not have now: a Sidecar object hides it, or it is new`,
		fix: "'amime status' shows whether the proxy is up to date; 'amime explain' goes through the call",
		objects: upstream.objects,
	};
	return {
		fault: "configuration",
		explanation: [`${leads} to ${what}`],
		fix,
		objects: [...compact([route]), ...objects],
	};
}

function diagnoseNoRoute(asked: Case): Diagnosis {
	const served = findServed(asked);
	return served === undefined
		? describeNoRoute(asked, findRouters(asked))
		: diagnoseNoRouteAtGateway(asked, served, (routers) => describeNoRoute(asked, routers));
}

function describeNoRoute({ failure, prediction }: Case, routers: readonly ObjectRef[]): Diagnosis {
	const what = `${failure.method ?? ""} ${failure.path ?? ""}`.trim();
	if (prediction?.flags === "NR")
		return {
			fault: "configuration",
			explanation: [prediction.summary],
			fix: prediction.fix ?? "add a rule that takes this request, or one without matches at the end",
			objects: prediction.because.length > 0 ? prediction.because : routers,
		};
	return {
		fault: "configuration",
		explanation: [
			routers.length === 0
				? `no route for ${failure.authority ?? "this host"} matches ${what}`
				: `none of the rules of ${routers.map(nameOf).join(", ")} takes ${what}`,
		],
		fix: "add a rule that takes this request, or one without matches at the end; or mend the caller ('amime routes' shows the rules)",
		objects: routers,
	};
}

/** The objects whose rules a request to this host goes through. */
function findRouters(asked: Case): readonly ObjectRef[] {
	const { failure, mesh } = asked;
	const { namespace } = clientOf(asked);
	const { index, provenance } = mesh;
	const asWritten = (failure.authority ?? "").replace(/:\d+$/, "").toLowerCase();
	const { clusterDomain } = index.mesh.settings;
	const service = [
		asWritten,
		`${asWritten}.${clusterDomain}`,
		`${asWritten}.svc.${clusterDomain}`,
		`${asWritten}.${namespace}.svc.${clusterDomain}`,
	]
		.map((host) => index.serviceByHost(host, namespace))
		.find((found) => found !== undefined);
	const hosts = new Set([asWritten, ...(service === undefined ? [] : [hostOf(service, index.mesh.settings)])]);
	const routes = service === undefined ? [] : index.routesOf(service);
	return compact([
		...index.virtualServices.flatMap((one) =>
			one.hosts.some((host) => hosts.has(host)) ? provenance.of("VirtualService", one) : [],
		),
		...routes.map((route) => provenance.of(route.kind, route)),
	]);
}
