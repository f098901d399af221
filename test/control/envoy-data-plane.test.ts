/** Stock Envoys as sidecars under the control plane, over ADS and SDS: what is translated does what it says. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import {
	createRunningInstance,
	startApplication,
	startControlPlane,
	type TestControlPlane,
} from "../support/control-plane.ts";
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
  sidecar: envoy
  ports: [{name: http, protocol: http}]
---
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: shop}
spec:
  selector: {app: ${name}}
  ports: [{name: http, port: 80, targetPort: http}]
---`;

const policies = `
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
  action: ALLOW
  rules:
    - from: [{source: {principals: [cluster.local/ns/shop/sa/web]}}]
    - to: [{operation: {methods: [GET], paths: [/public]}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: no-admin, namespace: shop}
spec:
  selector: {matchLabels: {app: orders}}
  action: DENY
  rules:
    - to: [{operation: {paths: [/admin]}}]
`;

const mesh = ["web", "orders", "catalog", "orders-v2"].map(workload).join("") + policies;

const canary = (weight: number): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: orders, namespace: shop}
spec:
  parentRefs: [{group: "", kind: Service, name: orders}]
  rules:
    - backendRefs:
        - {name: orders, port: 80, weight: ${100 - weight}}
        - {name: orders-v2, port: 80, weight: ${weight}}
`;

test("stock Envoys carry the mesh", { skip: skipWithout("envoy", findEnvoy()), timeout: 120_000 }, async (t) => {
	const control = await startControlPlane(t, mesh);
	const seen: string[] = [];
	const ordersPort = await startApplication(t, (request, response) => {
		seen.push(String(request.headers["x-forwarded-client-cert"]));
		response.end(`orders ${request.method} ${request.url}`);
	});
	const secondPort = await startApplication(t, (_request, response) => response.end("second"));
	const orders = await createRunningInstance("orders", ordersPort);
	const second = await createRunningInstance("orders-v2", secondPort);
	const web = await createRunningInstance("web", await findFreePort(), ["orders"]);
	const catalog = await createRunningInstance("catalog", await findFreePort());
	for (const instance of [orders, second, web, catalog]) await control.register(instance);
	for (const instance of [orders, second, web, catalog]) await control.startSidecar(t, instance);
	const call = (from: typeof web, path: string, method = "GET", host = "orders") =>
		sendRequest({ port: from.httpProxyPort!, method, path: `http://${host}${path}`, headers: { host } });
	await eventually(async () => assert.equal((await call(web, "/")).status, 200), { deadlineMs: 30_000 });
	await eventually(async () => assert.equal((await call(catalog, "/public")).status, 200), { deadlineMs: 30_000 });

	await t.test("a request crosses two sidecars with mutual TLS, and the application learns who asks", async () => {
		const answer = await call(web, "/x?y=1", "POST");
		assert.equal(answer.body, "orders POST /x?y=1");
		const identity = "spiffe://cluster.local/ns/shop/sa";
		assert.match(seen.at(-1)!, new RegExp(`^By=${identity}/orders;.*URI=${identity}/web$`));
	});

	await t.test("every form of the host works, through the proxy, its tunnels and the loopback listener", async () => {
		for (const host of ["orders:80", "orders.shop", "orders.shop.svc", "orders.shop.svc.cluster.local"])
			assert.equal((await call(web, "/", "GET", host)).status, 200, host);
		assert.equal((await sendRequest({ port: web.upstreams[0]!.listenPort, path: "/u" })).body, "orders GET /u");
		assert.match(
			await tunnel(web.httpProxyPort!, "orders:80"),
			/^HTTP\/1\.1 200 [\s\S]*HTTP\/1\.1 200 [\s\S]*orders GET \/tunnel/,
		);
		const unknown = await call(web, "/", "GET", "nowhere");
		assert.equal(unknown.status, 502);
		assert.equal(unknown.body, "nowhere: the host is no service of the mesh\n");
		assert.match(await tunnel(web.httpProxyPort!, "nowhere:443"), /^HTTP\/1\.1 502 /);
	});

	await t.test("a denied request gets 403 with the policy's name", async () => {
		const notAllowed = await call(catalog, "/", "POST");
		assert.equal(notAllowed.status, 403);
		assert.match(notAllowed.body, /matched_policy\[none\]; ALLOW policies in force: shop\/orders/);
		const denied = await call(web, "/admin");
		assert.equal(denied.status, 403);
		assert.match(denied.body, /ns\[shop\]-policy\[no-admin\]-rule\[0\]/);
		for (const path of ["//admin", "/x/../admin", "/%2fadmin", "/admin;x"])
			assert.equal((await call(web, path)).status, 403, path);
	});

	await t.test("plain text to a strict port is refused", async () => {
		await assert.rejects(sendRequest({ port: orders.ports[0]!.meshPort, path: "/public" }));
	});

	await t.test("a saved route is live without a lost request, and a broken file changes nothing", async () => {
		control.writeConfig(canary(100), "routes.yaml");
		await eventually(async () => assert.equal((await call(web, "/")).body, "second"), { deadlineMs: 5_000 });
		control.writeConfig(canary(100).replace("kind: HTTPRoute", "kind: HTTPRoute\nbroken: ["), "routes.yaml");
		await eventually(async () => assert.equal((await control.items("/v1/problems")).length, 1));
		assert.equal((await call(web, "/")).body, "second");
		control.writeConfig(canary(0), "routes.yaml");
		await eventually(async () => assert.match((await call(web, "/")).body, /^orders GET/), { deadlineMs: 5_000 });
	});

	await t.test("a request that a dead replica never processed is answered by the living one", () =>
		checkRetry(t, control),
	);

	await t.test("every proxy is in sync and says who it is", async () => {
		await eventually(async () => {
			const proxies = await control.items<{ instance: string; types: { state: string; reason?: string }[] }>(
				"/v1/proxies",
			);
			assert.ok(proxies.length >= 4);
			for (const { instance, types } of proxies)
				for (const type of types) assert.equal(type.state, "SYNCED", `${instance}: ${type.reason}`);
		});
		const syncz = JSON.parse((await control.admin("GET", "/debug/syncz")).body) as {
			proxy: string;
			cluster_acked: string;
		}[];
		assert.ok(syncz.some(({ proxy, cluster_acked }) => proxy === "web-0.shop" && cluster_acked !== ""));
		const metrics = (await control.admin("GET", "/metrics")).body;
		assert.match(metrics, /^pilot_xds\{\} [4-9]$/m);
		assert.match(metrics, /^pilot_xds_pushes\{type="rds"\} \d+$/m);
		assert.match(metrics, /^pilot_proxy_convergence_time_count [1-9]/m);
	});
});

/** Three replicas of `web`, two of which have no application behind their sidecars: those answer 503, the client's sidecar asks
 *  another one. */
async function checkRetry(t: Parameters<typeof startControlPlane>[0], control: TestControlPlane): Promise<void> {
	const alive = await startApplication(t, (_request, response) => response.end("alive"));
	const first = await createRunningInstance("web", alive, ["web"], { name: "web-1" });
	const dead = await createRunningInstance("web", await findFreePort(), [], { name: "web-2" });
	for (const instance of [first, dead]) await control.register(instance);
	for (const instance of [first, dead]) await control.startSidecar(t, instance);
	const { listenPort } = first.upstreams[0]!;
	await eventually(async () => assert.equal((await sendRequest({ port: listenPort, path: "/" })).status, 200), {
		deadlineMs: 30_000,
	});
	for (let round = 0; round < 100; round++) {
		const answer = await sendRequest({ port: listenPort, path: "/", method: "POST", body: "x" });
		assert.equal(`${answer.status} ${answer.body}`, "200 alive");
	}
}

/** Opens a tunnel and sends a request through it; everything that came back. */
function tunnel(port: number, authority: string): Promise<string> {
	const socket = connect(port, "127.0.0.1");
	socket.write(`CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n\r\n`);
	let text = "";
	return new Promise((resolve, reject) => {
		socket.setTimeout(10_000, () => socket.destroy(new Error(`no answer in the tunnel: ${text}`)));
		socket.on("data", (chunk) => {
			const first = text === "";
			text += chunk.toString("latin1");
			if (first && text.startsWith("HTTP/1.1 200"))
				socket.write(`GET /tunnel HTTP/1.1\r\nhost: ${authority}\r\nconnection: close\r\n\r\n`);
		});
		socket.on("end", () => socket.end());
		socket.on("error", reject);
		socket.on("close", () => resolve(text));
	});
}
