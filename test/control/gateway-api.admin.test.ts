/** Statuses and problems of the Gateway API as a client of the admin API sees them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { gatewayOf, gatewayWorld, routeOf } from "../support/gateway-api.ts";

interface Parent {
	readonly parentRef: object;
	readonly controllerName: string;
	readonly conditions: readonly {
		readonly type: string;
		readonly status: string;
		readonly reason: string;
		readonly lastTransitionTime: string;
	}[];
}

const http = { name: "http", port: 80, protocol: "HTTP", allowedRoutes: { namespaces: { from: "All" } } };

test("a route shows its status, a change of it, and what is wrong", async (t) => {
	const { admin } = await startControlPlane(t, `${gatewayWorld}\n---\n${gatewayOf(http)}`);
	const show = async (kind: string): Promise<{ status: { parents: Parent[] }; spec: object }> =>
		(JSON.parse((await admin("GET", `/v1/config?kind=${kind}`)).body) as { items: never[] }).items[0]!;
	const refs = async (): Promise<Parent["conditions"][number] | undefined> =>
		(await show("HTTPRoute"))?.status?.parents[0]?.conditions.find(({ type }) => type === "ResolvedRefs");
	await admin(
		"PUT",
		"/v1/config",
		routeOf("HTTPRoute", "r", { rules: [{ backendRefs: [{ name: "nosuch", port: 80 }] }] }),
	);
	await eventually(async () => assert.equal((await refs())?.reason, "BackendNotFound"));
	const [parent] = (await show("HTTPRoute")).status.parents;
	assert.deepEqual(parent!.parentRef, {
		group: "gateway.networking.k8s.io",
		kind: "Gateway",
		name: "gw",
		namespace: "edge",
	});
	assert.equal(parent!.controllerName, "amime.dev/gateway-controller");
	assert.match((await refs())!.lastTransitionTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
	await admin("PUT", "/v1/config", routeOf("HTTPRoute", "r", {}));
	await eventually(async () => assert.equal((await refs())?.status, "True"));
	const elsewhere = { backendRefs: [{ name: "bank", namespace: "vault", port: 80 }] };
	await admin("PUT", "/v1/config", routeOf("HTTPRoute", "r", { rules: [elsewhere] }));
	await eventually(async () =>
		assert.match(
			(await admin("GET", "/v1/problems")).body,
			/ResolvedRefs is false \(RefNotPermitted\): spec\.rules\[0\]\.backendRefs\[0\]: no ReferenceGrant/,
		),
	);
});

test("what a Secret holds is not shown", async (t) => {
	const { admin } = await startControlPlane(t, gatewayWorld);
	const secret = {
		apiVersion: "v1",
		kind: "Secret",
		metadata: { name: "s", namespace: "edge" },
		stringData: { key: "hush" },
	};
	assert.equal((await admin("PUT", "/v1/config", JSON.stringify(secret))).status, 200);
	await eventually(async () => {
		const { body } = await admin("GET", "/v1/config?kind=Secret");
		assert.match(body, /"stringData":\{"key":""\}/);
		assert.doesNotMatch(body, /hush/);
	});
});
