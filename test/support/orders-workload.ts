/** The workload `orders` of the namespace `shop`, behind the listener that the control plane makes for it. */
import { create } from "@bufbuild/protobuf";
import { type Listener, ListenerSchema } from "../../src/api/gen/envoy/config/listener/v3/listener_pb.js";
import type { ConfigObject } from "../../src/config/index.ts";
import { createMeshIndex, translateInboundListener } from "../../src/control/translate/index.ts";
import type { WorkloadInstance } from "../../src/model/index.ts";
import { toBootstrapListener } from "./authorization-world.ts";
import { ownSecrets } from "./bootstraps.ts";
import { plainCluster } from "./call-out-clusters.ts";
import { createTestMesh } from "./control-mesh.ts";
import { createTestPki, type TestPki } from "./pki.ts";
import { type ProxyKind, type ProxyProcess, startProxyProcess } from "./proxy-process.ts";
import { makeTemporaryFolder } from "./temporary-folder.ts";

export const ordersWorkload = {
	apiVersion: "amime.dev/v1alpha1",
	kind: "Workload",
	metadata: { name: "orders", namespace: "shop" },
	spec: { command: ["true"], ports: [{ name: "http", port: 8080 }] },
};

/** Rules for the tokens of its namespace. */
export function tokensBy(...jwtRules: readonly object[]): object {
	return {
		apiVersion: "security.istio.io/v1",
		kind: "RequestAuthentication",
		metadata: { name: "tokens", namespace: "shop" },
		spec: { jwtRules },
	};
}

/** Objects as one text of YAML documents. */
export function toDocuments(...objects: readonly object[]): string {
	return objects.map((object) => JSON.stringify(object)).join("\n---\n");
}

/** Its instance and inbound listener. @param objects with the workload among them */
export function translateOrders(
	objects: readonly ConfigObject[],
	kind: ProxyKind = "amime",
): { readonly instance: WorkloadInstance; readonly listener: Listener } {
	const index = createMeshIndex(createTestMesh(objects));
	const instance = index.instance({ namespace: "shop", name: "orders-0" })!;
	const translated = translateInboundListener(index, instance, instance.ports[0]!, kind);
	return { instance, listener: create(ListenerSchema, { ...translated, name: "orders" }) };
}

/** A proxy before the application, with the listener `orders`. */
export async function startOrdersProxy(
	t: Parameters<typeof startProxyProcess>[0],
	kind: ProxyKind,
	objects: readonly ConfigObject[],
	application: number,
	{ pki = createTestPki(), clusters = [] }: { readonly pki?: TestPki; readonly clusters?: readonly object[] } = {},
): Promise<{ readonly proxy: ProxyProcess; readonly port: number }> {
	const { instance, listener } = translateOrders(objects, kind);
	const proxy = await startProxyProcess(t, kind, makeTemporaryFolder(t), {
		static_resources: {
			listeners: [toBootstrapListener(listener)],
			clusters: [plainCluster(`inbound|${instance.ports[0]!.appPort}||`, application), ...clusters],
			secrets: ownSecrets(pki.issue("spiffe://cluster.local/ns/shop/sa/orders")),
		},
	});
	return { proxy, port: await proxy.port("orders") };
}
