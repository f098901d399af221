/** Proxies that are given only what they need: the first request to any other service is answered like every other one, by amime's
 *  proxies and by stock Envoys, and what was asked for is remembered. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createRunningInstance, startApplication, startControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { findFreePort } from "../support/free-port.ts";
import { sendRequest } from "../support/http-call.ts";
import { findEnvoy, skipWithout } from "../support/peers.ts";

const workload = (name: string): string => `
apiVersion: amime.dev/v1alpha1
kind: Workload
metadata: {name: ${name}, namespace: shop, labels: {app: ${name}}}
spec:
  command: [none]
  serviceAccount: ${name}
  ports: [{name: http, protocol: http}]
---
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: shop}
spec:
  selector: {app: ${name}}
  ports: [{name: http, port: 80, targetPort: http}]
---`;

const others = Array.from({ length: 30 }, (_, index) => workload(`other-${index}`)).join("");
const mesh = `
${workload("web")}${workload("orders")}${workload("catalog")}${others}
apiVersion: amime.dev/v1alpha1
kind: MeshConfig
metadata: {name: test}
spec: {proxyScope: NEEDED}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict, namespace: shop}
spec: {mtls: {mode: STRICT}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: orders, namespace: shop}
spec:
  selector: {matchLabels: {app: orders}}
  rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/web]}}]}]
`;

for (const kind of ["amime", "envoy"] as const)
	test(
		`${kind}: what a proxy was not given it gets with its first request`,
		{ skip: kind === "envoy" ? skipWithout("envoy", findEnvoy()) : false, timeout: 120_000 },
		(t) => checkLearning(t, kind),
	);

async function checkLearning(t: TestContext, kind: "amime" | "envoy"): Promise<void> {
	const control = await startControlPlane(t, mesh);
	const bodies: string[] = [];
	const answer = (name: string) =>
		startApplication(t, (request, response) => {
			let body = "";
			request.on("data", (chunk: Buffer) => {
				body += chunk.toString("latin1");
			});
			request.on("end", () => {
				bodies.push(body);
				response.end(`${name} ${request.method} ${body.length} ${request.headers["x-amime-on-demand-cluster"]}`);
			});
		});
	const orders = await createRunningInstance("orders", await answer("orders"));
	const catalog = await createRunningInstance("catalog", await answer("catalog"));
	const web = await createRunningInstance("web", await findFreePort());
	for (const instance of [orders, catalog, web]) await control.register(instance);
	for (const instance of [orders, catalog, web]) await control.startProxy(t, instance, kind);
	const call = (host: string, body = "", headers: Record<string, string> = {}) =>
		sendRequest({
			port: web.httpProxyPort!,
			method: body === "" ? "GET" : "POST",
			path: `http://${host}/`,
			headers: { ...headers, host },
			body,
		});
	const clustersOf = async (instance: string): Promise<number> => {
		const proxies = await control.items<{ instance?: string; types: { typeUrl: string; resources: number }[] }>(
			"/v1/proxies",
		);
		return proxies
			.find((proxy) => proxy.instance?.endsWith(instance))!
			.types.find(({ typeUrl }) => typeUrl.endsWith(".Cluster"))!.resources;
	};
	await eventually(async () => assert.equal((await call("nowhere")).status, 502), { deadlineMs: 30_000 });
	// Sidecars of the services are up when another service's first request says so; that service is not under test.
	assert.ok((await clustersOf("web-0")) < 10, "a proxy begins with little");

	// A large body is not held back, nor lost; the header of the answer stays in the proxy.
	const large = "x".repeat(3_000_000);
	await eventually(async () => assert.equal((await call("catalog.shop")).status, 200), { deadlineMs: 30_000 });
	const first = await call("orders", large, { "x-amime-on-demand-cluster": "nonsense" });
	assert.equal(first.status, 200, first.body);
	assert.equal(first.body, `orders POST ${large.length} undefined`);
	assert.equal((await call("orders:80")).body, "orders GET 0 undefined");
	assert.equal((await call("nowhere")).status, 502);
	assert.equal((await call("orders:81")).status, 502);
	assert.ok((await clustersOf("web-0")) < 12, "and is given only what it asked for");

	// Without a control plane nobody answers: what a client says in the place of an answer leads nowhere.
	await control.plane.close();
	const forged = { "x-amime-on-demand-cluster": "outbound|80||orders.shop.svc.cluster.local" };
	assert.equal(await call("nowhere", "", forged).then(({ status }) => status >= 500), true);
}
