/** The admin API as a client sees it. */
import assert from "node:assert/strict";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { test } from "node:test";
import { createSigningRequest } from "../../src/identity/x509/index.ts";
import { application } from "../support/control-mesh.ts";
import { createRunningInstance, startControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";

const route = (weight: number): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec: {parentRefs: [{group: "", kind: Service, name: web}], rules: [{backendRefs: [{name: web, port: 80, weight: ${weight}}, {name: orders, port: 80, weight: 1}]}]}
`;

function makeSigningRequest(uri: string): string {
	const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
	const der = createSigningRequest(privateKey, { names: [{ kind: "uri", value: uri }] });
	return `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;
}

test("the admin API", async (t) => {
	const control = await startControlPlane(t, `${application("web")}---${application("orders")}`);
	const { admin, items } = control;
	const { adminPort } = control.plane;
	const errorOf = (body: string): { code: string; message: string } =>
		(JSON.parse(body) as { error: { code: string; message: string } }).error;

	await t.test("without the token, nothing under /v1 tells anything, not even which paths there are", async () => {
		for (const headers of [
			{} as Record<string, string>,
			{ authorization: "Bearer wrong" },
			{ authorization: "test-token" },
		])
			for (const path of ["/v1/config", "/v1/nothing"]) {
				const answer = await sendRequest({ port: adminPort, path, headers });
				assert.equal(answer.status, 401);
				assert.equal(errorOf(answer.body).code, "UNAUTHENTICATED");
			}
		for (const path of ["/ready", "/metrics", "/", "/debug/syncz"])
			assert.equal((await sendRequest({ port: adminPort, path })).status, 200, path);
	});

	await t.test("a page of another site whose name leads here reads nothing", async () => {
		const answer = await sendRequest({ port: adminPort, path: "/", headers: { host: "evil.example" } });
		assert.equal(answer.status, 421);
	});

	await t.test("an unknown path names the nearest, a wrong method the right ones", async () => {
		const unknown = await admin("GET", "/v1/proxis");
		assert.equal(unknown.status, 404);
		assert.match(errorOf(unknown.body).message, /did you mean '\/v1\/proxies'/);
		const wrong = await admin("PUT", "/v1/proxies");
		assert.equal(wrong.status, 405);
		assert.match(errorOf(wrong.body).message, /takes GET/);
		assert.equal((await admin("GET", "/v1/config?kind=HTPRoute")).status, 404);
		assert.equal((await admin("POST", "/v1/instances/shop/web-0/keepalive", "x".repeat(2_000))).status, 413);
		assert.equal((await admin("DELETE", "/v1/config/Service/shop/%ff")).status, 400);
	});

	await t.test("applied objects are served, listed, and deleted again", async () => {
		const created = await admin("PUT", "/v1/config", route(3));
		assert.equal(created.status, 200, created.body);
		assert.deepEqual(JSON.parse(created.body).items, [
			{ kind: "HTTPRoute", namespace: "shop", name: "web", result: "created" },
		]);
		await eventually(async () => {
			const [listed] = await items<{ action: string; route: string }>("/v1/routes?service=web");
			assert.deepEqual([listed!.action, listed!.route], ["web:80 75 %, orders:80 25 %", "shop/web"]);
		});
		assert.equal(JSON.parse((await admin("PUT", "/v1/config", route(3))).body).items[0].result, "unchanged");
		assert.equal(JSON.parse((await admin("PUT", "/v1/config", route(1))).body).items[0].result, "configured");
		const [object] = await items<{ kind: string; source: { file: string } }>("/v1/config?kind=httproute");
		assert.deepEqual([object!.kind, object!.source.file], ["HTTPRoute", "api"]);
		assert.equal((await admin("DELETE", "/v1/config/httproute/shop/web")).status, 200);
		assert.equal((await admin("DELETE", "/v1/config/httproute/shop/web")).status, 404);
		await eventually(async () =>
			assert.equal((await items<{ match: string }>("/v1/routes?service=web&namespace=shop"))[0]!.match, "any"),
		);
	});

	await t.test("of a body with one bad object nothing is applied, and every problem is told", async () => {
		const answer = await admin(
			"PUT",
			"/v1/config",
			`${route(1)}---${route(-1).replace("name: web,", "name: bad,")}---\nkind: Servise\n`,
		);
		assert.equal(answer.status, 422);
		const problems = (JSON.parse(answer.body) as { problems: { path: string }[] }).problems;
		assert.ok(
			problems.some(({ path }) => path.endsWith("weight")) && problems.some(({ path }) => path === "kind"),
			answer.body,
		);
		assert.deepEqual(await items("/v1/config?kind=HTTPRoute"), []);
		assert.equal((await admin("PUT", "/v1/config", "")).status, 422);
	});

	await t.test("an object of the folder cannot be changed or deleted, and the answer names its file", async () => {
		for (const answer of [
			await admin("PUT", "/v1/config", application("web")),
			await admin("DELETE", "/v1/config/Service/shop/web"),
		]) {
			assert.equal(answer.status, 409);
			assert.match(errorOf(answer.body).message, /mesh\.yaml:\d+/);
		}
	});

	await t.test("instances come, live and go, and a broken one is told all its faults", async () => {
		const instance = await createRunningInstance("web", 4_000);
		await control.register(instance);
		assert.equal((await admin("POST", "/v1/instances/shop/web-0/keepalive")).status, 200);
		await eventually(async () => {
			const [endpoint] = await items<{ instance: string; health: string; tls: boolean }>("/v1/endpoints?service=web");
			assert.deepEqual([endpoint!.instance, endpoint!.health, endpoint!.tls], ["web-0", "ready", true]);
		});
		assert.equal(
			(await items<{ name: string; ready: number }>("/v1/workloads")).find(({ name }) => name === "web")!.ready,
			1,
		);
		const broken = await admin(
			"PUT",
			"/v1/instances/shop/web-1",
			JSON.stringify({ ...instance, address: "localhost", health: "fine", leaseTtlMs: 1 }),
		);
		assert.equal(broken.status, 422);
		assert.deepEqual(
			(JSON.parse(broken.body) as { problems: { path: string }[] }).problems.map(({ path }) => path),
			["name", "address", "health", "leaseTtlMs"],
		);
		assert.equal((await admin("PUT", "/v1/instances/shop/web-1", "{")).status, 400);
		assert.equal((await admin("DELETE", "/v1/instances/shop/web-0")).status, 200);
		assert.equal((await admin("DELETE", "/v1/instances/shop/web-0")).status, 404);
		assert.equal((await admin("POST", "/v1/instances/shop/web-0/keepalive")).status, 404);
	});

	await t.test("only service accounts of declared workloads get certificates, and each one is listed", async () => {
		const sign = (serviceAccount: string, uri = `spiffe://cluster.local/ns/shop/sa/${serviceAccount}`) =>
			admin(
				"POST",
				"/v1/identity/sign",
				JSON.stringify({ namespace: "shop", serviceAccount, csr: makeSigningRequest(uri) }),
			);
		const signed = await sign("web");
		assert.equal(signed.status, 200, signed.body);
		const answer = JSON.parse(signed.body) as { chain: string; bundle: string; serial: string; expiresAt: string };
		assert.match(new X509Certificate(answer.chain).subjectAltName!, /URI:spiffe:\/\/cluster\.local\/ns\/shop\/sa\/web/);
		assert.match(answer.bundle, /BEGIN CERTIFICATE/);
		const [listed] = await items<{ spiffeId: string; serial: string; notAfter: string }>("/v1/certificates");
		assert.deepEqual(
			[listed!.spiffeId, listed!.serial, listed!.notAfter],
			["spiffe://cluster.local/ns/shop/sa/web", answer.serial, answer.expiresAt],
		);
		assert.equal(errorOf((await sign("root")).body).code, "SERVICE_ACCOUNT_UNKNOWN");
		assert.equal((await sign("web", "spiffe://cluster.local/ns/shop/sa/orders")).status, 400);
		assert.equal(
			(await admin("POST", "/v1/identity/sign", JSON.stringify({ namespace: "shop", serviceAccount: "web", csr: "x" })))
				.status,
			400,
		);
		assert.equal((await admin("POST", "/v1/identity/sign", "null")).status, 400);
		assert.match((await admin("GET", "/metrics")).body, /citadel_server_success_cert_issuance_count\{\} 1/);
	});

	await t.test("the page shows workloads, and shows text as text", async () => {
		const page = await sendRequest({ port: adminPort, path: "/" });
		assert.match(String(page.headers["content-type"]), /^text\/html/);
		assert.match(String(page.headers["content-security-policy"]), /default-src 'none'/);
		assert.match(page.body, /shop\/orders/);
		control.writeConfig("kind: <script>\n", "broken.yaml");
		await eventually(async () => {
			const { body } = await sendRequest({ port: adminPort, path: "/" });
			assert.match(body, /&lt;script&gt;/);
			assert.equal(body.split("<script").length, 2, "only the page's own");
		});
	});
});
