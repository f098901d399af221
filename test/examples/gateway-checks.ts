/** Checks of the examples whose traffic leaves or comes in by its server name, or by listeners that others added. */
import assert from "node:assert/strict";
import { type ConnectionOptions, connect } from "node:tls";
import { askTls } from "../support/ask-tls.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { answers, type Check, patient, readExample } from "./example-answers.ts";

/** What comes back over TLS for a line. */
function talkTls(options: ConnectionOptions, line: string): Promise<string> {
	const { promise, resolve, reject } = Promise.withResolvers<string>();
	let heard = "";
	const socket = connect({ host: "127.0.0.1", ...options }, () => socket.write(line));
	socket.setEncoding("utf8").on("data", (text: string) => {
		heard += text;
	});
	socket.on("error", reject).on("close", () => resolve(heard));
	return promise;
}

export const gatewayChecks: Readonly<Record<string, Check>> = {
	async "ingress-passthrough"(running, _, example) {
		const port = running.gatewayPort(example, 443);
		const ask = (host: string) => askTls({ port, host, path: "/", ca: readExample(example, "vault.pem") });
		await eventually(async () => assert.match((await ask("vault.example")).body, /"vault"/), patient);
		await assert.rejects(ask("other.example"));
	},
	async "egress-wildcard"(running, _, example) {
		const port = running.gatewayPort(example, 443);
		const ask = (host: string) => askTls({ port, host, path: "/", ca: readExample(example, "wild.pem") });
		for (const host of ["a.wild.example", "b.wild.example"])
			await eventually(async () => assert.match((await ask(host)).body, new RegExp(`"wild".*"${host}"`)), patient);
		await assert.rejects(ask("a.tame.example"));
	},
	async "egress-gateway"(running, _, example) {
		await answers(
			running,
			example,
			"http://partner.egress.example/orders",
			/GET \/orders.*"x-shop-way":"egress-gateway"/,
		);
		// The gateway is for workloads of the mesh: others have no certificate to show.
		const port = running.gatewayPort(example, 443);
		await assert.rejects(
			askTls({ port, host: "partner.egress.example", path: "/", ca: readExample(example, "partner.pem") }),
		);
	},
	async "listener-set"(running, _, example) {
		const ask = (host: string) => sendRequest({ port: running.gatewayPort(example, 80), path: "/", headers: { host } });
		await eventually(async () => assert.match((await ask("shop.example")).body, /"catalog"/), patient);
		assert.equal((await ask("platform.example")).status, 404);
	},
	async "route-authorizer"(running, _, example) {
		const pass = { "x-shop-pass": "yes" };
		const ask = (path: string, headers: Readonly<Record<string, string>> = {}) =>
			sendRequest({ port: running.gatewayPort(example, 80), path, headers: { host: "shop.example", ...headers } });
		await eventually(
			async () => assert.match((await ask("/orders/1", pass)).body, /"x-shop-decided":"allowed"/),
			patient,
		);
		const outside = await ask("/orders/1");
		assert.deepEqual([outside.status, outside.body], [403, "no pass\n"]);
		assert.match((await ask("/")).body, /"orders"/);
		await answers(running, example, "http://orders/orders/1", /"x-shop-decided":"allowed"/, { headers: pass });
		const inside = await running.call(example, "http://orders/orders/1");
		assert.deepEqual([inside.status, inside.body], [403, "no pass\n"]);
		await answers(running, example, "http://orders/", /orders/);
	},
	async "gateway-tls-terminate"(running, _, example) {
		const port = running.gatewayPort(example, 443);
		const ca = readExample(example, "shop.pem");
		const ask = (servername: string) => talkTls({ port, servername, ca }, "hello\n");
		await eventually(async () => assert.equal(await ask("shop.example"), "v1 heard hello\n"), patient);
		await assert.rejects(ask("other.example"));
	},
};
