/** Rotations of a whole authority: who is waited for, what stays good, upstream authorities, tokens. */
import assert from "node:assert/strict";
import { createHash, createPrivateKey, generateKeyPairSync, verify } from "node:crypto";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { makeTemporaryFolder } from "../../../test/support/temporary-folder.ts";
import { verifySvidPem } from "../svid.ts";
import {
	type Certificate,
	createCertificate,
	createSigningRequest,
	encodeName,
	encodePublicKey,
	formatCertificates,
	readCertificate,
	readCertificates,
	readSigningRequest,
	subjectOf,
} from "../x509/index.ts";
import { openAuditFile } from "./audit.ts";
import { createAuthority } from "./authority.ts";
import type { AuthorityOptions, HolderBoard, WaitedFor } from "./authority-types.ts";
import { readPublicJwk } from "./jwt-key.ts";
import { createUpstreamFiles } from "./upstream.ts";
import { createUpstreamCommand } from "./upstream-command.ts";

const web = "spiffe://cluster.local/ns/shop/sa/web";
const day = 24 * 3_600_000;
const hour = 3_600_000;
const csr = createSigningRequest(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey, {});

/** Holders that say what the test wants. */
function createBoard() {
	const listeners = new Set<() => void>();
	const board = { missing: [] as WaitedFor[], holding: [] as WaitedFor[] };
	const holders: HolderBoard = {
		missing: () => board.missing,
		holding: () => board.holding,
		count: () => 1,
		onChange(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
	};
	return { board, holders, tell: () => listeners.forEach((listener) => void listener()) };
}

async function open(t: TestContext, options: Partial<AuthorityOptions> = {}) {
	const clock = createFakeClock();
	const folder = join(makeTemporaryFolder(t), "ca");
	const authority = await createAuthority({ folder, trustDomain: "cluster.local", clock, ...options });
	t.after(() => authority.close());
	const sign = () => authority.sign({ csr, spiffeId: web, ttlMs: hour, holder: "shop/web-0" });
	return { authority, clock, folder, sign };
}

test("a root rotation waits for whoever is missing, tells who, and keeps the old root while it is shown", async (t) => {
	const { board, holders } = createBoard();
	const { authority, sign, clock } = await open(t, { holders });
	const before = await sign();
	board.missing = [{ name: "shop/web-0", since: 7 }];
	board.holding = board.missing;
	let changes = 0;
	authority.onChange(() => changes++);
	await authority.rotate("root");
	assert.equal(authority.bundle().authorities.length, 2);
	assert.equal(changes, 1);
	const waiting = await sign();
	assert.equal(waiting.root, before.root);
	assert.deepEqual(authority.status().missing, [{ name: "shop/web-0", since: clock.wall() }]);
	await assert.rejects(authority.rotate("root"), { code: "AUTHORITY_ROTATING" });

	board.missing = [];
	await authority.advance();
	const after = await sign();
	assert.notEqual(after.root, before.root);
	// Both are good under the bundle of now; those who hold the bundle of before trust neither less.
	for (const { chain } of [before, waiting, after])
		assert.ok(verifySvidPem(chain, authority.bundle(), clock.wall()).ok);
	assert.equal(authority.bundle().authorities.length, 2);

	board.holding = [];
	await authority.advance();
	assert.equal(authority.bundle().authorities.length, 1);
	assert.ok(verifySvidPem(after.chain, authority.bundle(), clock.wall()).ok);
	assert.ok(!verifySvidPem(before.chain, authority.bundle(), clock.wall()).ok);
});

test("a root is published for as long as those need who fetch it, and then used", async (t) => {
	const { authority, sign, clock } = await open(t, { rootPublishMs: 600_000 });
	const before = await sign();
	await authority.rotate("root");
	clock.advance(599_000);
	await authority.advance();
	assert.equal((await sign()).root, before.root);
	assert.equal(authority.status().missing.length, 1);
	clock.advance(1_000);
	await authority.advance();
	assert.notEqual((await sign()).root, before.root);
	assert.deepEqual(authority.status().missing, []);
});

test("a forced rotation waits for nobody", async (t) => {
	const { board, holders } = createBoard();
	const { authority, sign } = await open(t, { holders });
	const before = await sign();
	board.missing = [{ name: "shop/web-0", since: 7 }];
	await authority.rotate("root");
	await authority.rotate("root", { force: true });
	assert.notEqual((await sign()).root, before.root);
});

test("a certificate of somebody who does not report keeps the old root to its end, across a restart", async (t) => {
	const { authority, clock, folder } = await open(t);
	await authority.sign({ csr, spiffeId: web, ttlMs: day });
	await authority.rotate("root");
	await authority.advance();
	assert.equal(authority.bundle().authorities.length, 2);
	authority.close();
	clock.advance(12 * hour);
	const reopened = await createAuthority({ folder, trustDomain: "cluster.local", clock });
	assert.equal(reopened.bundle().authorities.length, 2);
	clock.advance(13 * hour + 1);
	await reopened.advance();
	assert.equal(reopened.bundle().authorities.length, 1);
	reopened.close();
});

test("an issuer is rotated under the same root, and waits for nobody", async (t) => {
	const { board, holders } = createBoard();
	const { authority, sign } = await open(t, { holders });
	board.missing = [{ name: "shop/web-0", since: 7 }];
	const before = await sign();
	await authority.rotate("issuer");
	const after = await sign();
	assert.equal(after.root, before.root);
	assert.notEqual(readCertificates(after.chain)[1]!.serial, readCertificates(before.chain)[1]!.serial);
	assert.equal(authority.bundle().authorities.length, 1);
});

test("tokens are signed by the key that is published, before and after its rotation", async (t) => {
	const { authority, clock } = await open(t);
	const check = async () => {
		const { token, expiresAt } = await authority.signJwt({ spiffeId: web, audiences: ["a", "b"], ttlMs: 10 * hour });
		const [head, body, signature] = token.split(".") as [string, string, string];
		const { alg, kid, typ } = JSON.parse(Buffer.from(head, "base64url").toString());
		const claims = JSON.parse(Buffer.from(body, "base64url").toString());
		const key = authority.jwtKeys().find(({ keyId }) => keyId === kid);
		assert.deepEqual(
			[alg, typ, claims.sub, claims.aud, claims.exp * 1000],
			["ES256", "JWT", web, ["a", "b"], expiresAt],
		);
		assert.equal(expiresAt, clock.wall() + hour);
		const publicKey = { key: readPublicJwk(key!.publicJwk), dsaEncoding: "ieee-p1363" as const };
		assert.ok(verify("sha256", Buffer.from(`${head}.${body}`), publicKey, Buffer.from(signature, "base64url")));
		return kid;
	};
	const first = await check();
	await authority.rotate("jwt");
	assert.equal(authority.jwtKeys().length, 2);
	assert.equal(await check(), first);
	clock.advance(300_000);
	await authority.advance();
	assert.notEqual(await check(), first);
	assert.equal(authority.jwtKeys().length, 2);
	clock.advance(hour);
	await authority.advance();
	assert.equal(authority.jwtKeys().length, 1);
	await assert.rejects(authority.signJwt({ spiffeId: web, audiences: [], ttlMs: 1 }), { code: "CSR_REFUSED" });
	await assert.rejects(authority.signJwt({ spiffeId: "spiffe://x/y", audiences: ["a"], ttlMs: 1 }), {
		code: "CSR_REFUSED",
	});
});

/** A corporate root with one intermediate, as files. */
function createCorporateFiles(t: TestContext, type: "P-384" | "rsa", now: number) {
	const folder = makeTemporaryFolder(t);
	const newKey = () =>
		type === "rsa"
			? generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey
			: generateKeyPairSync("ec", { namedCurve: type }).privateKey;
	const make = (name: string, parent?: { certificate: Certificate; privateKey: ReturnType<typeof newKey> }) => {
		const privateKey = newKey();
		const subject = encodeName({ organization: "corp", commonName: name });
		const fields = {
			...{ serial: Buffer.of(1, name.length), subject, publicKey: encodePublicKey(privateKey) },
			...{ notBefore: now - day, notAfter: now + 1000 * day },
			extensions: {
				basicConstraints: { isCa: true },
				keyUsages: ["keyCertSign"] as const,
				// As openssl names keys: not as this authority does.
				subjectKeyIdentifier: createHash("sha1").update(encodePublicKey(privateKey)).digest(),
			},
		};
		const issuer = {
			name: parent === undefined ? subject : subjectOf(parent.certificate),
			privateKey: parent?.privateKey ?? privateKey,
		};
		return { certificate: readCertificate(createCertificate(fields, issuer)), privateKey };
	};
	const root = make("root");
	const middle = make("middle", root);
	const path = (name: string) => join(folder, name);
	writeFileSync(path("chain.pem"), formatCertificates([middle.certificate.der]));
	writeFileSync(path("roots.pem"), formatCertificates([root.certificate.der]));
	writeFileSync(path("key.pem"), middle.privateKey.export({ type: "pkcs8", format: "pem" }));
	return {
		path,
		root,
		middle,
		files: { certificate: path("chain.pem"), key: path("key.pem"), roots: path("roots.pem") },
	};
}

for (const type of ["P-384", "rsa"] as const) {
	test(`an upstream of ${type} in files signs the issuers; its root is the bundle`, async (t) => {
		const { files, root, middle } = createCorporateFiles(t, type, createFakeClock().wall());
		const { authority, sign, clock, folder } = await open(t, { upstream: createUpstreamFiles(files) });
		assert.deepEqual(
			authority.bundle().authorities.map(({ id }) => id),
			[root.certificate.id],
		);
		const { chain } = await sign();
		assert.ok(verifySvidPem(chain, authority.bundle(), clock.wall()).ok);
		assert.equal(readCertificates(chain)[2]!.id, middle.certificate.id);
		// The next issuer needs no acknowledgement: the root is the same.
		await authority.rotate("issuer");
		assert.equal(authority.bundle().authorities.length, 1);
		authority.close();
		const again = await createAuthority({ folder, trustDomain: "cluster.local", clock });
		assert.equal(again.bundle().authorities[0]!.id, root.certificate.id);
		again.close();
	});
}

test("a program signs the issuers, and what it does wrong is told in its words", async (t) => {
	const { files } = createCorporateFiles(t, "P-384", createFakeClock().wall());
	const folder = makeTemporaryFolder(t);
	const script = (text: string): string[] => {
		const path = join(folder, `${text.length}.mjs`);
		writeFileSync(path, text);
		return [path];
	};
	const identity = join(import.meta.dirname, "../index.ts");
	const signing = `import { createUpstreamFiles, parseSigningRequest } from ${JSON.stringify(identity)};
import { readFileSync } from "node:fs";
const { csr, trustDomain, ttlSeconds } = JSON.parse(readFileSync(0, "utf8"));
const now = ${createFakeClock().wall()};
const request = { csr: parseSigningRequest(csr), trustDomain, ttlMs: ttlSeconds * 1000, now };
process.stdout.write(JSON.stringify(await createUpstreamFiles(${JSON.stringify(files)}).signIssuer(request)));`;
	const program = process.execPath;
	const { sign, authority, clock } = await open(t, {
		upstream: createUpstreamCommand({ program, args: script(signing) }),
	});
	assert.ok(verifySvidPem((await sign()).chain, authority.bundle(), clock.wall()).ok);
	const fails = (text: string, message: RegExp, timeoutMs = 20_000) =>
		assert.rejects(open(t, { upstream: createUpstreamCommand({ program, args: script(text), timeoutMs }) }), {
			code: "AUTHORITY_UPSTREAM",
			message,
		});
	await fails("console.error('the device is locked'); process.exit(3)", /failed: the device is locked/);
	await fails("console.log('yes')", /no JSON of 'chain' and 'roots'/);
	await fails("console.log('null')", /no JSON of 'chain' and 'roots'/);
	await fails("setTimeout(() => {}, 60_000)", /took too long/, 300);
});

test("an upstream that is replaced is waited for like a new root; one that is broken stops nothing", async (t) => {
	const first = createCorporateFiles(t, "P-384", createFakeClock().wall());
	const second = createCorporateFiles(t, "P-384", createFakeClock().wall());
	const { board, holders } = createBoard();
	const { authority, sign } = await open(t, { holders, upstream: createUpstreamFiles(first.files) });
	const before = await sign();
	board.missing = [{ name: "shop/web-0", since: 7 }];
	board.holding = board.missing;
	writeFileSync(first.files.key, "nonsense");
	await assert.rejects(authority.rotate("issuer"), { code: "AUTHORITY_UPSTREAM" });
	for (const name of ["chain.pem", "key.pem", "roots.pem"])
		writeFileSync(first.path(name), readFileSync(second.path(name)));
	await authority.rotate("issuer");
	assert.equal(authority.bundle().authorities.length, 2);
	assert.equal((await sign()).root, before.root);
	board.missing = [];
	await authority.advance();
	assert.notEqual((await sign()).root, before.root);
});

test("an issuer signed by hand: request out, certificate in, everything that does not fit is refused", async (t) => {
	const { authority, sign, clock } = await open(t);
	const corporate = createCorporateFiles(t, "P-384", clock.wall());
	const before = await sign();
	const request = await authority.requestIssuer();
	assert.equal((await authority.requestIssuer()).split("\n")[0], "-----BEGIN CERTIFICATE REQUEST-----");
	const { publicKey } = readSigningRequest(Buffer.from(request.replace(/-----.*-----|\n/g, ""), "base64"));
	const roots = readFileSync(corporate.files.roots, "utf8");
	const key = createPrivateKey(readFileSync(corporate.files.key));
	const answer = (change: object = {}) => {
		const fields = {
			...{ serial: Buffer.of(9), subject: encodeName({ commonName: "mesh" }), publicKey },
			...{ notBefore: clock.wall() - 1000, notAfter: clock.wall() + 100 * day },
			extensions: {
				basicConstraints: { isCa: true, pathLength: 0 },
				keyUsages: ["keyCertSign"] as const,
				names: [{ kind: "uri" as const, value: "spiffe://cluster.local" }],
				subjectKeyIdentifier: Buffer.from("a name of its own"),
			},
			...change,
		};
		const der = createCertificate(fields, { name: subjectOf(corporate.middle.certificate), privateKey: key });
		return { chain: formatCertificates([der, corporate.middle.certificate.der]), roots };
	};
	const other = encodePublicKey(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
	for (const [change, words] of [
		[{ publicKey: other }, /another key/],
		[{ extensions: { keyUsages: ["digitalSignature"] } }, /may not sign/],
		[
			{
				extensions: {
					...{ basicConstraints: { isCa: true }, keyUsages: ["keyCertSign"] },
					names: [{ kind: "uri", value: "spiffe://else" }],
				},
			},
			/not for spiffe:\/\/cluster\.local/,
		],
		[{ notAfter: clock.wall() - 10 }, /expired/],
	] as const) {
		await assert.rejects(authority.installIssuer(answer(change)), { code: "AUTHORITY_UPSTREAM", message: words });
	}
	await assert.rejects(
		authority.installIssuer({ ...answer(), roots: formatCertificates([authority.bundle().authorities[0]!.der]) }),
		{ code: "AUTHORITY_UPSTREAM" },
	);
	await authority.installIssuer(answer());
	const after = await sign();
	assert.notEqual(after.root, before.root);
	assert.ok(verifySvidPem(after.chain, authority.bundle(), clock.wall()).ok);
	await assert.rejects(authority.installIssuer(answer()), {
		code: "AUTHORITY_UPSTREAM",
		message: /no issuer was requested/,
	});
});

test("every signature is in the audit, and the audit is bounded", async (t) => {
	const path = join(makeTemporaryFolder(t), "audit", "signatures.jsonl");
	const audit = openAuditFile(path, 4096);
	const { authority, sign } = await open(t, { audit });
	const issued = await sign();
	const { expiresAt } = await authority.signJwt({ spiffeId: web, audiences: ["a"], ttlMs: hour });
	const entries = readFileSync(path, "utf8")
		.trim()
		.split("\n")
		.map((line) => JSON.parse(line));
	const kinds = entries.map(({ kind }) => kind);
	assert.deepEqual(kinds, ["jwt-key", "root", "issuer", "x509-svid", "jwt-svid"]);
	assert.deepEqual(
		[entries[3].subject, entries[3].by, entries[3].serial, entries[3].until],
		[web, "shop/web-0", issued.serial, new Date(issued.notAfter).toISOString()],
	);
	assert.deepEqual([entries[4].names, entries[4].until], [["a"], new Date(expiresAt).toISOString()]);
	for (let count = 0; count < 60; count++) await sign();
	audit.close();
	for (const name of [path, `${path}.1`]) {
		const { size, mode } = statSync(name);
		assert.ok(size <= 4096);
		assert.equal((mode & 0o777).toString(8), "600");
	}
});

test("DNS names that were asked for and allowed are in the certificate, others are refused", async (t) => {
	const { authority } = await open(t);
	const wanted = createSigningRequest(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey, {
		names: [{ kind: "dns", value: "web.shop" }],
	});
	await assert.rejects(authority.sign({ csr: wanted, spiffeId: web, ttlMs: hour }), { code: "CSR_REFUSED" });
	const { chain } = await authority.sign({ csr: wanted, spiffeId: web, ttlMs: hour, dnsNames: ["web.shop", "web"] });
	assert.deepEqual(
		readCertificates(chain)[0]!.extensions.names.map(({ value }) => value),
		[web, "web.shop", "web"],
	);
});
