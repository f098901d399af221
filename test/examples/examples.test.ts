/** The small examples with traffic, on amime's proxies and on stock Envoys under amime's control plane. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { askTls } from "../support/ask-tls.ts";
import { eventually } from "../support/eventually.ts";
import { callH2, openH2 } from "../support/h2-echo.ts";
import { sendRequest } from "../support/http-call.ts";
import { findEnvoy, skipWithout } from "../support/peers.ts";
import { type ExampleCall, startExamples } from "../support/running-examples.ts";
import { talk } from "../support/tcp-talk.ts";
import { answers, type Check, countVersions, patient, readExample, readToken } from "./example-answers.ts";
import { gatewayChecks } from "./gateway-checks.ts";
import { guideChecks } from "./guide-checks.ts";
import { meshChecks } from "./mesh-checks.ts";

/** Those whose rules hold on the side of the callee. */
const protectedExamples: ReadonlySet<string> = new Set([
	...[
		"authorization",
		"authorization-dry-run",
		"authorization-tcp",
		"external-authorization",
		"jwt",
		"mutual-tls",
		"rate-limit",
		"sidecar-ingress-tls",
		"trust-domain-migration",
	],
]);

for (const kind of ["amime", "envoy"] as const)
	test(`the small examples do what they say, on ${kind}`, {
		skip: kind === "envoy" && skipWithout("envoy", findEnvoy()),
		// Some forty meshes start before the first case.
		timeout: 600_000,
	}, async (t) => {
		const running = await startExamples(t, kind, (example) => protectedExamples.has(example));
		for (const [example, check] of Object.entries({ ...checks, ...guideChecks, ...gatewayChecks, ...meshChecks })) {
			await t.test(example, (sub) => check(running, sub, example));
		}
	});

const tester = { headers: { "x-shop-tester": "yes" } };

const checks: Readonly<Record<string, Check>> = {
	async "traffic-shifting"(running, _, example) {
		await answers(running, example, "http://reviews/", /"v2"/, tester);
		const { v1 = 0, v2 = 0 } = await countVersions(running, example, "http://reviews/", 80);
		assert.equal(v1 + v2, 80);
		assert.ok(v1 > v2 && v2 > 0, `${v1} ${v2}`);
	},
	async mirroring(running, _, example) {
		const url = `http://127.0.0.1:${running.applicationPort(example, "web")}/call?to=http://reviews/`;
		// As its README has it: through the application.
		await eventually(async () => assert.match(await (await fetch(url)).text(), /^200\n.*"v1"/), patient);
		await answers(running, example, "http://reviews/", /"v1"/);
		await eventually(async () => {
			const seen = await running.call(example, "http://reviews-v2/seen");
			assert.ok(Number(seen.body) > 0, seen.body);
		}, patient);
	},
	async "fault-injection"(running, _, example) {
		await answers(running, example, "http://ratings/", /ratings/);
		const broken = await running.call(example, "http://ratings/", { headers: { "x-shop-tester": "broken" } });
		assert.equal(broken.status, 555);
		const started = performance.now();
		const slow = await running.call(example, "http://ratings/", { headers: { "x-shop-tester": "slow" } });
		assert.equal(slow.status, 200);
		// Never earlier, however slow the machine is.
		assert.ok(performance.now() - started >= 690);
	},
	async "request-timeouts"(running, _, example) {
		await answers(running, example, "http://catalog/", /catalog/);
		assert.equal((await running.call(example, "http://catalog/?ms=30000")).status, 504);
	},
	async "rate-limit"(running, _, example) {
		await answers(running, example, "http://catalog/", /catalog/);
		const search = async (user: string): Promise<number> =>
			(await running.call(example, "http://catalog/search", { headers: { "x-user": user } })).status;
		for (const user of ["ada", "bob"])
			assert.deepEqual([await search(user), await search(user), await search(user)], [200, 200, 429]);
		// Leases come a moment after the first request.
		await eventually(async () => {
			assert.equal((await running.call(example, "http://catalog/", { method: "POST" })).status, 429);
		});
	},
	async "circuit-breaking"(running, _, example) {
		await answers(running, example, "http://orders/", /orders/);
		const burst = await Promise.all(Array.from({ length: 8 }, () => running.call(example, "http://orders/?ms=500")));
		const statuses = burst.map(({ status }) => status);
		assert.ok(statuses.includes(200) && statuses.includes(503), statuses.join());
	},
	async egress(running, _, example) {
		await answers(running, example, "http://api.partner.example/", /partner/);
		assert.equal((await running.call(example, "http://api.partner.example/private")).status, 403);
		assert.equal((await running.call(example, "http://elsewhere.example/")).status, 502);
	},
	async "tls-origination"(running, _, example) {
		await answers(running, example, "http://secure.partner.example/orders", /"partner".*GET \/orders/);
		// The same endpoint by a name that its certificate is not for.
		const wrong = await running.call(example, "http://other.partner.example/");
		assert.equal(wrong.status, 503, wrong.body);
	},
	async "backend-tls"(running, _, example) {
		await answers(running, example, "http://vault/keys", /"vault".*GET \/keys/);
		// The same endpoint, by a policy whose names its certificate does not have.
		const refused = await running.call(example, "http://vault:81/keys");
		assert.equal(refused.status, 503, refused.body);
	},
	async jwt(running, _, example) {
		const bearer = (name: string): ExampleCall => ({ headers: { authorization: `Bearer ${readToken(name)}` } });
		await answers(running, example, "http://orders/", /orders/, bearer("ada"));
		assert.equal((await running.call(example, "http://orders/", bearer("bob"))).status, 403);
		assert.equal((await running.call(example, "http://orders/")).status, 403);
		const forged = { headers: { authorization: `Bearer ${readToken("ada").slice(0, -8)}AAAAAAAA` } };
		assert.equal((await running.call(example, "http://orders/", forged)).status, 401);
	},
	async authorization(running, _, example) {
		await answers(running, example, "http://orders/", /orders/);
		assert.equal((await running.call(example, "http://orders/", { method: "POST" })).status, 403);
		assert.equal((await running.call(example, "http://orders/admin/users")).status, 403);
		await eventually(async () => {
			assert.equal((await running.call(example, "http://orders/", { from: "intruder" })).status, 403);
		}, patient);
	},
	async "http-routing"(running, _, example) {
		await answers(running, example, "http://reviews/new/shoes", /"v2"/);
		await answers(running, example, "http://reviews/", /"v2"/, tester);
		const { v1 = 0, v2 = 0 } = await countVersions(running, example, "http://reviews/", 60);
		assert.ok(v1 + v2 === 60 && v1 > v2, `${v1} ${v2}`);
	},
	async "redirects-and-headers"(running, _, example) {
		const secret = { headers: { "x-shop-secret": "told" } };
		const there = await answers(running, example, "http://catalog/v2/shoes", /GET \/shoes/, secret);
		assert.match(there.body, /"host":"catalog\.internal"/);
		assert.match(there.body, /"x-shop-route":"second"/);
		assert.doesNotMatch(there.body, /told/);
		assert.equal(there.headers["x-shop-answer"], "checked");
		const old = await running.call(example, "http://catalog/old/shoes");
		assert.equal(old.status, 301);
		assert.match(String(old.headers["location"]), /\/v2\/shoes$/);
	},
	async "cross-namespace"(running, _, example) {
		await answers(running, example, "http://store/", /"store"/);
		await answers(running, example, "http://store/lent", /"lent"/);
	},
	async "gateway-tls"(running, _, example) {
		const port = running.gatewayPort(example, 443);
		const ask = (host: string) => askTls({ port, host, path: "/shoes", ca: readExample(example, "shop.pem") });
		await eventually(async () => assert.match((await ask("shop.example")).body, /"catalog".*GET \/shoes/), patient);
		await assert.rejects(ask("other.example"));
	},
	async "gateway-passthrough"(running, _, example) {
		const port = running.gatewayPort(example, 443);
		const ask = (host: string) => askTls({ port, host, path: "/", ca: readExample(example, "vault.pem") });
		await eventually(async () => assert.match((await ask("vault.example")).body, /"vault"/), patient);
		await assert.rejects(ask("other.example"));
	},
	async "gateway-jwt"(running, _, example) {
		const ask = (headers: Readonly<Record<string, string>> = {}) =>
			sendRequest({
				port: running.gatewayPort(example, 80),
				path: "/",
				headers: { host: "orders.example", ...headers },
			});
		const bearer = (name: string) => ({ authorization: `Bearer ${readToken(name)}` });
		await eventually(async () => assert.match((await ask(bearer("ada"))).body, /"orders"/), patient);
		assert.equal((await ask(bearer("bob"))).status, 403);
		assert.equal((await ask()).status, 403);
		assert.equal((await ask({ authorization: `Bearer ${readToken("ada").slice(0, -8)}AAAAAAAA` })).status, 401);
	},
	async "gateway-routing"(running, _, example) {
		const ask = async (path: string, headers: Readonly<Record<string, string>> = {}) => {
			const port = running.gatewayPort(example, 443);
			const ca = readExample(example, "shop.pem");
			return (await askTls({ port, host: "shop.example", path, ca, headers })).body;
		};
		await eventually(async () => assert.match(await ask("/shoes"), /"v1"/), patient);
		await eventually(async () => assert.match(await ask("/new/shoes"), /"v2"/), patient);
		assert.match(await ask("/shoes", tester.headers), /"v2"/);
		const plain = await sendRequest({
			...{ port: running.gatewayPort(example, 80), path: "/shoes", headers: { host: "shop.example" } },
		});
		assert.deepEqual([plain.status, plain.headers["location"]], [301, "https://shop.example/shoes"]);
	},
	async "gateway-limits"(running, _, example) {
		const ask = async (path: string, key = "") => {
			const headers = { host: "shop.example", "x-api-key": key };
			return (await sendRequest({ port: running.gatewayPort(example, 80), path, headers })).status;
		};
		await eventually(async () => assert.equal(await ask("/shoes"), 200), patient);
		assert.equal(await ask("/internal/users"), 403);
		for (const key of ["ada", "bob"])
			assert.deepEqual(
				[await ask("/search", key), await ask("/search", key), await ask("/search", key)],
				[200, 200, 429],
			);
	},
	async "grpc-and-tcp"(running, t, example) {
		const call = async (method: string): Promise<string> => {
			// A connection of its own: the proxy may just be replacing the listener.
			const session = openH2(t, running.upstreamPort(example, "books", 9090));
			const answer = await callH2(session, `/library.Books/${method}`, {
				headers: { ":method": "POST", "content-type": "application/grpc", te: "trailers" },
			});
			return String(answer.body) || JSON.stringify(answer);
		};
		await eventually(async () => assert.match(await call("Search"), /v2 \/library\.Books\/Search/), patient);
		assert.match(await call("List"), /v1 \/library\.Books\/List/);
		const port = running.upstreamPort(example, "ledger", 5000);
		await eventually(async () => {
			const { heard } = await talk({ port, send: [{ bytes: "hello\n" }] });
			assert.match(heard, /v2 heard hello/);
		}, patient);
	},
};
