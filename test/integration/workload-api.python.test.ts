/** The Workload API as the Python package spiffe sees it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { startNodeWorld } from "../support/node-agent.ts";
import { skipWithout } from "../support/peers.ts";
import { findPythonClient } from "../support/spiffe-clients.ts";

const client = findPythonClient();
const skip = skipWithout("Python spiffe client", client === undefined ? undefined : "python");
const web = "spiffe://cluster.local/ns/shop/sa/web";

test("the Python package fetches certificates, bundles and tokens, follows changes, and is refused", {
	skip,
}, async (t) => {
	const world = await startNodeWorld(t);
	const { socketPath } = await world.startAgent(t);
	assert.match(String((await client!.ask(socketPath, "x509"))["error"]), /no identity issued/);
	await world.createEntry({ id: "web" });
	await eventually(async () => assert.deepEqual(await client!.ask(socketPath, "x509"), { svids: [{ id: web }] }));
	assert.deepEqual(await client!.ask(socketPath, "x509-bundles"), { bundles: { "cluster.local": 1 } });
	assert.deepEqual(await client!.ask(socketPath, "jwt-bundles"), { bundles: { "cluster.local": 1 } });
	const [token] = (await client!.ask(socketPath, "jwt", "reviews"))["svids"] as { id: string; token: string }[];
	assert.equal(token!.id, web);
	assert.deepEqual(await client!.ask(socketPath, "validate", "reviews", token!.token), { id: web });
	assert.ok("error" in (await client!.ask(socketPath, "validate", "ratings", token!.token)));
	const watching = client!.open(t, socketPath, "watch-x509");
	await eventually(() => assert.deepEqual(watching.lines.at(-1), { svids: [{ id: web }] }));
	await world.createEntry({ id: "second", spiffeId: "/ns/shop/sa/second" });
	const both = { svids: [{ id: web }, { id: "spiffe://cluster.local/ns/shop/sa/second" }] };
	await eventually(() => assert.deepEqual(watching.lines.at(-1), both));
});
