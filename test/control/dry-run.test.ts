/** Policies that are only tried, and AUDIT: requests pass, and what would have become of them is told in logs, counters and to
 *  `amime why --dry-run`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRunningInstance, startApplication, startControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { findEnvoy, skipWithout } from "../support/peers.ts";

const patient = { deadlineMs: 60_000 };

const workload = (name: string): string => `
apiVersion: amime.dev/v1alpha1
kind: Workload
metadata: {name: ${name}, namespace: shop, labels: {app: ${name}}}
spec: {command: [none], serviceAccount: ${name}, ports: [{name: http, protocol: http}]}
---
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: shop}
spec: {selector: {app: ${name}}, ports: [{name: http, port: 80, targetPort: http}]}
---`;

const mesh = `${workload("web")}${workload("orders")}
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: no-secrets, namespace: shop, annotations: {istio.io/dry-run: "true"}}
spec:
  selector: {matchLabels: {app: orders}}
  action: DENY
  rules: [{to: [{operation: {paths: [/secret]}}]}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: only-nobody, namespace: shop, annotations: {istio.io/dry-run: "true"}}
spec:
  selector: {matchLabels: {app: orders}}
  rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/nobody]}}], to: [{operation: {paths: [/closed]}}]}, {to: [{operation: {paths: [/secret, /free, /audited]}}]}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: looked-at, namespace: shop}
spec:
  selector: {matchLabels: {app: orders}}
  action: AUDIT
  rules: [{to: [{operation: {paths: [/audited]}}]}]
`;

for (const kind of ["amime", "envoy"] as const)
	test(`what is only tried denies nothing and is told, on ${kind}`, {
		skip: kind === "envoy" && skipWithout("envoy", findEnvoy()),
	}, async (t) => {
		const control = await startControlPlane(t, mesh);
		const application = await startApplication(t, (_request, response) => void response.end("here"));
		const web = await createRunningInstance("web", application);
		const orders = await createRunningInstance("orders", application);
		for (const instance of [web, orders]) await control.register(instance);
		await control.startProxy(t, web, kind);
		const sidecar = await control.startProxy(t, orders, kind);
		const call = (path: string) =>
			sendRequest({ port: web.httpProxyPort!, path: `http://orders${path}`, headers: { host: "orders" } });
		await eventually(async () => assert.equal((await call("/free")).status, 200), patient);
		for (const path of ["/secret?token=planted", "/closed", "/audited"])
			assert.equal((await call(path)).status, 200, path);

		await eventually(() => {
			const lines = sidecar.output().split("\n");
			const find = (words: RegExp) => lines.filter((line) => words.test(line));
			const id = "spiffe://cluster\\.local/ns/shop/sa/web";
			const denied = "would have been denied by";
			const bySecret = find(new RegExp(`"GET /secret .* 200 for "${id}": ${denied} DENY .*no-secrets`));
			const byNobody = find(new RegExp(`"GET /closed .* 200 for "${id}": ${denied} ALLOW`));
			assert.deepEqual([bySecret.length, byNobody.length], [1, 1], lines.join("\n"));
			assert.equal(find(/"GET \/audited .*matched by an AUDIT policy/).length, 1);
			assert.deepEqual(find(/"GET \/free .*(would have|AUDIT)/), []);
		}, patient);

		const stats = await sendRequest({ port: sidecar.adminPort, path: "/stats?filter=shadow_denied" });
		const counts = [...stats.body.matchAll(/istio_dry_run_(\w+?)_.*shadow_denied: (\d+)/g)].map(
			([, of, count]) => `${of} ${count}`,
		);
		assert.ok(counts.includes("deny 1") && counts.includes("allow 1"), stats.body);

		if (kind === "envoy") return;
		const kept = await sendRequest({ port: sidecar.adminPort, path: "/failed_requests?kind=dry-run" });
		const told = kept.body
			.trim()
			.split("\n")
			.map((line) => JSON.parse(line) as Record<string, string | null>);
		assert.deepEqual(
			told.map(({ path }) => path),
			["/audited", "/closed", "/secret"],
		);
		const [audited, closed, secret] = told;
		assert.match(audited!["audited"]!, /looked-at/);
		assert.match(
			closed!["would_deny"]!,
			/only-nobody.*principal is "spiffe:\/\/cluster\.local\/ns\/shop\/sa\/web", wanted/,
		);
		assert.match(secret!["would_deny"]!, /no-secrets/);
		const failed = await sendRequest({ port: sidecar.adminPort, path: "/failed_requests" });
		assert.doesNotMatch(failed.body, /secret|closed|audited/);
		assert.equal((await sendRequest({ port: sidecar.adminPort, path: "/failed_requests?kind=x" })).status, 400);
	});
