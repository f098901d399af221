import { findNearest } from "../../../core/index.ts";
import type { WorkloadInstance } from "../../../model/index.ts";
import { resolveEndpoints } from "../../translate/index.ts";
import { type Case, type Diagnosis, hasFlag, type KnownMesh, nameOf, type Whereabouts } from "./diagnosis.ts";
import { findTrafficPolicy, findUpstream, ofServiceAt, type Upstream } from "./upstream.ts";

const maxNamed = 5;

/** No endpoint was fit for a request: there is none, none is ready, DNS knows none, or the proxy has put them out itself. */
export function diagnoseEndpoints(asked: Case): Diagnosis | undefined {
	if (!hasFlag(asked.failure, "UH")) return undefined;
	const upstream = findUpstream(asked);
	if (upstream === undefined)
		return {
			fault: "application",
			explanation: [
				"no endpoint of the cluster is healthy: those that health checks or outlier detection have put out",
			],
			fix: "look at /clusters on the admin port of the proxy",
			objects: [],
		};
	return diagnoseUpstream(asked, upstream);
}

function diagnoseUpstream({ failure, mesh }: Case, upstream: Upstream): Diagnosis {
	const { host, service, servicePort, subset, policy, objects } = upstream;
	const base = { fault: "configuration" as const, objects };
	if (service === undefined || servicePort === undefined)
		return { ...base, explanation: [`now no Service and no ServiceEntry has ${host}:${upstream.port}`] };
	const chosen = policy.subsets.find(({ name }) => name === subset);
	const what = subset === "" ? host : `subset ${subset} of ${host}`;
	const endpoints = resolveEndpoints(mesh.index, service, servicePort, chosen);
	if (service.resolution?.startsWith("dns") === true) {
		const names = [...new Set(endpoints.map(({ address }) => address))].slice(0, maxNamed).join(", ");
		return {
			fault: "network",
			explanation: [
				failure.dns_failure === null
					? `DNS gives no address for ${names === "" ? host : names}: the name is not found, or the name server does not answer`
					: `the endpoint has no address: ${failure.dns_failure}`,
			],
			fix: `correct the name, or the DNS of the machine of the proxy ('getent hosts ${endpoints[0]?.address ?? host}' there)`,
			objects: [...ofServiceAt(upstream, mesh, "spec.hosts"), ...objects.slice(1)],
		};
	}
	if (endpoints.length === 0) return { ...base, ...describeNone(upstream, mesh) };
	const unfit = endpoints.filter(({ health }) => health !== "ready");
	const count = `now ${endpoints.length - unfit.length} of ${endpoints.length} endpoints of ${what} are ready`;
	if (unfit.length > 0) {
		const reasons = unfit.map(({ instance, address, health }) =>
			describeUnfit(instance?.name ?? address, health, instance),
		);
		return {
			fault: "application",
			explanation: [`${count}; ${reasons.slice(0, maxNamed).join("; ")}`],
			fix: "make them ready: 'amime endpoints' shows all of them, and their logs why",
			objects,
		};
	}
	return { ...describeEjected(count, upstream, mesh) };
}

/** The control plane has them as ready, and the proxy still has none. */
function describeEjected(count: string, upstream: Upstream, mesh: KnownMesh): Diagnosis {
	const outliers = findTrafficPolicy(upstream, mesh, "outlierDetection");
	const ref = outliers?.ref;
	return {
		fault: "application",
		explanation: [
			outliers === undefined
				? `${count}: they were not when the request came`
				: `the proxy had put the endpoints out for their errors (outlier detection${ref === undefined ? "" : `, ${nameOf(ref)}`}); ${count}`,
		],
		fix:
			outliers === undefined
				? "try again; if it stays so, look at /clusters on the admin port of the proxy"
				: "look for the failed requests before this one ('amime why'): they are the reason; maxEjectionPercent bounds how many may be out",
		objects: [...(ref === undefined ? [] : [ref]), ...upstream.objects.slice(0, 1)],
	};
}

/** Why nothing is behind a service, and what helps. */
export function describeNone(
	upstream: Upstream,
	mesh: Whereabouts,
): Pick<Diagnosis, "explanation"> & Partial<Diagnosis> {
	const { index } = mesh;
	const { host, service, servicePort, subset, objects } = upstream;
	const none = `now ${subset === "" ? host : `subset ${subset} of ${host}`} has no endpoint`;
	if (service === undefined || servicePort === undefined) return { explanation: [none] };
	const instances = index.instancesOf(service);
	if (instances.length === 0) {
		const isSelected = index.workloadsOf(service).length > 0;
		return {
			explanation: [
				`${none}: ${isSelected ? "no instance of its workloads is registered ('amime status')" : "its selector selects no workload"}`,
			],
			fix: isSelected ? "start its workloads" : "correct the selector, or the labels of the workload",
			objects: isSelected ? objects : [...ofServiceAt(upstream, mesh, "spec.selector"), ...objects.slice(1)],
		};
	}
	const starting = instances.filter(({ health }) => health === "starting");
	if (starting.length > 0)
		return {
			fault: "application",
			explanation: [
				`${none}: ${starting
					.slice(0, maxNamed)
					.map((instance) => describeUnfit(instance.name, "starting", instance))
					.join("; ")}`,
			],
			fix: "mend what keeps it from being ready; its log says more",
		};
	const { targetPort } = servicePort;
	const ports = [...new Set(instances.flatMap((instance) => instance.ports.map(({ name }) => name)))];
	if (typeof targetPort === "string" && !ports.includes(targetPort)) {
		const nearest = findNearest(targetPort, ports);
		const at = service.ports.indexOf(servicePort);
		return {
			explanation: [
				`${none}: its targetPort '${targetPort}' is no port of ${[...new Set(instances.map(({ workload }) => workload))].slice(0, maxNamed).join(", ")}; there are ${ports.join(", ")}`,
			],
			fix: nearest === undefined ? "use one of these ports" : `did you mean '${nearest}'?`,
			objects: [...ofServiceAt(upstream, mesh, `spec.ports[${at}].targetPort`), ...objects.slice(1)],
		};
	}
	return subset === ""
		? {
				explanation: [`${none}: no instance has the port ${targetPort}`],
				fix: "correct targetPort, or the ports of the workload",
			}
		: {
				explanation: [`${none}: no instance has the labels of the subset`],
				fix: "correct the labels of the subset, or of the workload",
				objects: [...objects.slice(1), ...objects.slice(0, 1)],
			};
}

function describeUnfit(
	name: string,
	health: string,
	instance: Pick<WorkloadInstance, "healthReason"> | undefined,
): string {
	return `${name} is ${health}${instance?.healthReason === undefined ? "" : `: ${instance.healthReason}`}`;
}
