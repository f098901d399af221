import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { findProgram, skipWithout } from "../../../test/support/peers.ts";
import { makeTemporaryFolder } from "../../../test/support/temporary-folder.ts";
import { createLog } from "../../core/index.ts";
import { verifySvidPem } from "../svid.ts";
import { createSigningRequest, type ExtensionOptions, readCertificates } from "../x509/index.ts";
import { createAuthority } from "./authority.ts";

const web = "spiffe://cluster.local/ns/shop/sa/web";
const hour = 3_600_000;
const newKey = () => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
const request = (extensions: ExtensionOptions = {}) => createSigningRequest(newKey(), extensions);

async function setUp(t: TestContext) {
	const clock = createFakeClock();
	const lines: string[] = [];
	const log = createLog({ level: "trace", write: (line) => lines.push(line), clock });
	const folder = join(makeTemporaryFolder(t), "ca");
	const authority = await createAuthority({ folder, trustDomain: "cluster.local", clock, log });
	return { authority, clock, lines };
}

test("a signed SVID is good under the authority's bundle, for the identity asked for", async (t) => {
	const { authority, clock, lines } = await setUp(t);
	const issued = await authority.sign({ csr: request(), spiffeId: web, ttlMs: hour });
	const verified = verifySvidPem(issued.chain, authority.bundle(), clock.wall());
	assert.ok(verified.ok);
	assert.equal(verified.value.spiffeId, web);
	assert.equal(issued.bundle, authority.bundle().pem);
	assert.equal(issued.serial, verified.value.leaf.serial);
	assert.ok(lines.some((line) => line.includes("svid signed") && line.includes(issued.serial) && line.includes(web)));
});

test("the certificate begins a minute ago and ends after the time asked for, a day at most", async (t) => {
	const { authority, clock } = await setUp(t);
	const lifetimeOf = async (ttlMs: number) => {
		const { chain } = await authority.sign({ csr: request(), spiffeId: web, ttlMs });
		const [leaf] = readCertificates(chain);
		assert.equal(leaf!.notBefore, clock.wall() - 60_000);
		return leaf!.notAfter - clock.wall();
	};
	assert.equal(await lifetimeOf(hour), hour);
	assert.equal(await lifetimeOf(1_000 * hour), 24 * hour);
	assert.equal(await lifetimeOf(1), 60_000);
});

test("serial numbers have 128 bits and do not repeat", async (t) => {
	const { authority } = await setUp(t);
	const csr = request();
	const serials = new Set<string>();
	for (let count = 0; count < 200; count++) {
		serials.add((await authority.sign({ csr, spiffeId: web, ttlMs: hour })).serial);
	}
	assert.equal(serials.size, 200);
	for (const serial of serials) assert.match(serial, /^[0-9a-f]{32}$/);
});

test("a request for more than the identity is refused", async (t) => {
	const { authority } = await setUp(t);
	const refused = [
		{ names: [{ kind: "uri", value: "spiffe://cluster.local/ns/shop/sa/orders" }] },
		{
			names: [
				{ kind: "uri", value: web },
				{ kind: "uri", value: "spiffe://cluster.local/ns/shop/sa/orders" },
			],
		},
		{ names: [{ kind: "dns", value: "orders.shop" }] },
		{ basicConstraints: { isCa: true } },
		{ keyUsages: ["keyCertSign"] },
	] satisfies ExtensionOptions[];
	for (const extensions of refused) {
		const csr = request(extensions);
		await assert.rejects(authority.sign({ csr, spiffeId: web, ttlMs: hour }), { code: "CSR_REFUSED" });
	}
	const own = request({ names: [{ kind: "uri", value: web }] });
	assert.equal((await authority.sign({ csr: own, spiffeId: web, ttlMs: hour })).spiffeId, web);
});

test("an identity of another trust domain, or of none, is refused", async (t) => {
	const { authority } = await setUp(t);
	const sign = (spiffeId: string) => authority.sign({ csr: request(), spiffeId, ttlMs: hour });
	await assert.rejects(sign("spiffe://other.example/ns/shop/sa/web"), { code: "CSR_REFUSED" });
	await assert.rejects(sign("spiffe://cluster.local"), { code: "CSR_REFUSED" });
	await assert.rejects(sign("web"), { code: "SPIFFE_ID_INVALID" });
	await assert.rejects(authority.sign({ csr: Buffer.from("no request"), spiffeId: web, ttlMs: hour }), {
		code: "CSR_INVALID",
	});
});

const openssl = findProgram("openssl");

test("openssl accepts the chain, strictly", { skip: skipWithout("openssl", openssl) }, async (t) => {
	const folder = makeTemporaryFolder(t);
	const authority = await createAuthority({ folder: join(folder, "ca"), trustDomain: "cluster.local" });
	const { chain, bundle } = await authority.sign({ csr: request(), spiffeId: web, ttlMs: hour });
	writeFileSync(join(folder, "chain.pem"), chain);
	writeFileSync(join(folder, "bundle.pem"), bundle);
	for (const purpose of ["sslserver", "sslclient"]) {
		const flags = [
			"-x509_strict",
			"-purpose",
			purpose,
			"-CAfile",
			"bundle.pem",
			"-untrusted",
			"chain.pem",
			"chain.pem",
		];
		const words = execFileSync(openssl as string, ["verify", ...flags], { cwd: folder, encoding: "utf8" });
		assert.equal(words.trim(), "chain.pem: OK");
	}
	const text = execFileSync(openssl as string, ["x509", "-in", "chain.pem", "-noout", "-text"], {
		cwd: folder,
		encoding: "utf8",
	});
	assert.match(text, /Subject Alternative Name: critical\s+URI:spiffe:\/\/cluster\.local\/ns\/shop\/sa\/web\n/);
	assert.match(text, /Key Usage: critical\s+Digital Signature\n/);
});
