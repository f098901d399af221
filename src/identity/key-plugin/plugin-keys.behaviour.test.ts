/** Keys in a plugin, over a unix socket and as a program: what is asked, what is refused, and what happens while it is away. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { eventually } from "../../../test/support/eventually.ts";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { createSoftwareKeyDevice } from "../../../test/support/software-key-device.ts";
import { makeTemporaryFolder } from "../../../test/support/temporary-folder.ts";
import { createLog, createSeededRandom, MeshError, silentLog } from "../../core/index.ts";
import { createAuthority } from "../authority/authority.ts";
import { createSigningRequest } from "../x509/index.ts";
import { createPluginKeys } from "./plugin-keys.ts";
import { serveKeyPlugin } from "./serve-plugin.ts";

const web = "spiffe://cluster.local/ns/shop/sa/web";

/** A plugin on a socket that can be taken away and brought back, and an authority's view of it. */
async function setUp(t: TestContext) {
	const folder = makeTemporaryFolder(t);
	const device = createSoftwareKeyDevice();
	const clock = createFakeClock();
	const path = join(folder, "keys.sock");
	const lines: string[] = [];
	const log = createLog({ level: "debug", write: (line) => lines.push(line) });
	let server: Server | undefined;
	let connections = 0;
	const open = new Set<Socket>();
	const start = async (): Promise<void> => {
		server = createServer((socket) => {
			connections++;
			open.add(socket);
			socket.on("close", () => open.delete(socket));
			void serveKeyPlugin({ input: socket, output: socket, device, log: silentLog });
		});
		await new Promise<void>((resolve) => server!.listen(path, resolve));
	};
	const stop = async (): Promise<void> => {
		for (const socket of open) socket.destroy();
		await new Promise<void>((resolve) => void server?.close(() => resolve()));
		rmSync(path, { force: true });
	};
	await start();
	const keys = createPluginKeys({ place: { kind: "socket", path }, clock, random: createSeededRandom(1), log });
	t.after(async () => {
		keys.close();
		await stop();
	});
	const ca = join(folder, "ca");
	const openAuthority = async () => {
		const authority = await createAuthority({ folder: ca, trustDomain: "cluster.local", keys, clock, log });
		t.after(() => authority.close());
		return authority;
	};
	return { device, clock, keys, ca, lines, start, stop, openAuthority, connections: () => connections };
}

const requestOf = (): Buffer =>
	createSigningRequest(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey, {
		names: [{ kind: "uri", value: web }],
	});

test("every key of an authority is made in the plugin, and no file holds one", async (t) => {
	const { device, ca, openAuthority } = await setUp(t);
	const authority = await openAuthority();
	const issued = await authority.sign({ csr: requestOf(), spiffeId: web, ttlMs: 3_600_000 });
	assert.match(issued.chain, /BEGIN CERTIFICATE/);
	assert.ok(
		(await authority.signJwt({ spiffeId: web, audiences: ["a"], ttlMs: 60_000 })).token.split(".").length === 3,
	);
	assert.deepEqual(
		readdirSync(ca).filter((name) => name.endsWith(".key")),
		[],
	);
	const names = [...device.keys.keys()].map((name) => name.split("-")[0]).sort();
	assert.deepEqual(names, ["issuer", "jwt", "root"]);
	await eventually(() => assert.deepEqual(authority.status().keys, { place: "a box of keys" }));
	assert.ok(authority.status().roots.every(({ keyIn }) => keyIn === "plugin"));
});

test("an authority opens while its plugin is away, says why it cannot sign, and signs when it is back", async (t) => {
	const { device, clock, stop, start, openAuthority, connections } = await setUp(t);
	const before = await openAuthority();
	const { bundle } = await before.sign({ csr: requestOf(), spiffeId: web, ttlMs: 3_600_000 });
	before.close();
	await stop();
	const authority = await openAuthority();
	assert.equal(authority.bundle().pem, bundle, "what is published does not need the key");
	const ask = () => authority.sign({ csr: requestOf(), spiffeId: web, ttlMs: 3_600_000 });
	await assert.rejects(ask(), { code: "KEY_PLUGIN_UNAVAILABLE", message: /keys\.sock is away/ });
	await eventually(() => assert.match(authority.status().keys.problem ?? "", /is away/));
	await start();
	const [asked, signed] = [connections(), device.signatures];
	const crowd = await Promise.allSettled(Array.from({ length: 50 }, ask));
	assert.ok(
		crowd.every(({ status }) => status === "rejected"),
		"before its time nobody asks",
	);
	assert.equal(connections(), asked);
	clock.advance(31_000);
	await Promise.all(Array.from({ length: 10 }, ask));
	// The authority looks after its plugin as well, twice in this time.
	assert.ok(connections() <= asked + 3, "one connection for all");
	assert.equal(device.signatures, signed + 10);
	await eventually(async () => {
		await clock.advanceAsync(15_000);
		assert.equal(authority.status().keys.problem, undefined);
	});
});

test("a plugin that does not answer is given up after its time", async (t) => {
	const { clock, device, openAuthority, lines } = await setUp(t);
	const authority = await openAuthority();
	const hanging = Promise.withResolvers<never>();
	device.sign = () => hanging.promise;
	const answer = authority.sign({ csr: requestOf(), spiffeId: web, ttlMs: 3_600_000 });
	const refusal = assert.rejects(answer, { code: "KEY_PLUGIN_UNAVAILABLE", message: /no answer within 10000 ms/ });
	await eventually(async () => {
		await clock.advanceAsync(10_001);
		assert.ok(lines.some((line) => line.includes("key plugin is away")));
	});
	await refusal;
});

test("a signature that does not hold, and a refusal of the device, are nothing to sign with", async (t) => {
	const { device, openAuthority } = await setUp(t);
	const authority = await openAuthority();
	const ask = () => authority.sign({ csr: requestOf(), spiffeId: web, ttlMs: 3_600_000 });
	device.isLying = true;
	await assert.rejects(ask(), { code: "KEY_PLUGIN_REFUSED", message: /does not hold/ });
	device.isLying = false;
	device.fault = new MeshError("PKCS11_REFUSED", "C_Login: CKR_PIN_LOCKED");
	await assert.rejects(ask(), { code: "KEY_PLUGIN_REFUSED", message: /CKR_PIN_LOCKED/ });
	device.fault = undefined;
	device.keys.clear();
	await assert.rejects(ask(), { code: "KEY_PLUGIN_REFUSED", message: /there is no key 'issuer-/ });
});

test("a rotated root's key is removed from the plugin, and an authority of files moves to the plugin so", async (t) => {
	const { device, ca, keys, clock, openAuthority } = await setUp(t);
	const files = await createAuthority({ folder: ca, trustDomain: "cluster.local", clock });
	files.close();
	const authority = await openAuthority();
	assert.deepEqual([authority.status().roots[0]?.keyIn, device.keys.size], [undefined, 0]);
	await authority.rotate("root");
	await clock.advanceAsync(48 * 3_600_000);
	await eventually(async () => {
		await authority.advance();
		assert.deepEqual(
			authority.status().roots.map(({ keyIn, phase }) => [keyIn, phase]),
			[["plugin", "active"]],
		);
	});
	await eventually(() =>
		assert.ok(!readdirSync(ca).some((name) => name.startsWith("root.") || name.startsWith("issuer."))),
	);
	const first = [...device.keys.keys()].filter((name) => name.startsWith("root"));
	await authority.rotate("root");
	await clock.advanceAsync(48 * 3_600_000);
	await eventually(async () => {
		await authority.advance();
		assert.ok(!device.keys.has(first[0]!), [...device.keys.keys()].join());
	});
	keys.close();
	const without = createAuthority({ folder: ca, trustDomain: "cluster.local", clock });
	await assert.rejects(without, { code: "KEY_PLUGIN_MISSING", message: /--key-plugin/ });
});

test("a program that ends, or says something else, is told with its last words", async (t) => {
	const folder = makeTemporaryFolder(t);
	const script = join(folder, "plugin.mjs");
	const run = async (code: string): Promise<Error> => {
		writeFileSync(script, code);
		const place = { kind: "command", program: process.execPath, args: [script] } as const;
		const keys = createPluginKeys({ place, clock: createFakeClock(), random: createSeededRandom(1), log: silentLog });
		t.after(() => keys.close());
		return keys.create("root").then(
			() => assert.fail("it is no plugin"),
			(error: Error) => error,
		);
	};
	assert.match((await run("console.error('no token here'); process.exit(3)")).message, /code 3: no token here/);
	assert.match((await run("console.log('hello')")).message, /'hello', which is no answer/);
	assert.match((await run("process.stdout.write('x'.repeat(200_000))")).message, /more than 65536 bytes/);
	const answering = (result: string) =>
		`process.stdin.on("data", (text) => console.log(JSON.stringify({ id: JSON.parse(text).id, result: ${result} })))`;
	assert.match((await run(answering(`{ publicKey: "none" }`))).message, /no PEM/);
});
