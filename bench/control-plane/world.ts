/** The mesh of the benchmark: Services with EndpointSlices, and a Pod for each client. */

export const namespace = "bench";

/** Every client subscribes to this one; its endpoints or its route change. */
export const hotService = "svc-0";

/** Clusters that a client subscribes to. */
export const clustersOfClient = 10;

/** The host of a service. */
export const hostOf = (service: string): string => `${service}.${namespace}.svc.cluster.local`;

/** The cluster of a service's one port. */
export const clusterOf = (service: string): string => `outbound|80||${hostOf(service)}`;

/** The node id of a client. */
export const nodeOf = (client: number): string =>
	`sidecar~${clientAddress(client)}~client-${client}.${namespace}~${namespace}.svc.cluster.local`;

/** The services of a client: the hot one, and others that spread over all. */
export function servicesOf(client: number, services: number): string[] {
	const others = Array.from({ length: clustersOfClient - 1 }, (_, index) => {
		const position = (client * (clustersOfClient - 1) + index) % (services - 1);
		return `svc-${position + 1}`;
	});
	return [hotService, ...others];
}

/** An address that says the number of a change: `10.200.x.y`. */
export const markedAddress = (change: number): string => `10.200.${change >> 8}.${change & 255}`;

function clientAddress(client: number): string {
	return `10.${100 + (client >> 16)}.${(client >> 8) & 255}.${client & 255}`;
}

/** The endpoints of a service; the first one is marked with the change. */
export function slice(service: number, endpoints: number, change: number): Record<string, unknown> {
	const addresses = Array.from(
		{ length: endpoints },
		(_, index) => `10.${10 + index}.${service >> 8}.${service & 255}`,
	);
	if (service === 0) addresses[0] = markedAddress(change);
	const name = `svc-${service}`;
	return {
		apiVersion: "discovery.k8s.io/v1",
		kind: "EndpointSlice",
		metadata: { name: `${name}-1`, namespace, labels: { "kubernetes.io/service-name": name } },
		addressType: "IPv4",
		ports: [{ name: "http", port: 8080, protocol: "TCP" }],
		endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
	};
}

/** The route of the hot service: a header of its answers says the change. */
export function route(change: number): Record<string, unknown> {
	return {
		apiVersion: "gateway.networking.k8s.io/v1",
		kind: "HTTPRoute",
		metadata: { name: hotService, namespace },
		spec: {
			parentRefs: [{ group: "", kind: "Service", name: hotService }],
			rules: [
				{
					filters: [
						{
							type: "ResponseHeaderModifier",
							responseHeaderModifier: { set: [{ name: "x-change", value: markedAddress(change) }] },
						},
					],
					backendRefs: [{ name: hotService, port: 80 }],
				},
			],
		},
	};
}

/** Everything, as documents. */
export function world(services: number, endpoints: number, clients: number): Record<string, unknown>[] {
	const documents: Record<string, unknown>[] = [route(0)];
	for (let service = 0; service < services; service++) {
		documents.push({
			apiVersion: "v1",
			kind: "Service",
			metadata: { name: `svc-${service}`, namespace },
			spec: {
				clusterIP: `10.96.${service >> 8}.${service & 255}`,
				ports: [{ name: "http", port: 80, targetPort: 8080, protocol: "TCP" }],
			},
		});
		documents.push(slice(service, endpoints, 0));
	}
	for (let client = 0; client < clients; client++) {
		const podIP = clientAddress(client);
		documents.push({
			apiVersion: "v1",
			kind: "Pod",
			metadata: { name: `client-${client}`, namespace, labels: { app: "client" } },
			spec: { containers: [{ name: "c", image: "c" }] },
			status: { phase: "Running", podIP, podIPs: [{ ip: podIP }], conditions: [{ type: "Ready", status: "True" }] },
		});
	}
	return documents;
}
