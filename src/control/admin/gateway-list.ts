import {
	formatObjectName,
	type Gateway,
	gatewayNameLabel,
	type IstioGateway,
	isFoundByLabel,
	listGatewayHosts,
	matchesLabels,
	type WorkloadInstance,
} from "../../model/index.ts";
import type { MeshIndex } from "../translate/index.ts";
import type { Endpoint } from "./router.ts";

/** `GET /v1/gateways`: what Gateways serve, and who serves them. */
export function createGatewayEndpoint(index: () => MeshIndex | undefined): Endpoint {
	return {
		method: "GET",
		path: "/v1/gateways",
		answer: () => {
			const found = index();
			return { body: { items: found === undefined ? [] : listGateways(found) } };
		},
	};
}

function listGateways(index: MeshIndex) {
	const { gateways } = index.attachments;
	const ofApi = [...gateways.values()].map(({ gateway, listeners }) => ({
		kind: "Gateway",
		namespace: gateway.namespace,
		name: gateway.name,
		listeners: listeners.map(({ listener, httpRoutes, streamRoutes }) => ({
			name: listener.name,
			port: listener.port,
			protocol: listener.protocol,
			hosts: [listener.hostname ?? "*"],
			routes: httpRoutes.length + streamRoutes.length,
		})),
		proxies: proxiesOf(index, gateway, instancesOfGateway(index, gateway)),
		source: gateway.source,
	}));
	const ofIstio = index.mesh.istioGateways.map((gateway) => ({
		kind: "IstioGateway",
		namespace: gateway.namespace,
		name: gateway.name,
		listeners: gateway.servers.map(({ port, hosts }) => ({
			name: port.name,
			port: port.number,
			protocol: port.protocol,
			hosts,
		})),
		proxies: proxiesOf(index, gateway, instancesOfIstioGateway(index, gateway)),
		source: gateway.source,
	}));
	return [...ofApi, ...ofIstio].sort((a, b) => (formatObjectName(a) < formatObjectName(b) ? -1 : 1));
}

/** Those of the config, else those that a machine started for it. */
function proxiesOf(index: MeshIndex, gateway: Gateway | IstioGateway, declared: readonly WorkloadInstance[]) {
	const started = index.mesh.gatewayProxies.filter(({ gateways }) =>
		gateways.some(({ namespace, name, kind }) => {
			const isIstio = "selector" in gateway;
			return namespace === gateway.namespace && name === gateway.name && (kind === "IstioGateway") === isIstio;
		}),
	);
	const own = index.instances.filter(
		({ pattern, namespace, workload }) =>
			pattern === "gateway" && started.some((proxy) => proxy.namespace === namespace && proxy.name === workload),
	);
	return (own.length > 0 ? own : declared).map((instance) => ({
		instance: formatObjectName(instance),
		...(instance.sidecar !== undefined && { program: instance.sidecar }),
		health: instance.health,
		address: instance.address,
		ports: instance.gatewayPorts ?? [],
	}));
}

function instancesOfGateway(index: MeshIndex, gateway: Gateway): readonly WorkloadInstance[] {
	const { namespace, name } = gateway;
	if (isFoundByLabel(gateway))
		return index.instances.filter((one) => one.namespace === namespace && one.labels[gatewayNameLabel] === name);
	return listGatewayHosts(gateway, index.mesh.settings.clusterDomain).flatMap((host) => {
		const service = index.serviceByHost(host, namespace);
		return service?.namespace === namespace ? index.instancesOf(service) : [];
	});
}

function instancesOfIstioGateway(index: MeshIndex, { selector }: IstioGateway): readonly WorkloadInstance[] {
	if (Object.keys(selector).length === 0) return [];
	return index.instances.filter(({ labels }) => matchesLabels(selector, labels));
}
