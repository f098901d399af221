import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type TestContext, test } from "node:test";
import { createTestHost } from "../../test/support/cli-host.ts";
import { makeTemporaryFolder } from "../../test/support/temporary-folder.ts";
import type { Explanation, MeshDiff } from "../explain/index.ts";

const shop = resolve(import.meta.dirname, "../../examples/shop");

/** Runs command lines in a folder, without a mesh. */
function createDesk(t: TestContext, stdin = "") {
	const folder = makeTemporaryFolder(t);
	const { run } = createTestHost({ folder, allowsColour: false, readStdin: async () => stdin });
	return { folder, run };
}

test("explain names route, endpoint, mutual TLS and the rule that decided, each with its file and line", async (t) => {
	const { run } = createDesk(t);
	const { out, code } = await run("explain", "--from", "catalog", "--to", "orders", "POST", "/orders", "-f", shop);
	assert.equal(code, 3);
	assert.match(out, /^listener +http_proxy of shop\/catalog-0$/m);
	assert.match(out, /^route +any path +Service shop\/orders \(.*orders\.yaml:\d+\)$/m);
	assert.match(out, /endpoint +127\.0\.0\.1:\d+ shop\/orders-0, healthy, 100 %/);
	assert.match(
		out,
		/transport +mutual TLS; SNI .*expects spiffe:\/\/cluster\.local\/ns\/shop\/sa\/orders; the server is STRICT +PeerAuthentication shop\/strict spec\.mtls\.mode \(.*mesh\.yaml:\d+\)/,
	);
	assert.match(
		out,
		/rule +wants method "GET", not "POST" +AuthorizationPolicy shop\/orders spec\.rules\[1\] \(.*policies\.yaml:\d+\)/,
	);
	assert.match(out, /^outcome +denied, status 403$/m);
	assert.match(out, /^fix +change AuthorizationPolicy shop\/orders/m);
});

test("explain ends with a code that tells reached, denied, unroutable and answered apart", async (t) => {
	const { folder, run } = createDesk(t);
	mkdirSync(join(folder, "mesh"));
	writeFileSync(
		join(folder, "mesh", "mesh.yaml"),
		`apiVersion: amime.dev/v1alpha1
kind: Workload
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {command: [none], serviceAccount: web, ports: [{name: http, protocol: http}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
    - {match: [{uri: {prefix: /moved}}], redirect: {uri: /there}}
    - {route: [{destination: {host: web}}]}
`,
	);
	const codes = await Promise.all(
		["/", "/moved"].map(
			async (path) => (await run("explain", path, "--from", "web", "--to", "web", "-f", "mesh")).code,
		),
	);
	assert.deepEqual(codes, [0, 5]);
	const lost = await run("explain", "--from", "web", "--to", "wbe", "-f", "mesh", "-o", "json");
	assert.equal(lost.code, 4);
	const explanation = JSON.parse(lost.out) as Explanation;
	assert.equal(explanation.outcome, "unroutable");
	assert.match(explanation.fix ?? "", /did you mean 'web'/);
	assert.equal(explanation.source.object?.file, "mesh/mesh.yaml");
	const nobody = await run("explain", "--from", "wbe", "--to", "web", "-f", "mesh");
	assert.equal(nobody.code, 1);
	assert.match(nobody.err, /no workload and no Gateway is called wbe \(did you mean 'web'\?\) \[OBJECT_NOT_FOUND\]/);
	assert.equal((await run("explain", "--to", "web", "-f", "mesh")).code, 2);
});

test("verify tells each expectation that does not hold, and why", async (t) => {
	const { folder, run } = createDesk(t);
	writeFileSync(
		join(folder, "expectations.yaml"),
		`expectations:
  - name: wrong on purpose
    allow: {from: catalog, to: orders, method: POST, path: /orders}
  - routes-to: {from: web, to: reviews}
    destinations: {reviews-v1: 50, reviews-v2: 50}
  - deny: {from: catalog, to: orders, method: POST, path: /orders}
    by: AuthorizationPolicy shop/other
  - deny: {from: nobody, to: orders}
  - routes-to: {from: web, to: reviews, headers: {x-canary: "yes"}}
    destinations: [reviews-v2]
`,
	);
	const { code, out } = await run("verify", "-f", "expectations.yaml", "-d", shop);
	assert.equal(code, 1);
	assert.match(
		out,
		/FAILED wrong on purpose \(expectations\.yaml:2\)\n +expected to reach its destination, is denied: .*AuthorizationPolicy shop\/orders/,
	);
	assert.match(out, /expected 50 % for reviews-v1, 90 % go there/);
	assert.match(out, /expected to be denied by AuthorizationPolicy shop\/other, is by AuthorizationPolicy shop\/orders/);
	assert.match(out, /no workload and no Gateway is called nobody/);
	assert.match(out, /1 of 5 expectations hold/);
	const tap = await run("verify", "-f", "expectations.yaml", "-d", shop, "-o", "tap");
	assert.match(tap.out, /^TAP version 13\n1\.\.5\nnot ok 1 - wrong on purpose\n {2}---\n {2}message: "/);
	const junit = await run("verify", "-f", "expectations.yaml", "-d", shop, "-o", "junit");
	assert.match(junit.out, /<testsuite name="expectations\.yaml" tests="5" failures="4">/);
	assert.match(junit.out, /<testcase name="routes-to web -&gt; reviews GET \/" /);
});

test("the example's expectations hold", async (t) => {
	const { run } = createDesk(t);
	const { code, out } = await run("verify", "-f", join(shop, "expectations.yaml"), "-d", shop);
	assert.equal(code, 0, out);
	assert.match(out, /6 of 6 expectations hold/);
});

test("a file without expectations, and config without documents, hold nothing", async (t) => {
	const { folder, run } = createDesk(t);
	writeFileSync(join(folder, "expectations.yaml"), "expectations: []\n");
	const { code, err } = await run("verify", "-f", "expectations.yaml", "-d", shop);
	assert.deepEqual([code, /expectations\.yaml holds no expectation \[CONFIG_EMPTY\]/.test(err)], [1, true]);
	const diff = await run("diff", "-f", "-", "--against", shop);
	assert.match(diff.err, /standard input holds no document \[CONFIG_EMPTY\]/);
});

test("a broken file of expectations is told by line and field, and the good ones in it are still checked", async (t) => {
	const { run } = createDesk(
		t,
		`expectations:
  - alow: {from: web, to: orders}
  - deny: {form: web, to: orders}
  - allow: {from: web, to: orders, port: high}
  - routes-to: {from: web, to: orders}
  - allow: {from: web, to: orders}
    status: 200
  - allow: {from: web, to: orders}
  - deny: {from: web, to: orders, status: 403}
`,
	);
	const { code, out, err } = await run("verify", "-f", "-", "-d", shop);
	assert.equal(code, 1);
	assert.match(
		err,
		/-:2: expectations\[0\]: must have one of allow, deny, routes-to, answer \(did you mean 'allow'\?\)/,
	);
	assert.match(err, /-:3: expectations\[1\]\.deny\.from: is missing/);
	assert.match(err, /-:3: expectations\[1\]\.deny\.form: is no field of a call \(did you mean 'from'\?\)/);
	assert.match(err, /-:4: expectations\[2\]\.allow\.port: must be a port from 1 to 65535/);
	assert.match(err, /-:5: expectations\[3\]\.destinations: must be a service/);
	assert.match(err, /-:7: expectations\[4\]\.status: is no field of allow/);
	assert.match(err, /-:9: expectations\[6\]\.deny\.status: stands beside 'deny', not in its call/);
	assert.match(out, /1 of 1 expectations hold/);
});

test("diff names the objects, the resources and the proxies that change, and the problems that come and go", async (t) => {
	const { folder, run } = createDesk(t);
	const document = (weight: number, name = "web") => `apiVersion: amime.dev/v1alpha1
kind: Workload
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {command: [none], serviceAccount: web, ports: [{name: http, protocol: http}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec:
  parentRefs: [{group: "", kind: Service, name: web}]
  rules: [{backendRefs: [{name: web, port: 80, weight: 1}, {name: ${name}, port: 80, weight: ${weight}}]}]
`;
	for (const [name, text] of [
		["old", document(1)],
		["new", document(2, "gone")],
	] as const) {
		mkdirSync(join(folder, name));
		writeFileSync(join(folder, name, "mesh.yaml"), text);
	}
	const { code, out } = await run("diff", "-f", "new", "--against", "old", "--exit-code");
	assert.equal(code, 3);
	assert.match(out, /^~ HTTPRoute shop\/web \(new\/mesh\.yaml:11\): 2 resources of 1 proxy$/m);
	assert.match(out, /^~ routes http_proxy of shop\/web-0\n/m);
	assert.match(out, /clusters\[1\]\.weight: 1 → 2/);
	assert.match(out, /^1 proxy changes, 0 stay as they are$/m);
	assert.match(out, /new problem +new\/mesh\.yaml:\d+:\d+: warning: HTTPRoute shop\/web: .*no Service shop\/gone/);
	const back = JSON.parse((await run("diff", "-f", "old", "--against", "new", "-o", "json")).out) as MeshDiff;
	assert.equal(back.problems.added.length, 0);
	assert.equal(back.problems.ended.length, 1);
	const same = await run("diff", "-f", "old", "--against", "old", "--exit-code");
	assert.equal(same.code, 0);
	assert.match(same.out, /^no object changes\n\n0 proxies change, 1 stay as they are\n$/);
	writeFileSync(join(folder, "new", "mesh.yaml"), document(-1));
	const broken = await run("diff", "-f", "new", "--against", "old", "--exit-code");
	assert.equal(broken.code, 1);
	assert.match(broken.out, /new problem +new\/mesh\.yaml:\d+:\d+: HTTPRoute shop\/web: .*weight/);
});
