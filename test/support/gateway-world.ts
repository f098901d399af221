/** Objects around a gateway `gw` of the namespace `edge`, and the bootstrap of its proxy. */
import type { TestContext } from "node:test";
import type { WorkloadInstance } from "../../src/model/index.ts";
import { adsResources, http2Cluster, overMutualTls, socketAddress } from "./bootstraps.ts";
import { createRunningInstance, startControlPlane, type TestControlPlane } from "./control-plane.ts";
import { type ProxyKind, startProxyProcess } from "./proxy-process.ts";
import { makeTemporaryFolder } from "./temporary-folder.ts";

/** A Service of one endpoint on this machine. */
export const serviceOf = (name: string, port: number, protocol = "http", namespace = "shop"): object[] => [
	{
		apiVersion: "v1",
		kind: "Service",
		metadata: { name, namespace },
		spec: { ports: [{ name: protocol, port: 80 }] },
	},
	{
		apiVersion: "discovery.k8s.io/v1",
		kind: "EndpointSlice",
		metadata: { name: `${name}-1`, namespace, labels: { "kubernetes.io/service-name": name } },
		addressType: "IPv4",
		ports: [{ name: protocol, port }],
		endpoints: [{ addresses: ["127.0.0.1"], conditions: { ready: true } }],
	},
];

const ownLabels = { "gateway.networking.k8s.io/gateway-name": "gw" };

/** A workload that calls others through its sidecar. */
export const clientWorkload: object = {
	apiVersion: "amime.dev/v1alpha1",
	kind: "Workload",
	metadata: { name: "client", namespace: "shop" },
	spec: { command: ["none"], serviceAccount: "client", ports: [{ name: "http", protocol: "http" }] },
};

/** The workload that serves the gateway, by a proxy that the test starts. */
export const gatewayWorkload: object = {
	apiVersion: "amime.dev/v1alpha1",
	kind: "Workload",
	metadata: { name: "gw", namespace: "edge", labels: ownLabels },
	spec: { command: ["none"], serviceAccount: "gw", pattern: "none" },
};

/** The gateway, with one HTTP listener for routes of every namespace. */
export const gatewayOn = (port: number): object => ({
	apiVersion: "gateway.networking.k8s.io/v1",
	kind: "Gateway",
	metadata: { name: "gw", namespace: "edge" },
	spec: {
		gatewayClassName: "amime",
		listeners: [{ name: "http", port, protocol: "HTTP", allowedRoutes: { namespaces: { from: "All" } } }],
	},
});

/** What its proxy starts with. @param secretSocket of the Workload API */
const bootstrapOf = (xdsTlsPort: number, secretSocket: string): object => ({
	node: {
		id: "router~127.0.0.1~gw-0.edge~edge.svc.cluster.local",
		cluster: "gw.edge",
		metadata: { LABELS: ownLabels },
	},
	dynamic_resources: adsResources("xds"),
	static_resources: {
		clusters: [
			overMutualTls(http2Cluster("xds", socketAddress(xdsTlsPort))),
			http2Cluster("sds", { pipe: { path: secretSocket } }),
		],
	},
});

/** A control plane, the proxy of the gateway, and that of the workload `client`; both are of one kind.
 *  @param config documents, with both workloads among them */
export async function startGatewayWorld(
	t: TestContext,
	kind: ProxyKind,
	config: string,
): Promise<{ readonly control: TestControlPlane; readonly client: WorkloadInstance }> {
	const control = await startControlPlane(t, config, { xdsTlsAddress: "127.0.0.1:0" });
	const client = await createRunningInstance("client", 1, [], { sidecar: kind });
	await control.register(client);
	await control.startProxy(t, client, kind);
	const secretSocket = await control.serveSecrets(t, { namespace: "edge", serviceAccount: "gw" });
	const bootstrap = bootstrapOf(control.plane.xdsTlsPort!, secretSocket);
	await startProxyProcess(t, kind, makeTemporaryFolder(t), bootstrap, { awaitReady: false });
	return { control, client };
}
