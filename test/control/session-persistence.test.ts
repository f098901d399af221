/** Sessions that stay with their backend (GEP-1619), by cookie and by header, through a sidecar of amime and a stock Envoy. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRunningInstance, startApplication, startControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { findEnvoy, skipWithout } from "../support/peers.ts";

const workload = (name: string, pattern: string): string => `
apiVersion: amime.dev/v1alpha1
kind: Workload
metadata: {name: ${name}, namespace: shop}
spec: {command: [none], serviceAccount: ${name}, pattern: ${pattern}, ports: [{name: http, protocol: http}]}
---`;
const service = (name: string): string => `
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: shop}
spec: {selector: {app: ${name}}, ports: [{name: http, port: 80, targetPort: http}]}
---`;

const world = `${workload("web", "sidecar")}${workload("cart", "none")}${workload("other", "none")}${service("cart")}${service("other")}
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: cart, namespace: shop}
spec:
  parentRefs: [{kind: Service, group: "", name: cart}]
  rules:
    - matches: [{path: {type: PathPrefix, value: /cookie}}]
      sessionPersistence: {sessionName: cart, absoluteTimeout: 1h, cookieConfig: {lifetimeType: Permanent}}
      backendRefs: [{name: cart, port: 80}]
    - matches: [{path: {type: PathPrefix, value: /header}}]
      sessionPersistence: {sessionName: x-cart, type: Header}
      backendRefs: [{name: cart, port: 80}]
    - matches: [{path: {type: PathPrefix, value: /split}}]
      sessionPersistence: {sessionName: split}
      backendRefs: [{name: cart, port: 80}, {name: other, port: 80}]
    - backendRefs: [{name: cart, port: 80}]
`;

for (const kind of ["amime", "envoy"] as const)
	test(`a client stays with the backend that it had, on ${kind}`, {
		skip: kind === "envoy" && skipWithout("envoy", findEnvoy()),
		timeout: 120_000,
	}, async (t) => {
		const control = await startControlPlane(t, world);
		for (const [name, replicas] of [
			["cart", 3],
			["other", 2],
		] as const)
			for (let ordinal = 0; ordinal < replicas; ordinal++) {
				const own = `${name}-${ordinal}`;
				const port = await startApplication(t, (_request, response) => response.end(own));
				const ports = [{ name: "http", protocol: "http" as const, appPort: port, meshPort: port }];
				await control.register(await createRunningInstance(name, port, [], { name: own, pattern: "none", ports }));
			}
		const web = await createRunningInstance("web", 1, [], { sidecar: kind });
		await control.register(web);
		await control.startProxy(t, web, kind);
		const ask = (path: string, headers: Readonly<Record<string, string>> = {}) =>
			sendRequest({
				port: web.httpProxyPort!,
				path: `http://cart${path}`,
				headers: { host: "cart", ...headers },
			});
		const seen = async (path: string, headers: Readonly<Record<string, string>> = {}): Promise<Set<string>> => {
			const bodies = new Set<string>();
			for (let count = 0; count < 24; count++) bodies.add((await ask(path, headers)).body);
			return bodies;
		};
		await eventually(async () => assert.ok((await seen("/")).size === 3, "all three take part"), {
			deadlineMs: 60_000,
		});

		await t.test("by a cookie", async () => {
			const first = await ask("/cookie");
			const [cookie = ""] = [first.headers["set-cookie"] ?? []].flat();
			assert.match(cookie, /^cart="?[^;]+; Max-Age=3600; Path=\/cookie; HttpOnly$/);
			assert.deepEqual([...(await seen("/cookie/deep", { cookie: cookie.split(";")[0]! }))], [first.body]);
			assert.ok((await seen("/cookie")).size > 1, "without it any backend answers");
		});
		await t.test("by a header", async () => {
			const first = await ask("/header");
			const session = String(first.headers["x-cart"]);
			assert.deepEqual([...(await seen("/header", { "x-cart": session }))], [first.body]);
		});
		await t.test("also where traffic is split", async () => {
			const first = await ask("/split");
			const cookies = [first.headers["set-cookie"] ?? []].flat().map((text) => text.split(";")[0]!);
			assert.equal(cookies.length, 2, cookies.join());
			assert.deepEqual([...(await seen("/split", { cookie: cookies.join("; ") }))], [first.body]);
		});
	});
