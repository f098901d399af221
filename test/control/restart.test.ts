/** A control plane that goes away and comes back, with stock Envoys under it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createControlPlane } from "../../src/control/index.ts";
import { silentLog } from "../../src/core/index.ts";
import { application } from "../support/control-mesh.ts";
import { createRunningInstance, startApplication, startControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { findEnvoy, skipWithout } from "../support/peers.ts";

test("while the control plane is away traffic goes on, and when it is back changes arrive again", {
	skip: skipWithout("envoy", findEnvoy()),
	timeout: 120_000,
}, async (t) => {
	const control = await startControlPlane(t, application("web"));
	const { plane, folder, stateFolder } = control;
	const addresses = { xdsAddress: `127.0.0.1:${plane.xdsPort}`, adminAddress: `127.0.0.1:${plane.adminPort}` };
	const web = await createRunningInstance(
		"web",
		await startApplication(t, (_request, response) => response.end("web")),
		["web"],
	);
	await control.register(web);
	const envoy = await control.startSidecar(t, web);
	const send = (path = "/") => sendRequest({ port: web.upstreams[0]!.listenPort, path });
	await eventually(async () => assert.equal((await send()).body, "web"), { deadlineMs: 30_000 });
	await plane.close();
	for (let round = 0; round < 20; round++) assert.equal((await send()).body, "web");
	const again = createControlPlane({
		configFolder: folder,
		stateFolder,
		token: "test-token",
		log: silentLog,
		...addresses,
	});
	await again.start();
	t.after(() => again.close());
	assert.deepEqual(
		(await control.items<{ name: string; health: string }>("/v1/instances")).map(
			({ name, health }) => `${name} ${health}`,
		),
		["web-0 ready"],
		"a restart ends no lease",
	);
	await eventually(
		async () => {
			const [proxy] = await control.items<{ types: { state: string }[] }>("/v1/proxies");
			assert.ok(proxy?.types.every(({ state }) => state === "SYNCED"));
		},
		{ deadlineMs: 30_000 },
	);
	const updates = /cluster_manager\.cds\.update_success: (\d+)/.exec(
		await envoy.admin("/stats?filter=cds.update_success"),
	)?.[1];
	assert.ok(Number(updates) >= 1);
	assert.equal((await send()).body, "web");
	control.writeConfig(
		"apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r, namespace: shop}\nspec: {parentRefs: [{group: '', kind: Service, name: web}], rules: [{matches: [{path: {type: Exact, value: /only}}], backendRefs: [{name: web, port: 80}]}]}\n",
		"routes.yaml",
	);
	await eventually(async () => assert.equal((await send()).status, 404), { deadlineMs: 5_000 });
	assert.equal((await send("/only")).status, 200);
});
