import {
	type GatewayPort,
	type Labels,
	type PortProtocol,
	readLocalityLabel,
	type Service,
	type UpstreamListener,
	type Workload,
	type WorkloadInstance,
} from "../../model/index.ts";
import { findOwnAddress, type PortAllocator } from "./ports.ts";
import type { DesiredWorkload } from "./workload-source.ts";

/** The record of one copy of a workload, with every port it needs; the same ports whenever it is planned again. */
export async function planInstance(
	workload: Workload & Pick<DesiredWorkload, "gatewayPorts" | "gatewayAddresses">,
	ordinal: number,
	services: readonly Service[],
	ports: PortAllocator,
	registeredAt: number,
): Promise<WorkloadInstance> {
	const name = `${workload.name}-${ordinal}`;
	const key = `${instanceKey(workload.namespace, name)}/`;
	const hasSidecar = workload.pattern === "sidecar";
	const isGateway = workload.pattern === "gateway";
	const locality = readLocalityLabel(workload.labels);
	const instancePorts = [];
	for (const port of workload.ports) {
		const appPort = await ports.takePreferred(`${key}app/${port.name}`, port.port ?? 0);
		const meshPort = hasSidecar ? await ports.take(`${key}mesh/${port.name}`) : appPort;
		instancePorts.push({ name: port.name, protocol: port.protocol, appPort, meshPort });
	}
	const upstreams: UpstreamListener[] = [];
	// Nobody connects to a wildcard: its hosts are told by what connections say.
	for (const service of hasSidecar ? services.filter(({ name }) => !name.includes("*")) : []) {
		for (const { port } of service.ports) {
			const listenPort = await ports.take(`${key}upstream/${service.namespace}/${service.name}/${port}`);
			upstreams.push({ service: { namespace: service.namespace, name: service.name }, port, listenPort });
		}
	}
	const gatewayPorts: GatewayPort[] = [];
	for (const port of workload.gatewayPorts ?? [])
		gatewayPorts.push({
			port,
			listenPort: await ports.takePreferred(`${key}gateway/${port}`, wantedGatewayPort(port)),
		});
	return {
		name,
		namespace: workload.namespace,
		workload: workload.name,
		labels: workload.labels,
		serviceAccount: workload.serviceAccount,
		...(locality !== undefined && { locality }),
		address: (await findOwnAddress(workload.gatewayAddresses ?? [])) ?? "127.0.0.1",
		pattern: workload.pattern,
		...(hasSidecar || isGateway ? { sidecar: workload.sidecar } : {}),
		ports: instancePorts,
		...(hasSidecar ? { httpProxyPort: await ports.take(`${key}proxy`) } : {}),
		...(hasSidecar || isGateway ? { adminPort: await ports.take(`${key}admin`) } : {}),
		upstreams,
		...(isGateway ? { gatewayPorts } : {}),
		health: "starting",
		registeredAt,
	};
}

const privilegedPorts = 1024;

/** Where a port of a Gateway is listened for when nobody else does: ports that only the superuser may open are 8000 higher (80 is 8080). */
export function wantedGatewayPort(port: number): number {
	return port < privilegedPorts ? port + 8000 : port;
}

/** The key of an instance among all of a mesh. */
export function instanceKey(namespace: string, name: string): string {
	return `${namespace}/${name}`;
}

/** What an application finds in its environment, over `base`: its ports, and how to reach the mesh. */
export function buildEnvironment(
	workload: Workload,
	instance: WorkloadInstance,
	services: readonly Service[],
	base: Labels,
	nodeFolder: string,
): Record<string, string> {
	const env: Record<string, string> = {
		...base,
		...buildProxyEnvironment(instance),
		...buildUpstreamEnvironment(instance, services),
		PATH: base["PATH"] === undefined || base["PATH"] === "" ? nodeFolder : `${nodeFolder}:${base["PATH"]}`,
		AMIME_INSTANCE: instance.name,
		AMIME_WORKLOAD: workload.name,
		AMIME_NAMESPACE: workload.namespace,
	};
	for (const [index, port] of instance.ports.entries()) {
		if (index === 0) env["PORT"] = String(port.appPort);
		env[`PORT_${toVariable(port.name)}`] = String(port.appPort);
	}
	const own = Object.entries(workload.env).map(([name, text]) => [name, expandVariables(text, env)] as const);
	return { ...env, ...Object.fromEntries(own) };
}

/** `$(NAME)` as the variable says, `$$(NAME)` as `$(NAME)`; variables that are not there stay as they are written.
 *  Spec: Kubernetes, `command`, `args` and `env` of a container. A lone `$$` stays, for it is a shell's word. */
export function expandVariables(text: string, env: Readonly<Record<string, string>>): string {
	return text.replaceAll(/\$?\$\(([A-Za-z_][A-Za-z0-9_]*)\)/g, (written: string, name: string) =>
		written.startsWith("$$") ? written.slice(1) : (env[name] ?? written),
	);
}

function buildProxyEnvironment(instance: WorkloadInstance): Record<string, string> {
	if (instance.httpProxyPort === undefined) return {};
	const proxy = `http://127.0.0.1:${instance.httpProxyPort}`;
	const direct = "localhost,127.0.0.1,::1";
	return { HTTP_PROXY: proxy, http_proxy: proxy, NO_PROXY: direct, no_proxy: direct, NODE_USE_ENV_PROXY: "1" };
}

/** `AMIME_UPSTREAM_<SERVICE>` for the first port of each service of the own namespace, `…_<PORT NAME>` for each of several, and
 *  `…_<SERVICE>_<NAMESPACE>` for those of other namespaces; the own namespace wins where two would have the same name. */
function buildUpstreamEnvironment(instance: WorkloadInstance, services: readonly Service[]): Record<string, string> {
	const own: Record<string, string> = {};
	const other: Record<string, string> = {};
	for (const service of services) {
		const isOwn = service.namespace === instance.namespace;
		const variable = `AMIME_UPSTREAM_${toVariable(service.name)}${isOwn ? "" : `_${toVariable(service.namespace)}`}`;
		const target = isOwn ? own : other;
		for (const [index, port] of service.ports.entries()) {
			const upstream = instance.upstreams.find(
				(candidate) =>
					candidate.port === port.port &&
					candidate.service.name === service.name &&
					candidate.service.namespace === service.namespace,
			);
			if (upstream === undefined) continue;
			const url = `${schemeOf(port.protocol)}://127.0.0.1:${upstream.listenPort}`;
			if (index === 0) target[variable] = url;
			if (service.ports.length > 1) target[`${variable}_${toVariable(port.name)}`] = url;
		}
	}
	return { ...other, ...own };
}

function schemeOf(protocol: PortProtocol): string {
	return protocol === "tcp" ? "tcp" : "http";
}

/** A name as part of a variable: `reviews-v1` is `REVIEWS_V1`. */
function toVariable(name: string): string {
	return name.toUpperCase().replace(/[^A-Z0-9]/g, "_");
}
