/** Proxies that take their certificate over SDS from the agent's socket, a stock Envoy and amime's, beside go-spiffe peers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { startNodeWorld } from "../support/node-agent.ts";
import { findEnvoy, skipWithout } from "../support/peers.ts";
import { startProxyProcess } from "../support/proxy-process.ts";
import { createSecretBootstrap } from "../support/sds-bootstrap.ts";
import { findGoClient } from "../support/spiffe-clients.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

const client = findGoClient();
const web = "spiffe://cluster.local/ns/shop/sa/web";
const second = "spiffe://cluster.local/ns/shop/sa/second";

for (const kind of ["envoy", "amime"] as const) {
	const skip =
		skipWithout("go-spiffe client", client === undefined ? undefined : "go") ||
		(kind === "envoy" && skipWithout("envoy", findEnvoy()));

	test(`${kind} with secrets of the agent and go-spiffe accept each other, both ways`, { skip }, async (t) => {
		const world = await startNodeWorld(t);
		await world.createEntry({ id: "web" });
		const { socketPath } = await world.startAgent(t);
		const server = client!.open(t, socketPath, "serve", web);
		const peer = String(await eventually(() => server.lines[0]?.["address"] ?? assert.fail("it does not listen yet")));
		const proxy = await startProxyProcess(
			t,
			kind,
			makeTemporaryFolder(t),
			createSecretBootstrap({ socketPath, peer, peerId: web }),
		);
		const inbound = await proxy.port("inbound");
		const outbound = await proxy.port("outbound");
		await eventually(async () => {
			const answer = await client!.ask(socketPath, "get", web, `https://127.0.0.1:${inbound}/`);
			assert.equal(answer["body"], "hello", JSON.stringify(answer));
		});
		await eventually(async () => assert.equal((await sendRequest({ port: outbound, path: "/" })).body, `hello ${web}`));
		const wrong = await client!.ask(socketPath, "get", second, `https://127.0.0.1:${inbound}/`);
		assert.match(String(wrong["error"]), /unexpected ID/);
	});

	for (const [certificate, trust, apiType] of [
		["default", "ALL", "GRPC"],
		[second, "spiffe://cluster.local", "DELTA_GRPC"],
	] as const)
		test(`${kind} takes ${certificate} and ${trust} over ${apiType}`, { skip }, async (t) => {
			const world = await startNodeWorld(t);
			await world.createEntry({ id: "web" });
			await world.createEntry({ id: "second", spiffeId: "/ns/shop/sa/second" });
			const { socketPath } = await world.startAgent(t);
			const bootstrap = createSecretBootstrap({ socketPath, certificate, trust, apiType });
			const proxy = await startProxyProcess(t, kind, makeTemporaryFolder(t), bootstrap);
			const expected = certificate === "default" ? web : certificate;
			const port = await proxy.port("inbound");
			await eventually(async () => {
				const answer = await client!.ask(socketPath, "get", expected, `https://127.0.0.1:${port}/`);
				assert.equal(answer["body"], "hello", JSON.stringify(answer));
			});
		});
}
