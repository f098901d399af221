import {
	type GatewayServer,
	gatewayNameLabel,
	type IstioGateway,
	isFoundByLabel,
	listGatewayHosts,
	matchesLabels,
} from "../../../model/index.ts";
import type { AttachedGateway } from "../../gateway-api/index.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { compareAge, hostOf } from "../names.ts";
import type { ReportProblem } from "../problem.ts";
import { findBindPort, type GatewayNode, listenPortOf, servicesInFront } from "./gateway-node.ts";
import { resolveServerTls } from "./istio-tls.ts";
import { anyAddress, type Server, type ServerHost } from "./server.ts";

/** Everything that a proxy serves, of older Gateways first. */
export function collectServers(index: MeshIndex, node: GatewayNode, report: ReportProblem): Server[] {
	const gateways = [...index.attachments.gateways.values()].sort((a, b) => compareAge(a.gateway, b.gateway));
	return [
		...gateways.flatMap((attached) => serversOfGateway(index, node, attached)),
		...[...index.mesh.istioGateways]
			.sort(compareAge)
			.filter(({ selector }) => matchesLabels(selector, node.labels))
			.flatMap((gateway) => serversOfIstioGateway(index, node, gateway, report)),
	];
}

/** The listeners of a Gateway that names a Service in front of the proxy, or that the proxy names by its label. */
function serversOfGateway(index: MeshIndex, node: GatewayNode, { gateway, listeners }: AttachedGateway): Server[] {
	const ports = portsOfGateway(index, node, gateway);
	if (ports === undefined) return [];
	return listeners.flatMap((state): Server[] => {
		const { listener, tls } = state;
		const bindPort = listenPortOf(node, listener.port) ?? ports(listener.port);
		if (!state.isValid || bindPort === undefined || bindPort === "none") return [];
		return [
			{
				owner: state.owner,
				gateway,
				path: listener.path,
				section: listener.name,
				port: listener.port,
				bindPort,
				bind: anyAddress,
				carries: listener.protocol === "HTTP" || listener.protocol === "HTTPS" ? "http" : "stream",
				hosts: [{ namespace: "*", host: listener.hostname ?? "*" }],
				...(tls !== undefined && { tls }),
				redirectsToHttps: false,
				attached: state,
			},
		];
	});
}

/** Which port of the proxy a port of the Gateway is; undefined for a Gateway that the proxy does not serve. */
function portsOfGateway(
	index: MeshIndex,
	node: GatewayNode,
	gateway: AttachedGateway["gateway"],
): ((port: number) => number | undefined) | undefined {
	if (node.namespace !== gateway.namespace) return undefined;
	const services = servicesInFront(index, node);
	const find = (port: number): number | undefined => {
		for (const service of named) {
			const bindPort = findBindPort(service, port, node);
			if (bindPort !== undefined) return bindPort;
		}
		return undefined;
	};
	if (isFoundByLabel(gateway)) {
		if (node.labels[gatewayNameLabel] !== gateway.name) return undefined;
		const named = services;
		return (port) =>
			named.map((service) => findBindPort(service, port, node)).find((found) => found !== undefined) ?? port;
	}
	const hosts = listGatewayHosts(gateway, index.mesh.settings.clusterDomain);
	const named = services.filter((service) => hosts.includes(hostOf(service, index.mesh.settings)));
	return named.length === 0 ? undefined : find;
}

/** Label of a Service whose ports are those of its proxies, in Istio. */
const untranslatedLabel = "experimental.istio.io/disable-gateway-port-translation";

function serversOfIstioGateway(
	index: MeshIndex,
	node: GatewayNode,
	gateway: IstioGateway,
	report: ReportProblem,
): Server[] {
	const services = servicesInFront(index, node).filter(({ labels }) => labels[untranslatedLabel] === undefined);
	const { namespace, name, source } = gateway;
	return gateway.servers.flatMap((server): Server[] => {
		const found = resolveServerTls(index, node, server);
		if (found.fault !== undefined) {
			const { path, problem } = found.fault;
			report({ kind: "IstioGateway", namespace, name, source, path, problem: `${problem}; the server is left out` });
			return [];
		}
		const { number } = server.port;
		const listenPort = listenPortOf(node, number);
		if (listenPort === "none") return [];
		const translated = services.map((service) => findBindPort(service, number, node));
		return [
			{
				owner: { kind: "IstioGateway", namespace, name, source },
				path: server.path,
				section: server.port.name,
				port: number,
				bindPort: listenPort ?? translated.find((port) => port !== undefined) ?? number,
				// A machine's own gateway stays on loopback, whatever address a cluster would have.
				bind: listenPort === undefined ? (server.bind ?? anyAddress) : anyAddress,
				carries: carriesHttp(server) ? "http" : "stream",
				hosts: server.hosts.map((host) => readHost(host, namespace)),
				...(found.tls !== undefined && { tls: found.tls }),
				redirectsToHttps: server.tls?.httpsRedirect ?? false,
			},
		];
	});
}

function carriesHttp({ port, tls }: GatewayServer): boolean {
	if (port.protocol === "HTTPS") return tls?.mode !== "PASSTHROUGH" && tls?.mode !== "AUTO_PASSTHROUGH";
	return ["HTTP", "HTTP2", "GRPC", "GRPC-WEB"].includes(port.protocol);
}

function readHost(text: string, own: string): ServerHost {
	const slash = text.indexOf("/");
	if (slash === -1) return { namespace: "*", host: text.toLowerCase() };
	const namespace = text.slice(0, slash);
	return { namespace: namespace === "." ? own : namespace, host: text.slice(slash + 1).toLowerCase() };
}
