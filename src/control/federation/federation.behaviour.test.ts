/** Bundles over TLS: published, fetched with the authentication of their profile, kept when what comes next is worse. */
import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { eventually } from "../../../test/support/eventually.ts";
import { createTestPki } from "../../../test/support/pki.ts";
import { makeTemporaryFolder } from "../../../test/support/temporary-folder.ts";
import { createSeededRandom, silentLog, systemClock } from "../../core/index.ts";
import { createAuthority, formatSpiffeBundle, parseSpiffeBundle } from "../../identity/index.ts";
import {
	createCertificate,
	type ExtensionOptions,
	encodeName,
	encodePublicKey,
	formatCertificates,
	readCertificate,
} from "../../identity/x509/index.ts";
import { openSqliteStore } from "../../registry/index.ts";
import { createBundleRefresh } from "./bundle-refresh.ts";
import { bundleEndpointId, startBundleServer } from "./index.ts";
import { openRelations } from "./relations.ts";

const pki = createTestPki({ trustDomain: "web.example" });
const web = pki.issue(pki.idOf("web"), { dnsNames: ["localhost"] });
const tools = { clock: systemClock, log: silentLog };

async function openDomain(t: TestContext, trustDomain: string) {
	const folder = join(makeTemporaryFolder(t), "ca");
	const authority = await createAuthority({ folder, trustDomain, rootPublishMs: 600_000 });
	t.after(() => authority.close());
	const format = (sequence = authority.sequence()): string =>
		formatSpiffeBundle({
			...{
				authorities: authority.bundle().authorities,
				jwtKeys: authority.jwtKeys(),
				sequence,
				refreshHintSeconds: 60,
			},
		});
	return { authority, format };
}

async function openHere(t: TestContext) {
	const store = openSqliteStore(join(makeTemporaryFolder(t), "store.db"), { clock: systemClock });
	const relations = await openRelations(store, "here.example", tools);
	const options = { relations, isLeader: () => false, webRoots: pki.bundlePem, random: createSeededRandom(1) };
	const refresh = createBundleRefresh({ ...options, ...tools });
	t.after(() => {
		refresh.close();
		relations.close();
		return store.close();
	});
	return { relations, refresh };
}

/** An endpoint with a certificate of the web that answers as told. */
async function startWebEndpoint(t: TestContext, answer: () => { status: number; body: string; location?: string }) {
	const server = createServer({ cert: web.certificateChainPem, key: web.privateKeyPem }, (_request, response) => {
		const { status, body, location } = answer();
		response.writeHead(status, location === undefined ? {} : { location }).end(body);
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => {
		server.closeAllConnections();
		server.close();
	});
	return `https://localhost:${(server.address() as AddressInfo).port}/`;
}

test("a bundle is written and read in the SPIFFE format; keys of other uses are passed over, broken ones are named", async (t) => {
	const { authority, format } = await openDomain(t, "there.example");
	const text = format(7);
	const document = JSON.parse(text);
	assert.deepEqual(
		document.keys.map(({ use, kty, crv }: Record<string, string>) => [use, kty, crv]),
		[
			["x509-svid", "EC", "P-256"],
			["jwt-svid", "EC", "P-256"],
		],
	);
	assert.deepEqual([document.spiffe_sequence, document.spiffe_refresh_hint], [7, 60]);
	const read = parseSpiffeBundle("there.example", text);
	assert.equal(read.pem, authority.bundle().pem);
	assert.deepEqual(
		read.jwks.map(({ keyId }) => keyId),
		authority.jwtKeys().map(({ keyId }) => keyId),
	);
	const odd = {
		...document,
		keys: [
			...document.keys,
			...[{ use: "wit-svid" }, { kty: "EC" }, { use: "jwt-svid", kid: "new", kty: "AKP" }],
			{ ...document.keys[0], kty: "AKP" },
		],
		spiffe_sequence: "no",
	};
	assert.equal(parseSpiffeBundle("there.example", JSON.stringify(odd)).sequence, undefined);
	assert.equal(parseSpiffeBundle("there.example", JSON.stringify(odd)).jwks.length, read.jwks.length);
	assert.equal(parseSpiffeBundle("there.example", JSON.stringify(odd)).pem, read.pem);
	const broken = (change: object) => JSON.stringify({ keys: [{ ...document.keys[0], ...change }] });
	const leaf = pki.issue(pki.idOf("web")).certificatePem.replace(/-----.*-----|\n/g, "");
	for (const bad of [
		"",
		"[]",
		"{}",
		'{"keys":[null]}',
		broken({ x5c: [] }),
		broken({ x5c: ["AA"] }),
		broken({ x5c: [leaf] }),
		JSON.stringify({ keys: [{ ...document.keys[1], kid: "" }] }),
	])
		assert.throws(() => parseSpiffeBundle("there.example", bad), { code: "FEDERATION_BUNDLE" }, bad);
});

test("https_spiffe: the server is known by its SPIFFE ID under the bundle of before, and a rotation over there is followed", async (t) => {
	const there = await openDomain(t, "there.example");
	const { relations, refresh } = await openHere(t);
	const server = await startBundleServer({ authority: there.authority, address: "127.0.0.1:0", ...tools });
	t.after(() => server.close());
	const url = `https://127.0.0.1:${server.port}/`;
	const endpoint = { profile: "https_spiffe", url, spiffeId: bundleEndpointId("there.example") } as const;
	const relation = { trustDomain: "there.example", endpoint };
	await assert.rejects(relations.put(relation, undefined), { code: "FEDERATION_INVALID", message: /first bundle/ });
	await relations.put(relation, there.format());
	await there.authority.rotate("root");
	assert.deepEqual(
		there.authority.status().missing.map(({ name }) => name),
		["readers of the bundle endpoint"],
	);
	await refresh.refresh("there.example");
	assert.equal(relations.bundles()[0]?.pem, there.authority.bundle().pem);
	const [old] = there.authority.bundle().authorities;
	await there.authority.rotate("root", { force: true });
	await eventually(async () => {
		await there.authority.advance();
		assert.equal(there.authority.bundle().authorities.length, 1, "nothing keeps the old root, the endpoint neither");
	});
	assert.notEqual(there.authority.bundle().authorities[0]?.id, old?.id);
	await eventually(() => refresh.refresh("there.example"));
	assert.equal(relations.bundles()[0]?.pem, there.authority.bundle().pem);

	// Somebody else, though of that trust domain; and somebody of that name whom another root vouches for.
	await relations.put({ ...relation, endpoint: { ...endpoint, spiffeId: "spiffe://there.example/other" } }, undefined);
	await assert.rejects(refresh.refresh("there.example"), { code: "FEDERATION_FETCH" });
	const stranger = await openDomain(t, "there.example");
	const impostor = await startBundleServer({ authority: stranger.authority, address: "127.0.0.1:0", ...tools });
	t.after(() => impostor.close());
	await relations.put(
		{ ...relation, endpoint: { ...endpoint, url: `https://127.0.0.1:${impostor.port}/` } },
		undefined,
	);
	await assert.rejects(refresh.refresh("there.example"), { code: "FEDERATION_FETCH" });
	assert.equal(relations.bundles()[0]?.pem, there.authority.bundle().pem);
	assert.match(relations.bundleOf("there.example")?.error ?? "", /bundle endpoint/);
});

test("https_web: the last good bundle stays through every bad answer, and a sequence does not go back", async (t) => {
	const there = await openDomain(t, "there.example");
	let answer: { status: number; body: string; location?: string } = { status: 200, body: there.format(9) };
	const url = await startWebEndpoint(t, () => answer);
	const { relations, refresh } = await openHere(t);
	await relations.put({ trustDomain: "there.example", endpoint: { profile: "https_web", url } }, undefined);
	await refresh.refresh("there.example");
	const good = relations.bundleOf("there.example");
	assert.equal(good?.text, there.format(9));
	for (const bad of [
		{ status: 500, body: "" },
		{ status: 302, body: "", location: "https://localhost:1/" },
		{ status: 200, body: "no bundle" },
		{ status: 200, body: "x".repeat(1_100_000) },
		{ status: 200, body: there.format(8) },
	]) {
		answer = bad;
		await assert.rejects(refresh.refresh("there.example"), /FEDERATION|bundle/);
		assert.equal(relations.bundleOf("there.example")?.text, good?.text);
	}
	const big = (sequence: bigint) => there.format(10).replace('"spiffe_sequence":10', `"spiffe_sequence":${sequence}`);
	answer = { status: 200, body: big(2n ** 63n + 1n) };
	await refresh.refresh("there.example");
	answer = { status: 200, body: big(2n ** 63n) };
	await assert.rejects(refresh.refresh("there.example"), /went back/);
	answer = { status: 200, body: big(2n ** 63n + 2n) };
	await refresh.refresh("there.example");
	assert.equal(relations.bundleOf("there.example")?.error, undefined);
	await relations.remove("there.example");
	assert.deepEqual(relations.bundles(), []);
	await assert.rejects(refresh.refresh("there.example"), { code: "FEDERATION_UNKNOWN" });
});

test("a server whose certificate TLS takes and nobody else can read is refused, and the process goes on", async (t) => {
	const { relations, refresh } = await openHere(t);
	const name = encodeName({ commonName: "there" });
	const newKey = () => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
	const issue = (privateKey: KeyObject, subject: Buffer, key: KeyObject, extensions: ExtensionOptions): Buffer => {
		const [notBefore, notAfter] = [Date.now() - 60_000, Date.now() + 3_600_000];
		const publicKey = encodePublicKey(key);
		return createCertificate(
			{ serial: randomBytes(8), subject, publicKey, notBefore, notAfter, extensions },
			{ name, privateKey },
		);
	};
	const [rootKey, key] = [newKey(), newKey()];
	const root = issue(rootKey, name, rootKey, { basicConstraints: { isCa: true }, keyUsages: ["keyCertSign"] });
	const spiffeId = bundleEndpointId("there.example");
	// An empty subject, its length in two octets: OpenSSL does not mind, DER does.
	const leaf = issue(rootKey, Buffer.of(0x30, 0x81, 0), key, {
		keyUsages: ["digitalSignature"],
		names: [{ kind: "uri", value: spiffeId }],
	});
	const server = createServer({
		cert: formatCertificates([leaf]),
		key: key.export({ type: "pkcs8", format: "pem" }),
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => server.close());
	const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
	const bundle = formatSpiffeBundle({
		...{ authorities: [readCertificate(root)], jwtKeys: [], sequence: 1, refreshHintSeconds: 60 },
	});
	await relations.put({ trustDomain: "there.example", endpoint: { profile: "https_spiffe", url, spiffeId } }, bundle);
	await assert.rejects(refresh.refresh("there.example"), { code: "FEDERATION_FETCH" });
	assert.match(relations.bundleOf("there.example")?.error ?? "", /its certificate cannot be read/);
});

test("a trust domain that revokes its keys is trusted no more; with JWT keys alone its tokens are good", async (t) => {
	const there = await openDomain(t, "there.example");
	const keys = JSON.parse(there.format()).keys as { readonly use: string }[];
	let body = there.format(1);
	const url = await startWebEndpoint(t, () => ({ status: 200, body }));
	const { relations, refresh } = await openHere(t);
	await relations.put({ trustDomain: "there.example", endpoint: { profile: "https_web", url } }, undefined);
	const publish = async (sequence: number, shown: readonly object[]) => {
		body = JSON.stringify({ keys: shown, spiffe_sequence: sequence });
		await refresh.refresh("there.example");
		return relations.bundles().map(({ pem, jwks }) => [pem !== "", jwks.length]);
	};
	assert.deepEqual(await publish(2, keys), [[true, 1]]);
	const tokensOnly = keys.filter(({ use }) => use === "jwt-svid");
	assert.deepEqual(await publish(3, tokensOnly), [[false, 1]]);
	assert.deepEqual(await publish(4, []), []);
	assert.equal(relations.bundleOf("there.example")?.error, undefined);
	assert.deepEqual(await publish(5, [{ ...keys[0], kty: "AKP" }]), [], "none that can be used");
	assert.deepEqual(await publish(6, keys), [[true, 1]]);
	// Who types one in means something else, most likely.
	const none = JSON.stringify({ keys: [] });
	await assert.rejects(relations.put({ trustDomain: "there.example" }, none), { code: "FEDERATION_BUNDLE" });

	const spiffeId = bundleEndpointId("there.example");
	const endpoint = { profile: "https_spiffe", url, spiffeId } as const;
	await relations.put({ trustDomain: "there.example", endpoint }, JSON.stringify({ keys: tokensOnly }));
	await assert.rejects(refresh.refresh("there.example"), { message: /no root of there\.example is known/ });
});

test("a relation that cannot be is refused, with what is wrong", async (t) => {
	const { relations } = await openHere(t);
	const there = await openDomain(t, "there.example");
	const put = (trustDomain: string, url?: string) =>
		relations.put(
			{ trustDomain, ...(url !== undefined && { endpoint: { profile: "https_web", url } }) },
			there.format(),
		);
	await assert.rejects(put("here.example"), { code: "FEDERATION_INVALID", message: /itself/ });
	await assert.rejects(put("Not One"), { code: "FEDERATION_INVALID" });
	await assert.rejects(put("there.example", "http://there.example/"), { code: "FEDERATION_INVALID", message: /https/ });
	await assert.rejects(
		put("there.example", "https://me:secret@there.example/"),
		(error: Error) => !error.message.includes("secret"),
	);
	await assert.rejects(put("there.example", "nonsense"), { code: "FEDERATION_INVALID" });
});
