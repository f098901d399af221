/** Checks of the examples that stand for a guide of the Gateway API's documentation, or a task of Istio's, each. */
import assert from "node:assert/strict";
import { askTls } from "../support/ask-tls.ts";
import { eventually } from "../support/eventually.ts";
import { callH2, openH2 } from "../support/h2-echo.ts";
import { sendRequest } from "../support/http-call.ts";
import { openClient } from "../support/raw-client.ts";
import type { RunningExamples } from "../support/running-examples.ts";
import { talk } from "../support/tcp-talk.ts";
import { answers, type Check, patient, readExample, readToken } from "./example-answers.ts";

type Headers = Readonly<Record<string, string>>;

/** Requests for a host at port 80 of the gateway of an example. */
function asker(running: RunningExamples, example: string, host = "shop.example") {
	return (path: string, headers: Headers = {}, method = "GET") =>
		sendRequest({ port: running.gatewayPort(example, 80), path, method, headers: { host, ...headers } });
}

/** Which versions answer connections, how often. */
async function countTalks(port: number, times: number): Promise<{ readonly v1: number; readonly v2: number }> {
	const counts = { v1: 0, v2: 0 };
	for (let count = 0; count < times; count++) {
		const { heard } = await talk({ port, send: [{ bytes: "hello\n" }] });
		counts[heard.startsWith("v2") ? "v2" : "v1"]++;
	}
	return counts;
}

const answersAt = (port: number) =>
	eventually(async () => {
		const { heard } = await talk({ port, send: [{ bytes: "hello\n" }] });
		assert.match(heard, /^v\d heard hello/);
	}, patient);

export const guideChecks: Readonly<Record<string, Check>> = {
	async "simple-gateway"(running, _, example) {
		const ask = asker(running, example, "any.example");
		await eventually(async () => assert.match((await ask("/shoes")).body, /"catalog".*GET \/shoes/), patient);
	},
	async "route-matching"(running, _, example) {
		await answers(running, example, "http://reviews/?animal=whale", /"v2"/);
		await answers(running, example, "http://reviews/?animal=dolphin&more=1", /"v2"/);
		const versionOf = async (url: string, method: string): Promise<string> =>
			/"version":"(v\d)"/.exec((await running.call(example, url, { method })).body)?.[1] ?? "";
		assert.equal(await versionOf("http://reviews/?animal=dolphin", "POST"), "v1");
		assert.equal(await versionOf("http://reviews/?animal=whales", "GET"), "v1");
		assert.equal(await versionOf("http://reviews/reviews", "POST"), "v2");
		assert.equal(await versionOf("http://reviews/reviews", "GET"), "v1");
	},
	async "route-timeouts"(running, _, example) {
		await answers(running, example, "http://catalog/", /catalog/);
		assert.equal((await running.call(example, "http://catalog/?ms=30000")).status, 504);
		for (let count = 0; count < 4; count++)
			assert.equal((await running.call(example, "http://catalog/flaky")).status, 200);
	},
	async "route-mirroring"(running, _, example) {
		const seen = async (): Promise<number> => Number((await running.call(example, "http://reviews-v2/seen")).body);
		await answers(running, example, "http://reviews/sampled", /"v1"/);
		assert.equal(await seen(), 0);
		await answers(running, example, "http://reviews/", /"v1"/);
		await eventually(async () => assert.equal((await seen()) > 0, true), patient);
	},
	async "backend-protocol"(running, t, example) {
		const ask = asker(running, example);
		await eventually(async () => assert.match((await ask("/")).body, /asked over HTTP\/2\.0/), patient);
		const client = await openClient(t, running.gatewayPort(example, 80));
		client.send(
			"GET /talk HTTP/1.1\r\nhost: shop.example\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		);
		const head = await client.until("\r\n\r\n");
		assert.match(head, /^HTTP\/1\.1 101 /);
		// The answer to the key that RFC 6455 has as its example.
		assert.match(head, /s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/);
		client.send("\x81\x82\0\0\0\0hi");
		assert.equal(await client.take(4), "\x81\x02hi");
	},
	async cors(running, _, example) {
		const ask = asker(running, example);
		const origin = "https://www.shop.example";
		await eventually(async () => assert.equal((await ask("/", { origin })).status, 200), patient);
		const allowed = await ask("/", { origin });
		assert.equal(allowed.headers["access-control-allow-origin"], origin);
		const foreign = await ask("/", { origin: "https://elsewhere.example" });
		assert.equal(foreign.headers["access-control-allow-origin"], undefined);
		const asked = { origin: "https://a.partner.example", "access-control-request-method": "PUT" };
		const preflight = await ask("/", asked, "OPTIONS");
		assert.equal(preflight.headers["access-control-allow-origin"], asked.origin);
		assert.match(String(preflight.headers["access-control-allow-methods"]), /PUT/);
		assert.equal(preflight.headers["access-control-max-age"], "600");
	},
	async "gateway-grpc-and-tcp"(running, t, example) {
		const call = (method: string) =>
			callH2(openH2(t, running.gatewayPort(example, 80)), `/library.Books/${method}`, {
				headers: {
					...{ ":method": "POST", ":authority": "books.example" },
					...{ "content-type": "application/grpc", te: "trailers" },
				},
			});
		await eventually(
			async () => assert.match(String((await call("Search")).body), /v1 \/library\.Books\/Search/),
			patient,
		);
		assert.doesNotMatch(String((await call("List")).body), /v1/);
		const port = running.gatewayPort(example, 5000);
		await answersAt(port);
		const { v1, v2 } = await countTalks(port, 120);
		assert.ok(v1 > v2 && v2 > 0, `${v1} ${v2}`);
	},
	async "tcp-shifting"(running, _, example) {
		const port = running.upstreamPort(example, "ledger", 5000);
		await answersAt(port);
		const { v1, v2 } = await countTalks(port, 60);
		assert.ok(v1 > v2 && v2 > 0, `${v1} ${v2}`);
	},
	async "authorization-tcp"(running, _, example) {
		await answersAt(running.upstreamPort(example, "ledger", 5000));
		const port = running.upstreamPort(example, "ledger", 5000, "intruder");
		await eventually(async () => {
			const { heard } = await talk({ port, send: [{ bytes: "hello\n" }] });
			assert.equal(heard, "");
		}, patient);
	},
	async "external-authorization"(running, _, example) {
		const pass = { headers: { "x-shop-pass": "yes" } };
		await answers(running, example, "http://orders/orders/1", /"x-shop-decided":"allowed"/, pass);
		const refused = await running.call(example, "http://orders/orders/1");
		assert.deepEqual([refused.status, refused.body], [403, "no pass\n"]);
		await answers(running, example, "http://orders/", /orders/);
	},
	async "jwt-routing"(running, _, example) {
		const ask = async (headers: Headers = {}) => (await asker(running, example, "orders.example")("/", headers)).body;
		const bearer = (name: string): Headers => ({ authorization: `Bearer ${readToken(name)}` });
		await eventually(async () => assert.match(await ask(), /"v1"/), patient);
		assert.match(await ask(bearer("ada")), /"v2"/);
		assert.match(await ask(bearer("bob")), /"v1"/);
		assert.doesNotMatch(await ask({ authorization: `Bearer ${readToken("ada").slice(0, -8)}AAAAAAAA` }), /"v2"/);
	},
	async "gateway-mutual-tls"(running, _, example) {
		const call = {
			...{ port: running.gatewayPort(example, 443), host: "shop.example", path: "/" },
			ca: readExample(example, "shop.pem"),
		};
		const client = {
			certificateChainPem: readExample(example, "partner.pem"),
			privateKeyPem: readExample(example, "partner.key"),
		};
		await eventually(async () => assert.match((await askTls({ ...call, client })).body, /"catalog"/), patient);
		await assert.rejects(askTls(call));
	},
	async "sidecar-ingress-tls"(running, _, example) {
		const call = {
			...{ port: running.meshPort(example, "orders"), host: "orders.example", path: "/call?to=http://stock/" },
			ca: readExample(example, "orders.pem"),
		};
		const client = {
			certificateChainPem: readExample(example, "partner.pem"),
			privateKeyPem: readExample(example, "partner.key"),
		};
		await eventually(async () => assert.match((await askTls({ ...call, client })).body, /^200\n.*"stock"/), patient);
		await assert.rejects(askTls(call));
		await assert.rejects(sendRequest({ port: call.port, path: "/" }));
		await assert.rejects(sendRequest({ port: running.meshPort(example, "stock"), path: "/" }));
	},
	async "gateway-access"(running, _, example) {
		const ask = asker(running, example);
		await eventually(async () => assert.match((await ask("/")).body, /"catalog"/), patient);
		const port = running.gatewayPort(example, 80);
		const { heard } = await talk({
			...{ port, from: "127.0.0.2", until: "\r\n" },
			send: [{ bytes: "GET / HTTP/1.1\r\nhost: shop.example\r\n\r\n" }],
		});
		assert.match(heard, /^HTTP\/1\.1 403 /);
	},
	async "mutual-tls"(running, _, example) {
		await answers(running, example, "http://old/", /"old"/);
		await answers(running, example, "http://new/", /"new"/);
		const plain = (workload: string) => sendRequest({ port: running.meshPort(example, workload), path: "/" });
		assert.match((await plain("old")).body, /"old"/);
		await assert.rejects(plain("new"));
	},
	async "session-persistence"(running, _, example) {
		const ask = asker(running, example);
		const first = await eventually(async () => {
			const answer = await ask("/");
			assert.equal(answer.status, 200);
			return answer;
		}, patient);
		const [cookie = ""] = String(first.headers["set-cookie"]).split(";");
		assert.match(cookie, /^shop-session=/);
		for (let count = 0; count < 6; count++) assert.equal((await ask("/", { cookie })).body, first.body);
	},
};
