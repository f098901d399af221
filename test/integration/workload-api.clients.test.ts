/** The Workload API as the Python package spiffe and as java-spiffe see it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { eventually } from "../support/eventually.ts";
import { startNodeWorld } from "../support/node-agent.ts";
import { skipWithout } from "../support/peers.ts";
import { findGoClient, findJavaClient, findPythonClient, type OpenClient } from "../support/spiffe-clients.ts";

const web = "spiffe://cluster.local/ns/shop/sa/web";

const patient = { deadlineMs: 60_000 };
const python = findPythonClient();
const java = findJavaClient();
const go = findGoClient();

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
	await world.createEntry({ id: "web", hint: "internal" });
	await eventually(() => assert.equal(agent.session.state()?.entries.length, 1));
	const answers = (await java!.ask(agent.socketPath, "tour", "reviews", "ratings", web)) as unknown as unknown[];
	const refusal = answers.pop() as { error: string };
	const bundles = { bundles: { "cluster.local": 1 } };
	assert.deepEqual(answers, [{ svids: [{ id: web, hint: "internal" }] }, bundles, bundles, { id: web }]);
	assert.match(refusal.error, /another audience/);
});

test("Python's spiffe follows changes", {
	skip: skipWithout("Python's spiffe client", python === undefined ? undefined : "python"),
}, async (t) => {
	const world = await startNodeWorld(t);
	await world.createEntry({ id: "web" });
	const { socketPath } = await world.startAgent(t);
	const watching = python!.open(t, socketPath, "watch-x509");
	const newest = () => watching.lines.at(-1)?.["svids"];
	await eventually(() => assert.deepEqual(newest(), [{ id: web }]), patient);
	await world.createEntry({ id: "second", spiffeId: "/ns/shop/sa/second" });
	const both = [{ id: web }, { id: "spiffe://cluster.local/ns/shop/sa/second" }];
	await eventually(() => assert.deepEqual(newest(), both), patient);
});

for (const [name, client, tokens] of [
	["Python's spiffe", python, "watch-jwt-bundles"],
	["java-spiffe", java, undefined],
] as const)
	test(`${name} sees the new roots of a rotation and a renewed certificate, on streams that stay`, {
		skip: skipWithout(`${name} client`, client === undefined ? undefined : "client"),
	}, async (t) => {
		const world = await startNodeWorld(t);
		await world.createEntry({ id: "web", hint: "internal" });
		const { socketPath } = await world.startAgent(t);
		const watching = client!.open(t, socketPath, "watch-x509");
		const keys = tokens === undefined ? undefined : client!.open(t, socketPath, tokens);
		const rotate = async (what: string): Promise<void> => {
			const answer = await world.admin("POST", "/v1/identity/authority/rotate", JSON.stringify({ what }));
			assert.equal(answer.status, 200, answer.body);
		};
		const has = (client: OpenClient, count: number): boolean =>
			client.lines.some((line) => isDeepStrictEqual(line["bundles"], { "cluster.local": count }));
		await eventually(() => assert.ok(has(watching, 1) && (keys === undefined || has(keys, 1))), patient);
		const first = watching.lines[0]!["serials"];
		await rotate("root");
		await eventually(() => {
			assert.ok(has(watching, 2), JSON.stringify(watching.lines));
			assert.notDeepEqual(watching.lines.at(-1)!["serials"], first);
		}, patient);
		if (keys !== undefined) {
			await rotate("jwt");
			await eventually(() => assert.ok(has(keys, 2), JSON.stringify(keys.lines)), patient);
		}
		for (const line of [...watching.lines, ...(keys?.lines ?? [])]) assert.ok(!("error" in line), JSON.stringify(line));
	});

for (const [name, client, seesHints] of [
	["go-spiffe", go, true],
	["Python's spiffe", python, false],
	["java-spiffe", java, true],
] as const)
	test(`${name} gets several identities in their order, and bundles of domains that have roots alone`, {
		skip: skipWithout(`${name} client`, client === undefined ? undefined : "client"),
	}, async (t) => {
		const world = await startNodeWorld(t);
		const partner = await startNodeWorld(t, { settings: { trustDomain: "partner.example" } });
		const bundle = JSON.parse((await partner.admin("GET", "/v1/identity/federation-bundle")).body) as Bundle;
		const roots = { ...bundle, keys: bundle.keys.filter(({ use }) => use === "x509-svid") };
		for (const [domain, keys] of [
			["both.example", bundle],
			["roots.example", roots],
		] as const) {
			const body = JSON.stringify({ bundle: JSON.stringify(keys) });
			assert.equal((await world.admin("PUT", `/v1/identity/federation/${domain}`, body)).status, 200);
		}
		const second = "spiffe://cluster.local/second";
		await world.createEntry({ id: "web", hint: "internal", federatesWith: ["both.example"] });
		await world.createEntry({ id: "second", spiffeId: "/second", hint: "external", federatesWith: ["roots.example"] });
		await world.createEntry({ id: "third", spiffeId: "/third" });
		const agent = await world.startAgent(t);
		await eventually(() => assert.equal(agent.session.state()?.entries.length, 3));
		const ask = (...args: string[]) => client!.ask(agent.socketPath, ...args);
		const svids = (await ask("x509"))["svids"] as { id: string; hint?: string }[];
		assert.deepEqual(
			svids.map(({ id, hint }) => [id, seesHints ? hint : undefined]),
			[
				[web, seesHints ? "internal" : undefined],
				[second, seesHints ? "external" : undefined],
				["spiffe://cluster.local/third", seesHints ? "" : undefined],
			],
		);
		const counts = { "cluster.local": 1, "both.example": 1, "roots.example": 1 };
		assert.deepEqual((await ask("x509-bundles"))["bundles"], counts);
		assert.deepEqual((await ask("jwt-bundles"))["bundles"], { ...counts, "roots.example": 0 });
		const [token] = (await ask("jwt", "reviews", second))["svids"] as { id: string }[];
		assert.equal(token!.id, second);
	});

interface Bundle {
	readonly keys: readonly { readonly use: string }[];
}
