/** The example shop as a newcomer sees it: one mesh, and what it promises. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { connect as connectTls } from "node:tls";
import { createAuthority } from "../../src/identity/index.ts";
import { createSigningRequest } from "../../src/identity/x509/index.ts";
import { eventually } from "../support/eventually.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { createTestPki } from "../support/pki.ts";
import { startMesh } from "../support/running-mesh.ts";

/** The shortest life the authority signs for. */
const minTtlMs = 60_000;
const expiredSinceMs = 5_000;

test("the shop runs as a mesh", async (t) => {
	const mesh = await startMesh(t, "examples/shop");

	await t.test("the page shows data from every service", async () => {
		const page = await mesh.callApplication("web-0", "/");
		assert.equal(page.status, 200, page.body);
		for (const expected of ["Fishing net", "reviews v", "rated by", "orders so far"]) {
			assert.ok(page.body.includes(expected), `${expected} is not on the page:\n${page.body}`);
		}
	});

	await t.test("1,000 requests split 90 to 10 within 3 points, and with the header all go to v2", async () => {
		let second = 0;
		for (let round = 0; round < 50; round++) {
			const answers = await Promise.all(
				Array.from({ length: 20 }, () => mesh.call("web-0", "http://reviews/reviews?product=1")),
			);
			for (const answer of answers) {
				assert.equal(answer.status, 200, answer.body);
				if (answer.body.includes('"v2"')) second++;
			}
		}
		assert.ok(second >= 70 && second <= 130, `${second} of 1000 went to v2`);
		const canaries = await Promise.all(
			Array.from({ length: 50 }, () =>
				mesh.call("web-0", "http://reviews/reviews?product=1", { headers: { "x-canary": "yes" } }),
			),
		);
		assert.deepEqual(new Set(canaries.map(({ body }) => body.includes('"v2"'))), new Set([true]));
	});

	await t.test(
		"a service is reached by every form of its name, through the proxy and through its own listener",
		async () => {
			const hosts = ["ratings", "ratings.shop", "ratings.shop.svc", "ratings.shop.svc.cluster.local", "ratings:80"];
			for (const host of hosts) {
				const answer = await mesh.call("reviews-v1-0", `http://${host}/ratings/1`);
				assert.equal(answer.status, 200, `${host}: ${answer.body}`);
			}
			const unknown = await mesh.call("reviews-v1-0", "http://nowhere/");
			assert.equal(unknown.status, 502);
			assert.match(unknown.body, /nowhere/);
		},
	);

	await t.test("catalog may not place orders: 403 whose body and log line name the policy", async () => {
		const answer = await mesh.callApplication("catalog-0", "/try-order");
		assert.equal(answer.status, 403);
		assert.match(answer.body, /shop\/orders/);
		await eventually(() => {
			const log = readFileSync(join(mesh.stateFolder, "logs/orders-0.sidecar.log"), "utf8");
			assert.match(log, /"POST \/orders[^\n]* 403 [^\n]*rbac_access_denied/);
		});
		const allowed = await mesh.call("web-0", "http://orders/orders", {
			method: "POST",
			headers: { "content-type": "application/json" },
			body: '{"product":1}',
		});
		assert.equal(allowed.status < 300, true, allowed.body);
	});

	await t.test("the answer says what the policy lacks, and 'amime why' tells both sides of it", async () => {
		const denied = await mesh.call("catalog-0", "http://orders/orders", { method: "POST", body: "{}" });
		assert.equal(denied.status, 403);
		const reason = String(denied.headers["x-amime-reason"]);
		assert.match(
			reason,
			/^rbac_access_denied_matched_policy\[none\] ns\[shop\]-policy\[orders\]-rule\[0\]: principal is /,
		);
		assert.match(reason, /is "spiffe:\/\/cluster.local\/ns\/shop\/sa\/catalog", wanted "[^"]*\/sa\/web"/);
		const id = String(denied.headers["x-request-id"]);
		assert.match(
			await mesh.run("why", id),
			/POST orders\/orders from .*: 403, because of shop\/orders-0\n +why +no ALLOW/,
		);
		const story = await mesh.run("why", "-v", id);
		assert.match(story, /shop\/catalog-0 {2}POST orders\/orders {2}403\n[\s\S]*=> the 403 came from upstream/);
		assert.match(story, /shop\/orders-0 {2}POST orders\/orders {2}403\n[\s\S]*lacking {2}ns\[shop\]-policy\[orders\]/);
		assert.match(await mesh.run("why"), new RegExp(`shop/orders-0 .* 403 .* ${id}`));
	});

	await t.test("an inbound port refuses plain text and a foreign, expired or absent certificate", async () => {
		const { ports } = await mesh.instance("orders-0");
		const port = ports[0]!.meshPort;
		assert.equal(await speakPlain(port), "", "plain text got an answer");
		const spiffeId = "spiffe://cluster.local/ns/shop/sa/web";
		const clients: Record<string, ClientCertificate | undefined> = {
			absent: undefined,
			foreign: createTestPki().issue(spiffeId),
			expired: await signWithMeshAuthority(mesh.stateFolder, spiffeId, -expiredSinceMs - minTtlMs),
		};
		for (const [kind, certificate] of Object.entries(clients)) {
			assert.equal(await speakTls(port, certificate), "", `a client with ${kind} certificate got an answer`);
		}
		const good = await signWithMeshAuthority(mesh.stateFolder, spiffeId, 0);
		assert.match(await speakTls(port, good), /^HTTP\/1.1 200 /, "the mesh's own certificate is refused as well");
		const told = await mesh.run("why");
		const strict = "PeerAuthentication shop/strict spec.mtls.mode is STRICT";
		assert.match(told, /shop\/orders-0 +connection from 127\.0\.0\.1:\d+ to 127\.0\.0\.1:\d+ +0/);
		assert.match(told, new RegExp(`mutual TLS is required, and 127\\.0\\.0\\.1:\\d+ spoke plain text; ${strict}`));
		assert.match(told, new RegExp(`showed no certificate, and one is required; ${strict}`));
		assert.match(told, new RegExp(`the certificate of 127\\S+ is not accepted: certificate has expired; ${strict}`));
	});

	await t.test("every proxy is in sync, and the metrics carry Istio's labels on both reporters", async () => {
		const { items } = JSON.parse((await mesh.admin("GET", "/v1/proxies")).body) as {
			items: { instance?: string; types: { typeUrl: string; state: string; reason?: string }[] }[];
		};
		assert.equal(items.length, (await mesh.instances()).length);
		for (const { instance, types } of items) {
			for (const { typeUrl, state, reason } of types)
				assert.equal(state, "SYNCED", `${instance} ${typeUrl}: ${reason}`);
		}
		const scrape = async (name: string): Promise<string> => {
			const { adminPort } = await mesh.instance(name);
			const text = await (await fetch(`http://127.0.0.1:${adminPort}/stats/prometheus`)).text();
			return text
				.split("\n")
				.filter((line) => line.startsWith("istio_requests_total"))
				.join("\n");
		};
		const source = await scrape("web-0");
		assert.match(source, /istio_requests_total\{[^}]*reporter="source"[^}]*\}/);
		assert.match(source, /destination_service="reviews-v1\.shop\.svc\.cluster\.local"/);
		const destination = await scrape("orders-0");
		const denied = destination
			.split("\n")
			.find((line) => line.includes("istio_requests_total") && line.includes('response_code="403"'));
		assert.ok(denied, "no denied request counted");
		assert.match(denied, /reporter="destination"/);
		assert.match(denied, /source_principal="spiffe:\/\/cluster\.local\/ns\/shop\/sa\/catalog"/);
		assert.match(denied, /source_workload="catalog"/);
		assert.match(denied, /connection_security_policy="mutual_tls"/);
	});

	await t.test("Ctrl-C leaves no process, no socket and only the state folder", async () => {
		const { adminPort } = await mesh.instance("web-0");
		assert.equal(await mesh.stop(), 0);
		await assert.rejects(fetch(`http://127.0.0.1:${adminPort}/ready`));
	});
});

interface ClientCertificate {
	readonly certificateChainPem: string;
	readonly privateKeyPem: string;
}

/** A certificate of the mesh's own authority that lives a minute, as its clock would sign it `shiftMs` from the present. */
async function signWithMeshAuthority(
	stateFolder: string,
	spiffeId: string,
	shiftMs: number,
): Promise<ClientCertificate> {
	const clock = createFakeClock({ wall: Date.now() + shiftMs });
	const authority = await createAuthority({ folder: join(stateFolder, "ca"), trustDomain: "cluster.local", clock });
	const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
	const csr = createSigningRequest(privateKey, {});
	const { chain } = await authority.sign({ csr, spiffeId, ttlMs: minTtlMs });
	return { certificateChainPem: chain, privateKeyPem: privateKey.export({ type: "pkcs8", format: "pem" }) as string };
}

function speakPlain(port: number): Promise<string> {
	return collect(
		connect(port, "127.0.0.1", function (this: import("node:net").Socket) {
			this.write("GET /orders HTTP/1.1\r\nhost: orders\r\n\r\n");
		}),
	);
}

function speakTls(port: number, certificate: ClientCertificate | undefined): Promise<string> {
	return collect(
		connectTls(
			{
				port,
				host: "127.0.0.1",
				rejectUnauthorized: false,
				...(certificate === undefined ? {} : { cert: certificate.certificateChainPem, key: certificate.privateKeyPem }),
			},
			function (this: import("node:tls").TLSSocket) {
				this.write("GET /orders HTTP/1.1\r\nhost: orders\r\n\r\n");
			},
		),
	);
}

/** Everything a socket receives until it closes, or until 2 s of silence. */
function collect(socket: import("node:net").Socket): Promise<string> {
	return new Promise((resolve) => {
		let text = "";
		socket.setTimeout(2000, () => socket.destroy());
		socket.on("data", (chunk) => (text += chunk.toString("latin1")));
		socket.on("error", () => undefined);
		socket.on("close", () => resolve(text.startsWith("HTTP") ? text : ""));
	});
}
