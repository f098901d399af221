import { createNumbering } from "../core/index.ts";
import type { Mesh, WorkloadInstance } from "../model/index.ts";

/** Copies of every Workload, and the proxies of Gateways, as they would run on one machine, ready, with ports of their own: what is not running
 *  can be asked about. A port goes by the name of what it is for, so that another Workload or Service makes no other ports. */
export function assumeInstances(mesh: Mesh): WorkloadInstance[] {
	const ownPort = createNumbering(20_000, 10_000);
	const gateways = mesh.gatewayProxies.map(
		(proxy): WorkloadInstance => ({
			name: `${proxy.name}-0`,
			namespace: proxy.namespace,
			workload: proxy.name,
			labels: proxy.labels,
			serviceAccount: proxy.serviceAccount,
			address: "127.0.0.1",
			pattern: "gateway",
			sidecar: proxy.sidecar,
			ports: [],
			upstreams: [],
			gatewayPorts: proxy.gatewayPorts.map((declared) => ({ port: declared, listenPort: declared })),
			health: "ready",
			registeredAt: 0,
		}),
	);
	const workloads = mesh.workloads.flatMap((workload) =>
		Array.from({ length: workload.replicas }, (_, ordinal): WorkloadInstance => {
			const hasSidecar = workload.pattern === "sidecar";
			const name = `${workload.name}-${ordinal}`;
			const upstreamPort = createNumbering(30_000, 35_000);
			const portFor = (what: string): number => ownPort(`${workload.namespace}/${name} ${what}`);
			return {
				name,
				namespace: workload.namespace,
				workload: workload.name,
				labels: workload.labels,
				serviceAccount: workload.serviceAccount,
				address: "127.0.0.1",
				pattern: workload.pattern,
				...(hasSidecar && {
					sidecar: workload.sidecar,
					httpProxyPort: portFor("proxy"),
					adminPort: portFor("admin"),
				}),
				ports: workload.ports.map(({ name: port, protocol, port: declared }) => {
					const appPort = declared ?? portFor(`application ${port}`);
					return { name: port, protocol, appPort, meshPort: hasSidecar ? portFor(`mesh ${port}`) : appPort };
				}),
				upstreams: hasSidecar
					? mesh.services.flatMap((service) =>
							service.host !== undefined
								? []
								: service.ports.map((servicePort) => ({
										service: { namespace: service.namespace, name: service.name },
										port: servicePort.port,
										listenPort: upstreamPort(`${service.namespace}/${service.name}:${servicePort.port}`),
									})),
						)
					: [],
				health: "ready",
				registeredAt: 0,
			};
		}),
	);
	return [...workloads, ...gateways];
}
