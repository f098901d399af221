/** The Workload API as go-spiffe sees it: certificates, bundles, tokens, updates, refusals, and mutual TLS by its rules. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { startNodeWorld } from "../support/node-agent.ts";
import { skipWithout } from "../support/peers.ts";
import { findGoClient } from "../support/spiffe-clients.ts";

const client = findGoClient();
const skip = skipWithout("go-spiffe client", client === undefined ? undefined : "go");
const web = "spiffe://cluster.local/ns/shop/sa/web";

interface Svid {
	readonly id: string;
	readonly hint: string;
	readonly dns: readonly string[] | null;
	readonly serial: string;
	readonly token: string;
	readonly expiry: string;
}

test("go-spiffe fetches certificates, bundles and tokens, and follows changes", { skip }, async (t) => {
	const world = await startNodeWorld(t);
	await world.createEntry({ id: "web", dnsNames: ["web.shop"], hint: "internal", x509TtlSeconds: 600 });
	const { socketPath, lines } = await world.startAgent(t);
	const first = await client!.ask(socketPath, "x509");
	const [svid, ...rest] = (first["svids"] as Svid[] | undefined) ?? assert.fail(JSON.stringify([first, lines]));
	assert.deepEqual([svid!.id, svid!.hint, svid!.dns, rest.length], [web, "internal", ["web.shop"], 0]);
	const life = Date.parse(svid!.expiry) - Date.now();
	assert.ok(life > 0 && life <= 600_000, `the entry's lifetime, not ${life}`);
	assert.deepEqual((await client!.ask(socketPath, "x509-bundles"))["bundles"], { "cluster.local": 1 });
	assert.deepEqual((await client!.ask(socketPath, "jwt-bundles"))["bundles"], { "cluster.local": 1 });

	const [token] = (await client!.ask(socketPath, "jwt", "reviews"))["svids"] as Svid[];
	assert.equal(token!.id, web);
	const again = (await client!.ask(socketPath, "jwt", "reviews", web))["svids"] as Svid[];
	assert.equal(again[0]!.token, token!.token, "kept while it is young");
	for (const command of ["validate", "validate-here"]) {
		assert.equal((await client!.ask(socketPath, command, "reviews", token!.token))["id"], web, command);
		assert.ok("error" in (await client!.ask(socketPath, command, "ratings", token!.token)), command);
	}

	const watching = client!.open(t, socketPath, "watch-x509");
	const newest = (): readonly string[] => ((watching.lines.at(-1)?.["svids"] ?? []) as Svid[]).map(({ id }) => id);
	await eventually(() => assert.deepEqual(newest(), [web]));
	await world.createEntry({ id: "admin", spiffeId: "/ns/shop/sa/admin" });
	await eventually(() => assert.deepEqual(newest(), [web, "spiffe://cluster.local/ns/shop/sa/admin"]));
	await world.deleteEntry("web");
	await eventually(() => assert.deepEqual(newest(), ["spiffe://cluster.local/ns/shop/sa/admin"]));
	await world.deleteEntry("admin");
	await eventually(() => assert.match(String(watching.lines.at(-1)?.["error"]), /PermissionDenied/));
	await world.createEntry({ id: "back" });
	await eventually(() => assert.deepEqual(newest(), [web]), { deadlineMs: 30_000 });
});

test("go-spiffe follows the roots and the JWT keys through a rotation, and its tokens stay good", {
	skip,
}, async (t) => {
	const world = await startNodeWorld(t);
	await world.createEntry({ id: "web", hint: "internal" });
	const { socketPath } = await world.startAgent(t);
	const watching = client!.open(t, socketPath, "watch-x509");
	await eventually(() => assert.equal(watching.lines.length, 1), { deadlineMs: 60_000 });
	const [token] = (await client!.ask(socketPath, "jwt", "reviews"))["svids"] as Svid[];
	assert.equal(token!.hint, "internal");
	const rotate = async (what: string): Promise<void> => {
		const answer = await world.admin("POST", "/v1/identity/authority/rotate", JSON.stringify({ what }));
		assert.equal(answer.status, 200, answer.body);
	};
	await rotate("root");
	// Each answer is checked by go-spiffe under its own bundles.
	await eventually(() => assert.ok(watching.lines.length >= 2), { deadlineMs: 30_000 });
	assert.ok(
		watching.lines.every((line) => !("error" in line)),
		JSON.stringify(watching.lines),
	);
	await eventually(
		async () => assert.deepEqual((await client!.ask(socketPath, "x509-bundles"))["bundles"], { "cluster.local": 2 }),
		{ deadlineMs: 30_000 },
	);
	await rotate("jwt");
	await eventually(
		async () => assert.deepEqual((await client!.ask(socketPath, "jwt-bundles"))["bundles"], { "cluster.local": 2 }),
		{ deadlineMs: 30_000 },
	);
	for (const command of ["validate", "validate-here"])
		assert.equal((await client!.ask(socketPath, command, "reviews", token!.token))["id"], web, command);
});

test("without an entry go-spiffe is refused, and the log names the selectors that were seen", { skip }, async (t) => {
	const world = await startNodeWorld(t);
	await world.createEntry({ selectors: ["unix:uid:4294967294"] });
	const { socketPath, lines } = await world.startAgent(t);
	for (const question of [["x509-bundles"], ["jwt", "reviews"], ["jwt-bundles"]])
		assert.match(String((await client!.ask(socketPath, ...question))["error"]), /PermissionDenied.*no identity issued/);
	const line = lines.find((text) => text.includes("no entry matches")) ?? "";
	assert.ok(line.includes(`unix:uid:${process.getuid!()}`), line);
});

test("two go-spiffe peers talk mutual TLS with these identities, and refuse another", { skip }, async (t) => {
	const world = await startNodeWorld(t);
	await world.createEntry();
	const { socketPath } = await world.startAgent(t);
	const server = client!.open(t, socketPath, "serve", web);
	const address = await eventually(() => server.lines[0]?.["address"] ?? assert.fail("it does not listen yet"));
	const answer = await client!.ask(socketPath, "get", web, `https://${address}/`);
	assert.equal(answer["body"], `hello ${web}`);
	const stranger = await client!.ask(
		socketPath,
		"get",
		"spiffe://cluster.local/ns/shop/sa/other",
		`https://${address}/`,
	);
	assert.match(String(stranger["error"]), /unexpected ID/);
});

test("bundles of related trust domains come with entries that federate, and go with the relation", {
	skip,
}, async (t) => {
	const [world, partner] = [
		await startNodeWorld(t),
		await startNodeWorld(t, { settings: { trustDomain: "partner.example" } }),
	];
	const relation = "/v1/identity/federation/partner.example";
	const bundle = (await partner.admin("GET", "/v1/identity/federation-bundle")).body;
	const related = await world.admin("PUT", relation, JSON.stringify({ bundle }));
	assert.equal(related.status, 200, related.body);
	await partner.createEntry({ spiffeId: "/ns/shop/sa/partner" });
	const theirs = await partner.startAgent(t);
	const [token] = (await client!.ask(theirs.socketPath, "jwt", "reviews"))["svids"] as Svid[];
	await world.createEntry({ id: "web", federatesWith: ["partner.example"] });
	const { socketPath } = await world.startAgent(t);
	const both = { "cluster.local": 1, "partner.example": 1 };
	await eventually(async () => assert.deepEqual((await client!.ask(socketPath, "x509-bundles"))["bundles"], both));
	assert.deepEqual((await client!.ask(socketPath, "jwt-bundles"))["bundles"], both);
	assert.equal((await client!.ask(socketPath, "x509"))["domains"], 2);
	const partnerId = "spiffe://partner.example/ns/shop/sa/partner";
	assert.equal((await client!.ask(socketPath, "validate", "reviews", token!.token))["id"], partnerId);
	assert.equal((await world.admin("DELETE", relation)).status, 200);
	const own = { "cluster.local": 1 };
	await eventually(async () => assert.deepEqual((await client!.ask(socketPath, "x509-bundles"))["bundles"], own));
	assert.match(String((await client!.ask(socketPath, "validate", "reviews", token!.token))["error"]), /no keys of/);
});

test("a related trust domain with JWT keys alone has its tokens checked, and no empty bundle of roots is told", {
	skip,
}, async (t) => {
	const [world, partner] = [
		await startNodeWorld(t),
		await startNodeWorld(t, { settings: { trustDomain: "partner.example" } }),
	];
	const { keys } = JSON.parse((await partner.admin("GET", "/v1/identity/federation-bundle")).body) as {
		readonly keys: readonly { readonly use: string }[];
	};
	const shown = JSON.stringify(keys.filter(({ use }) => use === "jwt-svid"));
	const bundle = `{"keys":${shown},"spiffe_sequence":9007199254740993}`;
	const related = await world.admin("PUT", "/v1/identity/federation/partner.example", JSON.stringify({ bundle }));
	assert.equal(related.status, 200, related.body);
	assert.deepEqual(JSON.parse(related.body), {
		...{ trustDomain: "partner.example", keys: 1, sequence: "9007199254740993" },
		fetchedAt: JSON.parse(related.body).fetchedAt,
	});
	await partner.createEntry({ spiffeId: "/ns/shop/sa/partner" });
	const theirs = await partner.startAgent(t);
	const [token] = (await client!.ask(theirs.socketPath, "jwt", "reviews"))["svids"] as Svid[];
	await world.createEntry({ id: "web", federatesWith: ["partner.example"] });
	const { socketPath } = await world.startAgent(t);
	const both = { "cluster.local": 1, "partner.example": 1 };
	await eventually(async () => assert.deepEqual((await client!.ask(socketPath, "jwt-bundles"))["bundles"], both));
	assert.deepEqual((await client!.ask(socketPath, "x509-bundles"))["bundles"], { "cluster.local": 1 });
	assert.equal((await client!.ask(socketPath, "x509"))["domains"], 1);
	const partnerId = "spiffe://partner.example/ns/shop/sa/partner";
	assert.equal((await client!.ask(socketPath, "validate", "reviews", token!.token))["id"], partnerId);
});
