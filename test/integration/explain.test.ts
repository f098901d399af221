/** The evaluator against what runs: calls go through the proxies of a mesh, and through `amime explain` of it and of its folder. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readFolder } from "../../src/config/index.ts";
import { createOfflineWorld, type Explanation, evaluate, type MeshDiff, type Query } from "../../src/explain/index.ts";
import type { HttpAnswer } from "../support/http-call.ts";
import { startMesh } from "../support/running-mesh.ts";

const rules = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: catalog, namespace: shop}
spec:
  hosts: [catalog]
  http:
    - match: [{uri: {prefix: /moved}}]
      redirect: {uri: /there, redirectCode: 302}
    - match: [{uri: {exact: /teapot}}]
      directResponse: {status: 418}
    - match: [{uri: {prefix: /broken}}]
      fault: {abort: {httpStatus: 555, percentage: {value: 100}}}
      route: [{destination: {host: catalog}}]
    - match: [{uri: {prefix: /nowhere}}]
      route: [{destination: {host: catalog, subset: v9}}]
    - match: [{headers: {x-to: {regex: "rat.*"}}}, {queryParams: {to: {exact: ratings}}}]
      route: [{destination: {host: ratings}}]
    - match: [{sourceLabels: {app: orders}, uri: {prefix: /orders-only}}]
      directResponse: {status: 299}
    - match: [{uri: {prefix: /}}, {method: {exact: POST}}]
      route: [{destination: {host: catalog}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: no-secrets, namespace: shop}
spec:
  selector: {matchLabels: {app: ratings}}
  action: DENY
  rules:
    - to: [{operation: {paths: [/secret*]}}]
    - from: [{source: {notPrincipals: [cluster.local/ns/shop/sa/web, cluster.local/ns/shop/sa/catalog]}}]
      to: [{operation: {methods: [DELETE]}}]
`;

const calls: readonly (readonly [from: string, method: string, url: string, headers?: Record<string, string>])[] = [
	...["web", "catalog", "reviews-v1"].flatMap((from) =>
		[
			["POST", "http://orders/orders"],
			["GET", "http://orders/orders"],
			["PUT", "http://orders/orders"],
			["GET", "http://orders.shop/else"],
			["GET", "http://ratings/secret/x"],
			["GET", "http://ratings/a/../secret"],
			["DELETE", "http://ratings/1"],
			["GET", "http://catalog/moved/x"],
			["GET", "http://catalog/nowhere"],
			["GET", "http://catalog/orders-only"],
		].map(([method, url]) => [from, method!, url!] as const),
	),
	["orders", "GET", "http://catalog/orders-only"],
	["web", "GET", "http://catalog/teapot"],
	["web", "GET", "http://catalog/teapot/"],
	["web", "GET", "http://catalog/broken"],
	["web", "GET", "http://catalog.shop.svc.cluster.local/"],
	["web", "GET", "http://catalog/secret", { "x-to": "ratings" }],
	["web", "GET", "http://catalog/secret?to=ratings"],
	["web", "GET", "http://catalog/secret?to=other"],
	["web", "GET", "http://reviews/1", { "x-canary": "yes" }],
	["web", "GET", "http://nobody/"],
	["web", "GET", "http://reviews:81/"],
];

test("what amime explain says is what the proxies do, of a running mesh and of its folder", async (t) => {
	const mesh = await startMesh(t, "examples/shop", (folder) => writeFileSync(join(folder, "rules.yaml"), rules));
	const queries = calls.map(([from, method, url, headers = {}]): Query => {
		// What a client sends, not what the URL class makes of it.
		const [, host = "", path = "/"] = /^http:\/\/([^/]+)(\/.*)$/.exec(url)!;
		return { from, to: host, method, path, headers: Object.entries(headers) };
	});
	const answer = await mesh.admin("POST", "/v1/explain", JSON.stringify({ queries }));
	assert.equal(answer.status, 200, answer.body);
	const online = (JSON.parse(answer.body) as { items: Explanation[] }).items;
	const { objects } = await readFolder(mesh.folder);
	const world = createOfflineWorld(objects);
	const differences: string[] = [];
	for (const [at, [from, method, url, headers = {}]] of calls.entries()) {
		const seen = describeAnswer(await mesh.call(`${from}-0`, url, { method, headers }));
		const said = describeEnd(online[at]!);
		const offline = describeEnd(evaluate(world, queries[at]!, Date.now() / 1000));
		if (seen !== said || seen !== offline)
			differences.push(
				`${from} ${method} ${url}: ${seen} was seen, ${said} said of the mesh, ${offline} of its folder`,
			);
	}
	assert.deepEqual(differences, []);

	const verified = await mesh.run("verify", "-f", join(mesh.folder, "expectations.yaml"));
	assert.match(verified, /6 of 6 expectations hold/);

	const text = rules.replace("/secret*", "/private*");
	const change = await mesh.admin("POST", "/v1/diff", JSON.stringify({ files: [{ path: "rules.yaml", text }] }));
	const diff = JSON.parse(change.body) as MeshDiff;
	assert.deepEqual(
		diff.objects.map(({ change: kind, name, effect }) => [kind, name, effect?.proxies]),
		[["changed", "no-secrets", ["shop/ratings-0", "shop/ratings-1"]]],
	);
	assert.deepEqual(
		diff.proxies.map(({ proxy, resources }) => [proxy, resources.map(({ type }) => type)]),
		[
			["shop/ratings-0", ["listener"]],
			["shop/ratings-1", ["listener"]],
		],
	);
	const refused = await mesh.admin("POST", "/v1/explain", JSON.stringify({ queries: [{ from: "wbe", to: "orders" }] }));
	assert.equal(refused.status, 404);
	assert.match(refused.body, /did you mean 'web'/);
});

/** Where a call ended: at a policy, at a proxy with a status, or at an application. */
function describeAnswer({ status, headers }: HttpAnswer): string {
	// No application of the shop says that.
	if (status === 403) return "denied 403";
	// Only an upstream takes time.
	return headers["x-envoy-upstream-service-time"] === undefined ? `proxy ${status}` : "reached";
}

function describeEnd({ outcome, status }: Explanation): string {
	if (outcome === "reached") return "reached";
	return outcome === "denied" ? `denied ${status}` : `proxy ${status}`;
}
