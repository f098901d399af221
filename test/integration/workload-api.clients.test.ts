/** The Workload API as the Python package spiffe and as java-spiffe see it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { startNodeWorld } from "../support/node-agent.ts";
import { skipWithout } from "../support/peers.ts";
import { findJavaClient, findPythonClient } from "../support/spiffe-clients.ts";

const web = "spiffe://cluster.local/ns/shop/sa/web";

const python = findPythonClient();
const java = findJavaClient();

test("Python's spiffe fetches certificates, bundles and tokens, has them checked, and is refused", {
	skip: skipWithout("Python's spiffe client", python === undefined ? undefined : "python"),
}, async (t) => {
	const world = await startNodeWorld(t);
	const { socketPath } = await world.startAgent(t);
	const ask = (...args: string[]) => python!.ask(socketPath, ...args);
	assert.match(String((await ask("jwt", "reviews"))["error"]), /no identity issued/);
	await world.createEntry({ id: "web" });
	await eventually(async () => assert.deepEqual(await ask("x509"), { svids: [{ id: web }] }), { deadlineMs: 60_000 });
	assert.deepEqual(await ask("x509-bundles"), { bundles: { "cluster.local": 1 } });
	assert.deepEqual(await ask("jwt-bundles"), { bundles: { "cluster.local": 1 } });
	const [token] = (await ask("jwt", "reviews", web))["svids"] as { id: string; token: string }[];
	assert.equal(token!.id, web);
	assert.deepEqual(await ask("validate", "reviews", token!.token), { id: web });
	assert.ok("error" in (await ask("validate", "ratings", token!.token)));
});

test("java-spiffe fetches certificates, bundles and tokens, has them checked, and is refused", {
	skip: skipWithout("java-spiffe client", java === undefined ? undefined : "java"),
}, async (t) => {
	const world = await startNodeWorld(t);
	const agent = await world.startAgent(t);
	assert.match(String((await java!.ask(agent.socketPath, "jwt", "reviews"))["error"]), /no identity issued/);
	await world.createEntry({ id: "web" });
	await eventually(() => assert.equal(agent.session.state()?.entries.length, 1));
	const answers = (await java!.ask(agent.socketPath, "tour", "reviews", "ratings", web)) as unknown as unknown[];
	const refusal = answers.pop() as { error: string };
	const bundles = { bundles: { "cluster.local": 1 } };
	assert.deepEqual(answers, [{ svids: [{ id: web }] }, bundles, bundles, { id: web }]);
	assert.match(refusal.error, /another audience/);
});

test("Python's spiffe follows changes", {
	skip: skipWithout("Python's spiffe client", python === undefined ? undefined : "python"),
}, async (t) => {
	const world = await startNodeWorld(t);
	await world.createEntry({ id: "web" });
	const { socketPath } = await world.startAgent(t);
	const watching = python!.open(t, socketPath, "watch-x509");
	await eventually(() => assert.deepEqual(watching.lines.at(-1), { svids: [{ id: web }] }), { deadlineMs: 60_000 });
	await world.createEntry({ id: "second", spiffeId: "/ns/shop/sa/second" });
	const both = { svids: [{ id: web }, { id: "spiffe://cluster.local/ns/shop/sa/second" }] };
	await eventually(() => assert.deepEqual(watching.lines.at(-1), both));
});
