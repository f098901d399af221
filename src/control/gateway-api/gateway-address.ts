import {
	type Gateway,
	gatewayNameLabel,
	isFoundByLabel,
	listGatewayHosts,
	listStaticAddresses,
	type Mesh,
	type Service,
	type WorkloadInstance,
} from "../../model/index.ts";
import type { ConditionFault } from "./condition.ts";
import type { ListenerState } from "./listeners.ts";

/** Where a Gateway is reached. */
export interface GatewayAddresses {
	/** For its status. */
	readonly shown: readonly { readonly type: string; readonly value: string }[];
	/** What says that it is served, when it is. */
	readonly message: string;
	/** Why it is not served at all of its addresses. */
	readonly fault?: ConditionFault;
	/** What is wrong with the addresses that it asks for. */
	readonly settingsFault?: ConditionFault;
}

interface AddressInputs {
	readonly mesh: Pick<Mesh, "settings">;
	serviceByHost(host: string, clientNamespace: string): Service | undefined;
	instancesOf(service: Service): readonly WorkloadInstance[];
	servicesOf(instance: WorkloadInstance): readonly Service[];
	readonly instances: readonly WorkloadInstance[];
}

export function resolveAddresses(
	gateway: Gateway,
	listeners: readonly ListenerState[],
	inputs: AddressInputs,
): GatewayAddresses {
	const settingsFault = findUnsupported(gateway);
	if (isFoundByLabel(gateway))
		return { ...resolveByLabel(gateway, inputs), ...(settingsFault !== undefined && { settingsFault }) };
	const hosts = listGatewayHosts(gateway, inputs.mesh.settings.clusterDomain);
	const ports = [
		...new Set(listeners.filter(({ conflict }) => conflict === undefined).map(({ listener }) => listener.port)),
	];
	const found = hosts.map((host) => resolveHost(gateway, host, ports, inputs));
	const warnings = found.flatMap(({ warnings }) => warnings);
	const assigned = found.flatMap(({ assigned }) => assigned);
	const usable = found.filter((host) => host.assigned.length > 0).map(({ host }) => host);
	const fault = describeFault(
		warnings,
		found.some(({ isUnusable }) => isUnusable),
	);
	return {
		shown: usable.map((value) => ({ type: "Hostname", value })),
		message: assigned.length === 0 ? "" : `served at ${assigned.join(", ")}`,
		...(fault !== undefined && { fault }),
		...(settingsFault !== undefined && { settingsFault }),
	};
}

/** The addresses of a Gateway are either the Service in front of its proxies, or addresses that they are to listen on. */
function findUnsupported(gateway: Gateway): ConditionFault | undefined {
	const wanted = isFoundByLabel(gateway) ? "IPAddress" : "Hostname";
	const others = gateway.addresses.filter(({ type }) => type !== wanted);
	if (others.length === 0) return undefined;
	const types =
		wanted === "Hostname"
			? "beside a Hostname there can be only others of it"
			: "only IPAddress and Hostname are supported";
	const list = others.map(({ type, value }) => `${value} (${type})`).join(", ");
	return { reason: "UnsupportedAddress", message: `${types}, ignored: ${list}` };
}

function describeFault(warnings: readonly string[], isUnusable: boolean): ConditionFault | undefined {
	if (warnings.length === 0) return undefined;
	return { reason: isUnusable ? "AddressNotUsable" : "AddressNotAssigned", message: warnings.join("; ") };
}

function resolveHost(gateway: Gateway, host: string, ports: readonly number[], inputs: AddressInputs) {
	const service = inputs.serviceByHost(host, gateway.namespace);
	if (service === undefined)
		return { host, assigned: [], warnings: [`no Service has the host ${host}`], isUnusable: true };
	if (service.namespace !== gateway.namespace) {
		const warning = `the Service of ${host} is in namespace ${service.namespace}, not the Gateway's ${gateway.namespace}`;
		return { host, assigned: [], warnings: [warning], isUnusable: true };
	}
	if (inputs.instancesOf(service).length === 0 && (service.endpoints ?? []).length === 0)
		return { host, assigned: [], warnings: [`no proxy is behind ${host}`], isUnusable: false };
	const missing = ports.filter((port) => !service.ports.some((candidate) => candidate.port === port));
	return {
		host,
		assigned: ports.filter((port) => !missing.includes(port)).map((port) => `${host}:${port}`),
		warnings: missing.map((port) => `the Service of ${host} has no port ${port}`),
		isUnusable: missing.length > 0,
	};
}

/** Ports that are not where they are declared. */
function describePorts(proxies: readonly WorkloadInstance[]): string {
	const moved = proxies.flatMap(({ gatewayPorts = [] }) =>
		gatewayPorts.filter(({ port, listenPort }) => port !== listenPort),
	);
	if (moved.length === 0) return "";
	return `, ${moved.map(({ port, listenPort }) => `port ${port} on ${listenPort}`).join(", ")}`;
}

function resolveByLabel(gateway: Gateway, { instances, servicesOf }: AddressInputs): GatewayAddresses {
	const proxies = instances.filter(
		({ namespace, labels }) => namespace === gateway.namespace && labels[gatewayNameLabel] === gateway.name,
	);
	if (proxies.length === 0) {
		const message = `no proxy has the label ${gatewayNameLabel}=${gateway.name} in namespace ${gateway.namespace}`;
		return { shown: [], message: "", fault: { reason: "AddressNotAssigned", message } };
	}
	const values = [...new Set(proxies.map(({ address }) => address))].sort();
	// Of proxies that run elsewhere load balancers may have other addresses, which nobody here knows: they need a Service.
	const isKnown = proxies.every((proxy) => proxy.gatewayPorts !== undefined || servicesOf(proxy).length === 0);
	const missing = isKnown ? listStaticAddresses(gateway).filter((address) => !values.includes(address)) : [];
	if (missing.length > 0) {
		const hint = proxies.some(({ gatewayPorts }) => gatewayPorts !== undefined)
			? "one listens on the first address that its machine has"
			: "there is no Service in front of them whose load balancer could have it";
		const message = `no proxy of this Gateway listens on ${missing.join(", ")}: ${hint}`;
		const shown = values.filter((value) => listStaticAddresses(gateway).includes(value));
		return {
			shown: shown.map((value) => ({ type: "IPAddress", value })),
			message: "",
			fault: { reason: "AddressNotUsable", message },
		};
	}
	return {
		shown: values.map((value) => ({ type: "IPAddress", value })),
		message: `served at ${values.join(", ")}${describePorts(proxies)}`,
	};
}
