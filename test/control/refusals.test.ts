/** What proxies refuse: traced to object and field, held back alone, and shown. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { LocatedProblem } from "../../src/config/index.ts";
import { createRunningInstance, startApplication, startControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
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
const meshText = ["web", "orders", "catalog"].map(workload).join("");

/** Routes of two teams in one route configuration; the format of a header is one that only the proxy judges. */
const routes = (orders: string, catalog: string): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: orders, namespace: shop}
spec:
  hosts: [orders]
  http:
    - match: [{uri: {prefix: /a}}]
      headers: {request: {set: {x-a: "${orders}"}}}
      route: [{destination: {host: orders}}]
    - headers: {request: {set: {x-b: plain}}}
      route: [{destination: {host: orders}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: catalog, namespace: shop}
spec:
  hosts: [catalog]
  http:
    - headers: {request: {set: {x-c: "${catalog}"}}}
      route: [{destination: {host: catalog}}]
`;
const unknownFormat = "%NO_SUCH_OPERATOR%";

const skip = skipWithout("Envoy", findEnvoy());

test("a route that Envoy refuses is held back alone, and its object says why", { skip }, async (t) => {
	const control = await startControlPlane(t, meshText);
	control.writeConfig(routes("one", "one"), "routes.yaml");
	const port = await startApplication(t, (request, response) => response.end(JSON.stringify(request.headers)));
	const web = await createRunningInstance("web", port);
	const orders = await createRunningInstance("orders", port);
	const catalog = await createRunningInstance("catalog", port);
	for (const instance of [web, orders, catalog]) await control.register(instance);
	for (const instance of [web, orders, catalog]) await control.startSidecar(t, instance);
	const get = async (host: string, path: string): Promise<string> => {
		const answer = await sendRequest({ port: web.httpProxyPort!, path: `http://${host}${path}`, headers: { host } });
		assert.equal(answer.status, 200);
		return answer.body;
	};
	await eventually(() => get("orders", "/a"), { deadlineMs: 60_000 });
	await eventually(() => get("catalog", "/"), { deadlineMs: 60_000 });

	control.writeConfig(routes(unknownFormat, "two"), "routes.yaml");
	const problem = await eventually(
		async () => {
			const found = (await control.items<LocatedProblem>("/v1/analysis")).find(({ code }) => code === "PROXY_REFUSED");
			assert.ok(found !== undefined);
			return found;
		},
		{ deadlineMs: 60_000 },
	);
	assert.deepEqual(
		[problem.kind, problem.name, problem.path, problem.line],
		["VirtualService", "orders", "spec.http[0]", 8],
	);
	assert.match(problem.problem, /NO_SUCH_OPERATOR/);
	assert.match(problem.problem, /the last good version keeps serving/);
	// The other team's change, in the same route configuration, is in force; the refused rule is as it was.
	await eventually(async () => assert.match(await get("catalog", "/"), /"x-c":"two"/), { deadlineMs: 60_000 });
	assert.match(await get("orders", "/a"), /"x-a":"one"/);
	await eventually(async () => {
		const [object] = await control.items<{ status?: object }>("/v1/config?kind=VirtualService&name=orders");
		assert.match(JSON.stringify(object?.status), /amime\.dev\/Quarantined.*RefusedByProxy.*spec\.http\[0\]/);
	});

	control.writeConfig(routes("three", "three"), "routes.yaml");
	await eventually(async () => assert.match(await get("orders", "/a"), /"x-a":"three"/), { deadlineMs: 60_000 });
	await eventually(async () => {
		const found = await control.items<LocatedProblem>("/v1/problems");
		assert.deepEqual(
			found.filter(({ code }) => code === "PROXY_REFUSED"),
			[],
		);
	});
});
