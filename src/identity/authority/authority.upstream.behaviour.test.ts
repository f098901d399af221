/** An upstream authority that hangs, fails or goes on in its own way: what is in use signs meanwhile, and nothing is left of what failed. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { makeTemporaryFolder } from "../../../test/support/temporary-folder.ts";
import {
	createCertificate,
	createLocalKey,
	createSigningRequest,
	encodeName,
	encodePublicKey,
	formatCertificates,
	readCertificate,
	readSigningRequest,
} from "../x509/index.ts";
import { createAuthority } from "./authority.ts";
import { issueIssuer } from "./issue.ts";
import type { SignedIssuer, UpstreamAuthority } from "./upstream.ts";
import { createUpstreamCommand } from "./upstream-command.ts";

const day = 24 * 3_600_000;
const csr = createSigningRequest(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey, {});
const request = { csr, spiffeId: "spiffe://cluster.local/ns/shop/sa/web", ttlMs: 3_600_000 };

/** An authority whose upstream signs, and does as the test says from then on. */
async function setUp(t: TestContext) {
	const clock = createFakeClock();
	const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-384" });
	const name = encodeName({ commonName: "corporate" });
	const root = readCertificate(
		createCertificate(
			{
				...{ serial: Buffer.of(7), subject: name, publicKey: encodePublicKey(privateKey) },
				...{ notBefore: clock.wall() - day, notAfter: clock.wall() + 9000 * day },
				extensions: { basicConstraints: { isCa: true }, keyUsages: ["keyCertSign"] },
			},
			{ name, privateKey },
		),
	);
	const signIssuer: UpstreamAuthority["signIssuer"] = async ({ csr: asked, trustDomain, ttlMs, now }) => {
		const { publicKey } = readSigningRequest(asked);
		const key = createLocalKey(privateKey);
		const issuer = await issueIssuer(trustDomain, publicKey, { certificate: root, key }, now, ttlMs);
		return { chain: formatCertificates([issuer.der]), roots: formatCertificates([root.der]) };
	};
	const upstream = { signIssuer };
	const folder = join(makeTemporaryFolder(t), "ca");
	const authority = await createAuthority({ folder, trustDomain: "cluster.local", clock, upstream });
	t.after(() => authority.close());
	return { authority, clock, folder, upstream, signIssuer };
}

test("while the upstream hangs, certificates are signed and changes are made; its answer counts when it comes", async (t) => {
	const { authority, clock, upstream, signIssuer } = await setUp(t);
	const before = authority.status().issuers[0]!;
	const asked = Promise.withResolvers<void>();
	const answer = Promise.withResolvers<void>();
	upstream.signIssuer = async (wanted) => {
		asked.resolve();
		await answer.promise;
		return signIssuer(wanted);
	};
	clock.advance(before.notBefore + (before.notAfter - before.notBefore) * 0.76 - clock.wall());
	const renewal = authority.advance();
	await asked.promise;
	// For a sidecar, and for an agent's workload, for which the state is changed.
	for (const holder of ["shop/web-0", undefined]) {
		const { root } = await authority.sign({ ...request, ...(holder !== undefined && { holder }) });
		assert.equal(root, before.root);
	}
	await authority.requestIssuer();
	answer.resolve();
	await renewal;
	const active = authority.status().issuers.find(({ phase }) => phase === "active");
	assert.notEqual(active?.name, before.name);
});

test("an upstream that answers badly leaves no keys behind, however often it is asked", async (t) => {
	const { authority, folder, upstream } = await setUp(t);
	const files = readdirSync(folder).sort();
	const answers: readonly (() => Promise<SignedIssuer>)[] = [
		async () => ({ chain: "", roots: "" }),
		async () => ({ chain: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", roots: "x" }),
		() => Promise.reject(new Error("the device is away")),
	];
	for (const signIssuer of answers) {
		upstream.signIssuer = signIssuer;
		await assert.rejects(authority.rotate("issuer"));
	}
	assert.deepEqual(readdirSync(folder).sort(), files);
	await authority.sign(request);
});

test("a program that passes over SIGTERM is ended all the same", async () => {
	const stubborn = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)";
	const { signIssuer } = createUpstreamCommand({ program: process.execPath, args: ["-e", stubborn], timeoutMs: 1000 });
	const wanted = { csr, trustDomain: "cluster.local", ttlMs: day, now: 0 };
	await assert.rejects(signIssuer(wanted), { code: "AUTHORITY_UPSTREAM", message: /took too long/ });
});
