/** The Pod `shop/client`, whose connections the kernel hands to its proxy. */
import type { TestContext } from "node:test";
import { buildBootstrap } from "../../src/agent/supervise/bootstrap.ts";
import { createRunningInstance, type TestControlPlane } from "./control-plane.ts";

/** What its proxy starts with. @param address the Pod's */
export async function captureBootstrap(t: TestContext, control: TestControlPlane, address: string): Promise<object> {
	const instance = await createRunningInstance("client", 1, [], { name: "client", address });
	const { admin: _, ...bootstrap } = buildBootstrap({
		instance,
		xdsAddresses: [`127.0.0.1:${control.plane.xdsPort}`],
		secretSocket: await control.serveSecrets(t, { namespace: "shop", serviceAccount: "client" }),
		...{ meshName: "test", clusterDomain: "cluster.local" },
	});
	const node = bootstrap["node"] as { readonly metadata: object };
	return { ...bootstrap, node: { ...node, metadata: { ...node.metadata, INTERCEPTION_MODE: "REDIRECT" } } };
}
