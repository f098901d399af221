/** A mixed data plane: stock Envoys as the sidecars of some workloads, under our control plane over ADS and SDS. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { findEnvoy, skipWithout } from "../support/peers.ts";
import { startMesh } from "../support/running-mesh.ts";

test("mutual TLS and authorization hold between amime and Envoy in both directions", {
	skip: skipWithout("envoy", findEnvoy()),
}, async (t) => {
	const mesh = await startMesh(t, "examples/shop", (folder) => {
		for (const [file, workload] of [
			["catalog.yaml", "catalog"],
			["reviews.yaml", "reviews-v1"],
			["orders.yaml", "orders"],
		] as const) {
			const path = join(folder, file);
			const text = readFileSync(path, "utf8");
			const changed = text.replace(
				new RegExp(`(kind: Workload\\nmetadata:\\n  name: ${workload}\\n[^]*?\\nspec:\\n)`),
				"$1  sidecar: envoy\n",
			);
			assert.notEqual(changed, text, `${file} declares no ${workload}`);
			writeFileSync(path, changed);
		}
	});

	await t.test("the sidecars are what was asked for", async () => {
		for (const [name, expected] of [
			["web-0", "amime"],
			["catalog-0", "envoy"],
			["reviews-v1-0", "envoy"],
			["orders-0", "envoy"],
		] as const) {
			const { sidecar, adminPort } = await mesh.instance(name);
			assert.equal(sidecar, expected);
			const { version } = (await (await fetch(`http://127.0.0.1:${adminPort}/server_info`)).json()) as {
				version: string;
			};
			assert.equal(/\/1\.40\.0\/.*BoringSSL/.test(version), expected === "envoy", version);
		}
	});

	await t.test("the page shows data from every service, across both proxies", async () => {
		const page = await mesh.callApplication("web-0", "/");
		assert.equal(page.status, 200, page.body);
		assert.ok(page.body.includes("Fishing net"));
	});

	await t.test("amime calls Envoy, and Envoy's RBAC names the policy that denies", async () => {
		const allowed = await mesh.call("web-0", "http://orders/orders", { method: "POST", body: '{"product":1}' });
		assert.equal(allowed.status < 300, true, `${allowed.status} ${allowed.body}`);
		const denied = await mesh.call("ratings-0", "http://orders/orders", { method: "POST", body: '{"product":1}' });
		assert.equal(denied.status, 403);
		assert.match(denied.body, /shop\/orders/);
	});

	await t.test("Envoy calls amime and Envoy, and is denied alike", async () => {
		const fromEnvoy = await mesh.call("reviews-v1-0", "http://ratings/ratings/1");
		assert.equal(fromEnvoy.status, 200, fromEnvoy.body);
		const denied = await mesh.callApplication("catalog-0", "/try-order");
		assert.equal(denied.status, 403, denied.body);
	});

	await t.test("an Envoy sidecar splits the canary as an amime one does", async () => {
		const answers = await Promise.all(
			Array.from({ length: 40 }, () =>
				mesh.call("catalog-0", "http://reviews/reviews?product=1", { headers: { "x-canary": "yes" } }),
			),
		);
		assert.deepEqual(new Set(answers.map(({ body }) => body.includes('"v2"'))), new Set([true]));
	});
});

test("an Envoy in front of an amime sidecar that demands an identity is denied by amime's own RBAC", {
	skip: skipWithout("envoy", findEnvoy()),
}, async (t) => {
	const mesh = await startMesh(t, "examples/shop", (folder) => {
		const path = join(folder, "catalog.yaml");
		writeFileSync(path, readFileSync(path, "utf8").replace("spec:\n  command", "spec:\n  sidecar: envoy\n  command"));
	});
	const denied = await mesh.callApplication("catalog-0", "/try-order");
	assert.equal(denied.status, 403, denied.body);
	assert.match(denied.body, /shop\/orders/);
});
