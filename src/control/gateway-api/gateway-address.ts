import {
	type Gateway,
	gatewayNameLabel,
	isFoundByLabel,
	listGatewayHosts,
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
	readonly instances: readonly WorkloadInstance[];
}

export function resolveAddresses(
	gateway: Gateway,
	listeners: readonly ListenerState[],
	inputs: AddressInputs,
): GatewayAddresses {
	if (isFoundByLabel(gateway)) return resolveByLabel(gateway, inputs);
	const hosts = listGatewayHosts(gateway, inputs.mesh.settings.clusterDomain);
	const others = gateway.addresses.filter(({ type }) => type !== "Hostname");
	const settingsFault =
		others.length === 0
			? undefined
			: {
					reason: "UnsupportedAddress",
					message: `only Hostname is supported, ignored: ${others.map(({ value }) => value).join(", ")}`,
				};
	const ports = [
		...new Set(listeners.filter(({ conflict }) => conflict === undefined).map(({ listener }) => listener.port)),
	];
	const found = hosts.map((host) => resolveHost(gateway, host, ports, inputs));
	const warnings = found.flatMap(({ warnings }) => warnings);
	const assigned = found.flatMap(({ assigned }) => assigned);
	const usable = found.filter((host) => host.assigned.length > 0).map(({ host }) => host);
	const fault = describeFault(
		hosts,
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

function describeFault(
	hosts: readonly string[],
	warnings: readonly string[],
	isUnusable: boolean,
): ConditionFault | undefined {
	if (hosts.length === 0) return { reason: "UnsupportedAddress", message: "no address of type Hostname" };
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

function resolveByLabel(gateway: Gateway, { instances }: AddressInputs): GatewayAddresses {
	const proxies = instances.filter(
		({ namespace, labels }) => namespace === gateway.namespace && labels[gatewayNameLabel] === gateway.name,
	);
	if (proxies.length === 0) {
		const message = `no proxy has the label ${gatewayNameLabel}=${gateway.name} in namespace ${gateway.namespace}`;
		return { shown: [], message: "", fault: { reason: "AddressNotAssigned", message } };
	}
	const values = [...new Set(proxies.map(({ address }) => address))].sort();
	return {
		shown: values.map((value) => ({ type: "IPAddress", value })),
		message: `served at ${values.join(", ")}${describePorts(proxies)}`,
	};
}
