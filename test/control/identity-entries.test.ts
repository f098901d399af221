/** Registration entries by the admin API and the command line: made, listed, changed, deleted, refused with every problem. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createControlClient } from "../../src/agent/control-client/index.ts";
import { findAgentEntries, parseSpiffeId } from "../../src/model/index.ts";
import { createIdentityRegistry, openEtcdStore, openSqliteStore } from "../../src/registry/index.ts";
import { createTestHost } from "../support/cli-host.ts";
import { startControlPlane } from "../support/control-plane.ts";
import { startEtcd, untilEtcdAnswers } from "../support/etcd.ts";
import { eventually } from "../support/eventually.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { findEtcd, skipWithout } from "../support/peers.ts";
import { entryOf } from "../support/registration-entries.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

const domain = "spiffe://cluster.local";
const web = {
	id: "web",
	spiffeId: "/ns/shop/sa/web",
	parentId: "/node/one",
	selectors: ["unix:uid:1000"],
	dnsNames: ["web.shop"],
	x509TtlSeconds: 3600,
};

test("an entry is made, listed, shown, changed and deleted", async (t) => {
	const { admin, items } = await startControlPlane(t, "");
	const made = await admin("POST", "/v1/identity/entries", JSON.stringify(web));
	assert.equal(made.status, 201, made.body);
	const again = await admin("POST", "/v1/identity/entries", JSON.stringify({ ...web, id: "other" }));
	assert.equal(again.status, 409);
	assert.match(again.body, /ENTRY_EXISTS/);
	const [listed] = await items<Record<string, unknown>>("/v1/identity/entries?selector=unix:uid:1000");
	assert.equal(listed!["spiffeId"], `${domain}/ns/shop/sa/web`);
	assert.equal(listed!["x509TtlSeconds"], 3600);
	assert.deepEqual(await items("/v1/identity/entries?selector=unix:uid:1001"), []);
	const changed = await admin("PUT", "/v1/identity/entries/web", JSON.stringify({ ...web, hint: "public" }));
	assert.equal(changed.status, 200, changed.body);
	assert.equal(JSON.parse((await admin("GET", "/v1/identity/entries/web")).body).hint, "public");
	assert.equal((await admin("DELETE", "/v1/identity/entries/web")).status, 200);
	const gone = await admin("GET", "/v1/identity/entries/web");
	assert.equal(gone.status, 404);
});

test("every problem of an entry is told, with the nearest name", async (t) => {
	const { admin } = await startControlPlane(t, "");
	const wrong: readonly (readonly [change: Record<string, unknown>, path: string, text: RegExp])[] = [
		[{ spiffeId: "spiffe://other.domain/x" }, "spiffeId", /trust domain cluster\.local/],
		[{ spiffeId: "/amime/server" }, "spiffeId", /those of control planes/],
		[{ spiffeId: "/a/../b" }, "spiffeId", /SPIFFE ID/],
		[{ parentId: 7 }, "parentId", /SPIFFE ID/],
		[{ selectors: [] }, "selectors", /at least one/],
		[{ selectors: ["unix:uids:1"] }, "selectors[0]", /did you mean 'uid'/],
		[{ selectors: ["unx:uid:1"] }, "selectors[0]", /did you mean 'unix'/],
		[{ selectors: ["constructor:x"] }, "selectors[0]", /is no kind of selector/],
		[{ selectors: ["__proto__:x"] }, "selectors[0]", /is no kind of selector/],
		[{ selectors: ["unix:uid:"] }, "selectors[0]", /needs a value/],
		[{ x509TtlSeconds: -1 }, "x509TtlSeconds", /whole number/],
		[{ dnsNames: ["not a name"] }, "dnsNames[0]", /no DNS name/],
		[{ federatesWith: ["UPPER"] }, "federatesWith[0]", /no trust domain/],
		[{ admin: "yes" }, "admin", /true or false/],
		[{ expiresAt: "2001-01-01T00:00:00Z" }, "expiresAt", /over already/],
		[{ id: "a b" }, "id", /letters/],
		[{ selector: ["unix:uid:1"] }, "selector", /did you mean 'selectors'/],
	];
	for (const [change, path, text] of wrong) {
		const answer = await admin("POST", "/v1/identity/entries", JSON.stringify({ ...web, ...change }));
		assert.equal(answer.status, 422, JSON.stringify(change));
		const { problems } = JSON.parse(answer.body) as { problems: { path: string; problem: string }[] };
		const found = problems.find((problem) => problem.path === path);
		assert.match(found?.problem ?? answer.body, text);
	}
	const both = await admin("POST", "/v1/identity/entries", JSON.stringify({ spiffeId: "x", parentId: "y" }));
	assert.equal((JSON.parse(both.body) as { problems: unknown[] }).problems.length, 3);
});

test("only admins make entries and tokens; viewers see entries", async (t) => {
	const { plane } = await startControlPlane(t, "");
	const client = createControlClient({ adminUrl: `http://127.0.0.1:${plane.adminPort}`, token: "wrong-token" });
	t.after(() => client.close());
	for (const path of ["/v1/identity/entries", "/v1/identity/join-tokens"])
		await assert.rejects(client.request("POST", path, web), { code: "UNAUTHENTICATED" });
});

test("amime identity makes, lists, shows and deletes, and says what is wrong", async (t) => {
	const run = await openDesk(t);
	const selectors = ["--parent", "/node/one", "--selector", "unix:uid:1000"];
	const made = await run("identity", "create", "--id", "web", "--spiffe-id", "/ns/shop/sa/web", ...selectors);
	assert.equal(made.out, `entry web created: ${domain}/ns/shop/sa/web\n`, made.err);
	assert.match((await run("identity", "list")).out, /^ID +IDENTITY +PARENT +SELECTORS\nweb /);
	assert.match((await run("identity", "show", "web")).out, /selectors +unix:uid:1000/);
	const [listed] = JSON.parse((await run("identity", "list", "-o", "json")).out) as { id: string }[];
	assert.equal(listed!.id, "web");
	assert.match((await run("identity", "show", "wbe")).err, /no entry 'wbe' \(did you mean 'web'\?\) \[ENTRY_UNKNOWN\]/);
	const mistyped = ["identity", "create", "--spiffe-id", "/a", "--parent", "/n", "--selector", "unix:gdi:1"];
	assert.match((await run(...mistyped)).err, /did you mean 'gid'.*\[ENTRY_INVALID\]/);
	assert.match((await run("identity", "create", "--ttl", "soon")).err, /such as 90s, 15m or 8h/);
	assert.match((await run("identity", "crate")).err, /did you mean 'create'/);
	assert.equal((await run("identity", "delete", "web")).out, "entry web deleted\n");
	assert.equal((await run("identity", "list")).out, "no entries\n");
	const token = await run("identity", "token", "--spiffe-id", "/node/one", "-o", "json");
	assert.equal(JSON.parse(token.out).spiffeId, `${domain}/node/one`);
	assert.match((await run("identity", "bundle")).out, /^-----BEGIN CERTIFICATE-----/);
});

test("an entry ends by itself, and a one-time secret is good once and in time", async (t) => {
	const clock = createFakeClock();
	const store = openSqliteStore(join(makeTemporaryFolder(t), "store.db"), { clock });
	const registry = await createIdentityRegistry(store, { clock });
	t.after(async () => {
		registry.close();
		await store.close();
	});
	let changes = 0;
	registry.entries.watch(() => changes++);
	await registry.entries.create(entryOf({ id: "short", expiresAt: clock.wall() + 60_000 }));
	assert.equal(registry.entries.list().length, 1);
	const before = changes;
	await clock.advanceAsync(60_001);
	assert.deepEqual(registry.entries.list(), []);
	assert.ok(changes > before, "whoever watches is told");

	const secret = await registry.secrets.issue("join-token", "value", 1000);
	assert.equal(await registry.secrets.redeem("other-purpose", secret), undefined);
	const shown = await Promise.all([1, 2, 3].map(() => registry.secrets.redeem("join-token", secret)));
	assert.deepEqual(
		shown.filter((value) => value !== undefined),
		["value"],
		"once, whoever is first",
	);
	const late = await registry.secrets.issue("join-token", "value", 1000);
	clock.setWall(clock.wall() + 1001);
	assert.equal(await registry.secrets.redeem("join-token", late), undefined);
});

test("two control planes on one etcd have the same entries, and a secret is good at one of them", {
	skip: skipWithout("etcd", findEtcd()),
}, async (t) => {
	const etcd = await startEtcd(t);
	await untilEtcdAnswers(etcd.address);
	const open = async () => {
		const store = openEtcdStore(`etcd://${etcd.address}`);
		const registry = await createIdentityRegistry(store);
		t.after(async () => {
			registry.close();
			await store.close();
		});
		return registry;
	};
	const [one, two] = [await open(), await open()];
	assert.equal(await one.entries.create(entryOf({ id: "web" })), true);
	assert.equal(await two.entries.create(entryOf({ id: "web" })), false);
	await eventually(() => assert.equal(two.entries.get("web")?.spiffeId, `${domain}/web`));
	await two.entries.remove("web");
	await eventually(() => assert.deepEqual(one.entries.list(), []));
	const secret = await one.secrets.issue("join-token", "value", 60_000);
	const shown = await Promise.all([one, two, one].map(({ secrets }) => secrets.redeem("join-token", secret)));
	assert.deepEqual(
		shown.filter((value) => value !== undefined),
		["value"],
	);
});

test("an agent gets the entries below it, below its aliases and below these, and no others", () => {
	const server = parseSpiffeId(`${domain}/amime/server`);
	const agent = {
		spiffeId: parseSpiffeId(`${domain}/amime/agent/x`),
		selectors: ["spiffe_id:x", "k8s_psat:cluster:a"],
	};
	const entries = [
		entryOf({ id: "own", parentId: agent.spiffeId }),
		entryOf({ id: "alias", parentId: server, spiffeId: id("/node/a"), selectors: ["k8s_psat:cluster:a"] }),
		entryOf({ id: "stranger", parentId: server, spiffeId: id("/node/b"), selectors: ["k8s_psat:cluster:b"] }),
		entryOf({ id: "by-alias", parentId: id("/node/a"), spiffeId: id("/db") }),
		entryOf({ id: "nested", parentId: id("/db"), spiffeId: id("/db/replica") }),
		entryOf({ id: "circle", parentId: id("/db/replica"), spiffeId: id("/db") }),
		entryOf({ id: "of-stranger", parentId: id("/node/b") }),
	];
	const found = findAgentEntries(entries, agent, server).map((entry) => entry.id);
	assert.deepEqual(found.sort(), ["by-alias", "circle", "nested", "own"]);
});

const id = (path: string) => parseSpiffeId(`${domain}${path}`);

/** The command line beside a running control plane. */
async function openDesk(t: TestContext) {
	const { plane } = await startControlPlane(t, "");
	const folder = makeTemporaryFolder(t);
	const adminUrl = `http://127.0.0.1:${plane.adminPort}`;
	mkdirSync(join(folder, ".amime/mesh"), { recursive: true });
	const control = { pid: process.pid, adminUrl, xdsAddress: "", token: "test-token" };
	writeFileSync(join(folder, ".amime/mesh/control.json"), JSON.stringify(control));
	const { run } = createTestHost({
		folder,
		connect: (found) => {
			const client = createControlClient(found);
			t.after(() => client.close());
			return client;
		},
	});
	return run;
}
