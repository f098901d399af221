import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import {
	chmodSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createFakeClock, type FakeClock } from "../../../test/support/fake-clock.ts";
import { createTestPki } from "../../../test/support/pki.ts";
import { makeTemporaryFolder } from "../../../test/support/temporary-folder.ts";
import { createLog } from "../../core/index.ts";
import { createSigningRequest } from "../x509/index.ts";
import { createAuthority } from "./authority.ts";

const day = 24 * 3_600_000;
const firstFiles = ["authority.json", "issuer.key", "issuer.pem", "root.key", "root.pem"];

async function setUp(t: TestContext) {
	const clock = createFakeClock();
	const folder = join(makeTemporaryFolder(t), "state", "ca");
	const lines: string[] = [];
	const log = createLog({ level: "trace", write: (line) => lines.push(line) });
	const open = async (trustDomain = "cluster.local", at: FakeClock = clock) => {
		const authority = await createAuthority({ folder, trustDomain, clock: at, log });
		t.after(() => authority.close());
		return authority;
	};
	const read = (name: string) => readFileSync(join(folder, name), "utf8");
	const write = (name: string, text: string) => writeFileSync(join(folder, name), text, { mode: 0o600 });
	(await open()).close();
	return { folder, clock, lines, open, read, write };
}

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

test("the first start makes root and issuer, readable by their owner alone", async (t) => {
	const { folder } = await setUp(t);
	assert.equal(modeOf(folder), "700");
	assert.deepEqual(
		readdirSync(folder)
			.filter((name) => !name.startsWith("jwt-"))
			.sort(),
		firstFiles,
	);
	for (const name of readdirSync(folder)) assert.equal(modeOf(join(folder, name)), "600", name);
	assert.deepEqual(readdirSync(join(folder, "..")), ["ca"]);
});

test("later starts use what is there", async (t) => {
	const { open } = await setUp(t);
	const first = await open();
	const second = await open();
	assert.deepEqual(second.certificates(), first.certificates());
	assert.equal(second.bundle().pem, first.bundle().pem);
});

test("root and issuer live ten years and one", async (t) => {
	const { open, clock } = await setUp(t);
	const [root, issuer] = (await open()).certificates();
	assert.equal(root!.notAfter - clock.wall(), 3650 * day);
	assert.equal(issuer!.notAfter - clock.wall(), 365 * day);
});

test("a folder that is empty counts as none, one with other things in it is refused", async (t) => {
	const { folder, open } = await setUp(t);
	for (const name of readdirSync(folder)) rmSync(join(folder, name));
	assert.equal((await open()).certificates().length, 2);
	for (const name of readdirSync(folder)) rmSync(join(folder, name));
	writeFileSync(join(folder, "notes.txt"), "mine");
	await assert.rejects(open(), { code: "AUTHORITY_FOLDER", message: /holds other files/ });
});

test("permissions that let others read are tightened, and said so", async (t) => {
	const { folder, open, lines } = await setUp(t);
	chmodSync(folder, 0o755);
	chmodSync(join(folder, "root.key"), 0o644);
	await open();
	assert.equal(modeOf(folder), "700");
	assert.equal(modeOf(join(folder, "root.key")), "600");
	assert.equal(lines.filter((line) => line.includes("permissions tightened")).length, 2);
});

test("a file that is a link, or damaged, or missing, or of another pair is refused by name", async (t) => {
	const { folder, open, read, write } = await setUp(t);
	const refuses = async (name: string, change: () => void, expected: { code: string; message: RegExp }) => {
		const good = read(name);
		change();
		await assert.rejects(open(), expected);
		rmSync(join(folder, name), { recursive: true, force: true });
		write(name, good);
		await open();
	};
	const damaged = (message: RegExp) => ({ code: "AUTHORITY_DAMAGED", message });
	await refuses("root.pem", () => write("root.pem", "nonsense"), damaged(/root\.pem: no certificate in it/));
	await refuses(
		"root.pem",
		() => write("root.pem", read("root.pem").replace("MII", "AAA")),
		damaged(/damaged certificate/),
	);
	await refuses("root.key", () => write("root.key", "nonsense"), damaged(/root\.key: damaged private key/));
	await refuses("root.key", () => write("root.key", read("issuer.key")), damaged(/root\.key: is not the key of/));
	await refuses("issuer.key", () => rmSync(join(folder, "issuer.key")), damaged(/issuer\.key: missing/));
	const stranger = createTestPki({ now: Date.UTC(2026, 0, 1) });
	await refuses(
		"issuer.pem",
		() => write("issuer.pem", stranger.issuerPem),
		damaged(/not signed by the root beside it/),
	);
	await refuses(
		"root.pem",
		() => write("root.pem", stranger.issue(stranger.idOf("web")).certificatePem),
		damaged(/no certificate authority/),
	);
	const link = () => {
		renameSync(join(folder, "issuer.key"), join(folder, "elsewhere"));
		symlinkSync(join(folder, "elsewhere"), join(folder, "issuer.key"));
	};
	await refuses("issuer.key", link, { code: "AUTHORITY_FOLDER", message: /is no regular file/ });
});

test("an authority of another trust domain is refused, with what to do", async (t) => {
	const { open } = await setUp(t);
	await assert.rejects(open("other.example"), {
		code: "AUTHORITY_FOREIGN",
		message: /is of spiffe:\/\/cluster\.local, not of spiffe:\/\/other\.example; use its trust domain/,
	});
	await assert.rejects(open("Not A Domain"), { code: "SPIFFE_ID_INVALID" });
});

test("an issuer past three quarters of its life makes room for the next, under the same root", async (t) => {
	const { open, clock, folder } = await setUp(t);
	const authority = await open();
	const [root, issuer] = authority.certificates();
	authority.close();
	clock.advance(300 * day);
	const [sameRoot, next, ...others] = (await open()).certificates();
	assert.deepEqual(sameRoot, root);
	assert.notEqual(next!.serial, issuer!.serial);
	assert.equal(next!.notAfter - clock.wall(), 365 * day);
	// Nothing that it signed is good any more.
	assert.deepEqual(others, []);
	assert.ok(!readdirSync(folder).includes("issuer.key"));
});

test("a folder of root and issuer alone, as it was before there were slots, goes on", async (t) => {
	const { open, folder } = await setUp(t);
	const first = await open();
	const before = first.certificates();
	first.close();
	for (const name of readdirSync(folder)) if (/^authority|^jwt/.test(name)) rmSync(join(folder, name));
	const authority = await open();
	assert.deepEqual(authority.certificates(), before);
	assert.equal(authority.jwtKeys().length, 1);
	assert.deepEqual(
		readdirSync(folder)
			.filter((name) => !name.startsWith("jwt-"))
			.sort(),
		firstFiles,
	);
});

test("an issuer that cannot be replaced goes on signing, and the log says so", async (t) => {
	const { open, clock, write, lines } = await setUp(t);
	const authority = await open();
	const [, issuer] = authority.certificates();
	clock.advance(300 * day);
	write("root.key", "nonsense");
	const csr = createSigningRequest(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey, {});
	for (const _ of [1, 2]) await authority.sign({ csr, spiffeId: "spiffe://cluster.local/ns/a/sa/b", ttlMs: day });
	assert.deepEqual(authority.certificates()[1], issuer);
	assert.ok(lines.some((line) => line.includes("issuer not renewed") && line.includes("root.key")));
	clock.advance(65 * day);
	await assert.rejects(authority.sign({ csr, spiffeId: "spiffe://cluster.local/ns/a/sa/b", ttlMs: day }), {
		code: "AUTHORITY_EXPIRED",
	});
});

test("a root that ended, or has not begun, signs nothing", async (t) => {
	const { open } = await setUp(t);
	await assert.rejects(open("cluster.local", createFakeClock({ wall: Date.UTC(2036, 0, 2) })), {
		code: "AUTHORITY_EXPIRED",
		message: /root of cluster\.local is valid from .* check the machine's clock/,
	});
	await assert.rejects(open("cluster.local", createFakeClock({ wall: Date.UTC(2025, 0, 1) })), {
		code: "AUTHORITY_EXPIRED",
	});
});

test("a crash while an authority is made, or an issuer is replaced, loses nothing", async (t) => {
	const { open, read, write, folder, clock } = await setUp(t);
	const first = await open();
	const before = first.certificates();
	first.close();
	// The key of the next issuer came to the disk, and no more.
	write("issuer-0badcafe.key", read("issuer.key"));
	assert.deepEqual((await open()).certificates(), before);
	// Root and issuer are there, what they are for is not.
	rmSync(join(folder, "authority.json"));
	assert.deepEqual((await open()).certificates(), before);
	// The root is there, its issuer is not.
	for (const name of ["authority.json", "issuer.pem", "issuer.key"]) rmSync(join(folder, name));
	clock.advance(1_000);
	const [root, issuer] = (await open()).certificates();
	assert.deepEqual(root, before[0]);
	assert.notEqual(issuer!.serial, before[1]!.serial);
});

test("no key is in a log line or an error", async (t) => {
	const { open, read, write, lines, folder } = await setUp(t);
	const secrets = ["root.key", "issuer.key"].map((name) => read(name).split("\n")[1] as string);
	const errors: string[] = [];
	write("root.key", read("root.key").replace("END PRIVATE", "END PUBLIC"));
	await open().catch((error: Error) => errors.push(`${error.stack} ${JSON.stringify(error.cause)}`));
	rmSync(join(folder, "issuer.key"));
	mkdirSync(join(folder, "issuer.key"));
	await open().catch((error: Error) => errors.push(`${error.stack} ${JSON.stringify(error.cause)}`));
	assert.equal(errors.length, 2);
	for (const secret of secrets) assert.ok(![...lines, ...errors].some((line) => line.includes(secret)));
});
