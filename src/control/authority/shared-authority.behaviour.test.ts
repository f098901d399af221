/** An authority that several control planes share on one store, and the holders that it waits for. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { eventually } from "../../../test/support/eventually.ts";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { makeTemporaryFolder } from "../../../test/support/temporary-folder.ts";
import { silentLog, systemClock } from "../../core/index.ts";
import { createAuthority, verifySvidPem } from "../../identity/index.ts";
import { createSigningRequest } from "../../identity/x509/index.ts";
import type { WorkloadInstance } from "../../model/index.ts";
import { openSqliteStore, type Store } from "../../registry/index.ts";
import { openAuthority, openHolders } from "./index.ts";

const csr = createSigningRequest(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey, {});
const request = { csr, spiffeId: "spiffe://mesh.example/ns/shop/sa/web", ttlMs: 3_600_000, holder: "shop/web-0" };
const registry = { list: (): readonly WorkloadInstance[] => [], watch: () => () => undefined };

function openStore(t: TestContext): Store {
	const store = openSqliteStore(join(makeTemporaryFolder(t), "store.db"), { clock: systemClock });
	t.after(() => store.close());
	return store;
}

async function openOne(t: TestContext, store: Store, stateFolder = makeTemporaryFolder(t)) {
	const closers: (() => Promise<void> | void)[] = [];
	const close = async (): Promise<void> => {
		for (const part of closers.splice(0).reverse()) await part();
	};
	t.after(close);
	const options = { stateFolder, store, isShared: true, instances: registry, trustDomain: "mesh.example" };
	const opened = await openAuthority({ ...options, clock: systemClock, log: silentLog, closers });
	return { ...opened, stateFolder, close };
}

test("three control planes on one store sign under one root, and a rotation at one is a rotation of all", async (t) => {
	const store = openStore(t);
	const planes = [];
	for (let count = 0; count < 3; count++) planes.push(await openOne(t, store));
	const [first, second, third] = planes as [(typeof planes)[0], (typeof planes)[0], (typeof planes)[0]];
	const before = await third.authority.sign(request);
	assert.ok(verifySvidPem(before.chain, first.authority.bundle(), Date.now()).ok);
	await third.holders.onSigned("shop/web-0", before);
	await second.authority.rotate("root");
	for (const { authority } of planes) await eventually(() => assert.equal(authority.bundle().authorities.length, 2));
	assert.equal(first.authority.status().missing[0]?.name, "shop/web-0");
	assert.equal((await first.authority.sign(request)).root, before.root);

	const acknowledged = second.authority.bundle().authorities.map(({ id }) => id);
	await third.holders.onReport({ name: "shop/web-0", acknowledged, serial: before.serial });
	await eventually(async () => assert.notEqual((await third.authority.sign(request)).root, before.root));
	// Its proxy shows the old certificate still.
	assert.deepEqual(
		first.authority
			.status()
			.roots.find(({ phase }) => phase === "retiring")
			?.heldBy.map(({ name }) => name),
		["shop/web-0"],
	);
	const after = await third.authority.sign(request);
	await third.holders.onSigned("shop/web-0", after);
	await third.holders.onReport({ name: "shop/web-0", acknowledged, serial: after.serial });
	for (const { authority } of planes) await eventually(() => assert.equal(authority.bundle().authorities.length, 1));
	const [key] = first.authority.jwtKeys();
	assert.deepEqual(third.authority.jwtKeys(), [key]);
});

test("no private key lies open in the store, and a member that comes back needs nobody", async (t) => {
	const store = openStore(t);
	const first = await openOne(t, store);
	const { items } = await store.range({ prefix: "/amime/authority/" });
	assert.ok(items.some(({ key }) => key.startsWith("/amime/authority/slots/root")));
	for (const { key, value } of items) assert.doesNotMatch(value, /PRIVATE KEY/, key);
	const { bundle } = await first.authority.sign(request);
	await first.close();
	const again = await openOne(t, store, first.stateFolder);
	assert.equal((await again.authority.sign(request)).bundle, bundle);
	const folder = join(first.stateFolder, "ca");
	assert.deepEqual(readdirSync(folder), ["member.key"]);
	assert.equal((statSync(join(folder, "member.key")).mode & 0o777).toString(8), "600");
	assert.match(readFileSync(join(first.stateFolder, "audit", "signatures.jsonl"), "utf8"), /shop\/web-0/);
});

test("a control plane that had an authority of its own brings it to an empty store", async (t) => {
	const stateFolder = makeTemporaryFolder(t);
	const own = await createAuthority({ folder: join(stateFolder, "ca"), trustDomain: "mesh.example" });
	own.close();
	const store = openStore(t);
	const first = await openOne(t, store, stateFolder);
	const second = await openOne(t, store);
	assert.equal(second.authority.bundle().pem, own.bundle().pem);
	assert.ok(verifySvidPem((await second.authority.sign(request)).chain, first.authority.bundle(), Date.now()).ok);
});

test("live are instances with a sidecar and holders of good certificates; who reports less than all is missing", async (t) => {
	const clock = createFakeClock();
	const instance = (name: string, change: Partial<WorkloadInstance> = {}): WorkloadInstance => ({
		...{ name, namespace: "shop", workload: name, labels: {}, serviceAccount: name, address: "127.0.0.1" },
		...{ pattern: "sidecar", sidecar: "envoy", ports: [], upstreams: [], health: "ready", registeredAt: 5 },
		...change,
	});
	const instances = [
		instance("web-0"),
		instance("plain-0", { pattern: "none" }),
		instance("pod-0", { declaredBy: "Pod" }),
	];
	const holders = await openHolders(
		openStore(t),
		{ list: () => instances, watch: () => () => undefined },
		{ clock, log: silentLog },
	);
	t.after(() => holders.close());
	const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name).join();
	const issued = (serial: string, root: string, notAfter: number) =>
		({ serial, root, notAfter }) as Parameters<typeof holders.onSigned>[1];
	assert.deepEqual(holders.missing(["r1"]), [{ name: "shop/web-0", since: 5 }]);
	await holders.onSigned("agent/a/entry", issued("1", "root-a", clock.wall() + 1000));
	assert.equal(names(holders.missing(["r1"])), "agent/a/entry,shop/web-0");
	await holders.onReport({ name: "shop/web-0", acknowledged: ["r1"] });
	assert.equal(names(holders.missing(["r1"])), "agent/a/entry");
	assert.equal(names(holders.missing(["r1", "r2"])), "agent/a/entry,shop/web-0");
	assert.equal(names(holders.holding("root-a")), "agent/a/entry");
	// A later certificate is shown once its proxy has it, not before.
	await holders.onSigned("agent/a/entry", issued("2", "root-b", clock.wall() + 5000));
	assert.equal(names(holders.holding("root-a")), "agent/a/entry");
	await holders.onReport({ name: "agent/a/entry", acknowledged: ["r1"], serial: "2" });
	assert.equal(names(holders.holding("root-a")), "");
	assert.equal(names(holders.holding("root-b")), "agent/a/entry");
	assert.equal(holders.count(), 2);
	clock.advance(5001);
	assert.equal(holders.count(), 1);
	await holders.remove("shop/web-0");
	assert.equal(names(holders.missing(["r1"])), "shop/web-0");
});
