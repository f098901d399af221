/** What a node signs to show that it has its certificate's key: for it alone, once, for a minute; whoever only asks leaves nothing behind. */
import assert from "node:assert/strict";
import { createPrivateKey, sign } from "node:crypto";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { createTestPki } from "../../../test/support/pki.ts";
import { makeTemporaryFolder } from "../../../test/support/temporary-folder.ts";
import { parseTrustBundle } from "../../identity/index.ts";
import { createIdentityRegistry, openSqliteStore } from "../../registry/index.ts";
import { createProofOfPossessionAttestor, textToSign } from "./proof-of-possession.ts";

/** Two control planes on one store, and the certificates of two nodes. */
async function setUp(t: TestContext, pki = createTestPki({ trustDomain: "machines" })) {
	const clock = createFakeClock({ wall: Date.now() });
	const store = openSqliteStore(join(makeTemporaryFolder(t), "store.db"));
	const roots = parseTrustBundle("machines", pki.bundlePem);
	const open = async () => {
		const identity = await createIdentityRegistry(store, { clock });
		t.after(() => identity.close());
		return createProofOfPossessionAttestor({ roots, challenges: identity.challenges, clock });
	};
	const [one, two] = [await open(), await open()];
	t.after(() => store.close());
	const node = pki.issue("spiffe://machines/host-1");
	const other = pki.issue("spiffe://machines/host-2");
	type Certificate = typeof node;
	const ask = (from: typeof one, { certificateChainPem: chain }: Certificate) => from.challenge!({ chain });
	const answerWith = (
		challenge: string,
		{ certificateChainPem: chain, privateKeyPem }: Certificate,
		signed = textToSign(challenge),
	) => ({
		...{ chain, challenge },
		signature: sign("sha256", signed, createPrivateKey(privateKeyPem)).toString("base64"),
	});
	const size = async (): Promise<number> => (await store.range({ prefix: "/amime/" })).items.length;
	return { clock, pki, one, two, node, other, ask, answerWith, size };
}

const key = "hash of a key";
const refused = { code: "ATTESTATION_REFUSED" };

test("a challenge of one control plane is answered to another, once", async (t) => {
	const { one, two, node, ask, answerWith } = await setUp(t);
	const answer = answerWith(await ask(one, node), node);
	const attested = await two.attest(answer, key);
	// What could not be signed for it leaves the answer good.
	const again = await one.attest(answer, key);
	await attested.use!();
	await assert.rejects(again.use!(), refused);
	for (const plane of [one, two]) await assert.rejects(plane.attest(answer, key), refused, "replayed");
});

test("of many that show one answer at the same time one becomes the node", async (t) => {
	const { one, two, node, ask, answerWith } = await setUp(t);
	const answer = answerWith(await ask(one, node), node);
	const outcomes = await Promise.allSettled(
		Array.from({ length: 20 }, async (_, number) => (await (number % 2 === 0 ? one : two).attest(answer, key)).use!()),
	);
	assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 1);
});

test("a challenge is good for the node that asked, and for a minute", async (t) => {
	const { clock, one, node, other, ask, answerWith } = await setUp(t);
	const challenge = await ask(one, node);
	await assert.rejects(one.attest(answerWith(challenge, other), key), refused, "of another node");
	clock.advance(59_000);
	await one.attest(answerWith(challenge, node), key);
	clock.advance(1_001);
	await assert.rejects(one.attest(answerWith(challenge, node), key), refused, "expired");
});

test("a challenge that was bent, made up or of another mesh is none", async (t) => {
	const { pki, one, node, ask, answerWith } = await setUp(t);
	const foreign = await setUp(t, pki);
	const challenge = await ask(one, node);
	const [nonce, end, mac] = challenge.split(".") as [string, string, string];
	const bent = [
		`${nonce}.${Number(end) + 3_600_000}.${mac}`,
		`${nonce}.1e15.${mac}`,
		`${"0".repeat(32)}.${end}.${mac}`,
		`${nonce}.${end}.`,
		`${nonce}.${end}`,
		`${challenge}=`,
		`${challenge}.`,
		` ${challenge}`,
		challenge.toUpperCase(),
		"..",
		".",
		"é".repeat(challenge.length),
		await ask(foreign.one, node),
	];
	for (const text of bent) await assert.rejects(one.attest(answerWith(text, node), key), refused, text);
	await one.attest(answerWith(challenge, node), key);
});

test("a signature of something else, or by another key, is none", async (t) => {
	const { one, node, other, ask, answerWith } = await setUp(t);
	const challenge = await ask(one, node);
	const plain = answerWith(challenge, node, Buffer.from(challenge));
	const stolen = { ...answerWith(challenge, node), signature: answerWith(challenge, other).signature };
	for (const answer of [plain, stolen, { ...plain, signature: "AAAA" }])
		await assert.rejects(one.attest(answer, key), refused);
	await one.attest(answerWith(challenge, node), key);
});

test("whoever asks for challenges without end fills nothing", async (t) => {
	const { one, node, ask, size } = await setUp(t);
	await ask(one, node);
	const before = await size();
	const asked = new Set<string>();
	for (let round = 0; round < 300; round++) asked.add(await ask(one, node));
	assert.equal(asked.size, 300);
	assert.equal(await size(), before);
});
