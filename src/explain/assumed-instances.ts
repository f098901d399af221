import type { Mesh, WorkloadInstance } from "../model/index.ts";

/** Copies of every Workload as they would run on one machine, ready, with ports of their own: what is not running can be asked about. */
export function assumeInstances(mesh: Mesh): WorkloadInstance[] {
	let port = 20_000;
	const nextPort = (): number => port++;
	return mesh.workloads.flatMap((workload) =>
		Array.from({ length: workload.replicas }, (_, ordinal): WorkloadInstance => {
			const hasSidecar = workload.pattern === "sidecar";
			return {
				name: `${workload.name}-${ordinal}`,
				namespace: workload.namespace,
				workload: workload.name,
				labels: workload.labels,
				serviceAccount: workload.serviceAccount,
				address: "127.0.0.1",
				pattern: workload.pattern,
				...(hasSidecar && { sidecar: workload.sidecar, httpProxyPort: nextPort(), adminPort: nextPort() }),
				ports: workload.ports.map(({ name, protocol, port: declared }) => {
					const appPort = declared ?? nextPort();
					return { name, protocol, appPort, meshPort: hasSidecar ? nextPort() : appPort };
				}),
				upstreams: hasSidecar
					? mesh.services.flatMap((service) =>
							service.host !== undefined
								? []
								: service.ports.map((servicePort) => ({
										service: { namespace: service.namespace, name: service.name },
										port: servicePort.port,
										listenPort: nextPort(),
									})),
						)
					: [],
				health: "ready",
				registeredAt: 0,
			};
		}),
	);
}
