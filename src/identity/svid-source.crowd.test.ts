/** Many workloads of one authority: renewals are spread, and an outage of more than half a life ends without a stampede. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { createTestPki } from "../../test/support/pki.ts";
import { createSeededRandom, MeshError } from "../core/index.ts";
import { parseSpiffeId } from "../model/index.ts";
import { createSvidSource, type SignedSvid } from "./svid-source.ts";
import { parseSigningRequest, readSigningRequest } from "./x509/index.ts";

const crowd = 80;
const lifeMs = 1_200_000;

/** An authority that counts who comes when, and can be away. */
async function setUp(t: TestContext) {
	const clock = createFakeClock();
	const pki = createTestPki({ now: clock.wall() });
	const random = createSeededRandom(7);
	const attempts: number[] = [];
	const world = { clock, attempts, isAway: false, sources: [] as ReturnType<typeof createSvidSource>[] };
	for (let number = 0; number < crowd; number++) {
		const spiffeId = parseSpiffeId(pki.idOf(`web-${number}`));
		const sign = async (csr: string): Promise<SignedSvid> => {
			attempts.push(clock.now());
			if (world.isAway) throw new MeshError("SIGNING_UNREACHABLE", "it is away");
			const { key } = readSigningRequest(parseSigningRequest(csr));
			const [notBefore, notAfter] = [clock.wall() - 1000, clock.wall() + lifeMs];
			const { certificateChainPem } = pki.issue(spiffeId, { publicKey: key, notBefore, notAfter });
			return { chain: certificateChainPem, bundle: pki.bundlePem };
		};
		world.sources.push(createSvidSource({ spiffeId, sign, clock, random }));
	}
	t.after(() => world.sources.forEach((source) => void source.close()));
	await Promise.all(world.sources.map((source) => source.ready()));
	attempts.length = 0;
	return world;
}

/** The most that came within one second. */
function densest(attempts: readonly number[]): number {
	const seconds = new Map<number, number>();
	for (const at of attempts) seconds.set(Math.floor(at / 1000), (seconds.get(Math.floor(at / 1000)) ?? 0) + 1);
	return Math.max(...seconds.values());
}

test("what is to be renewed within a minute is spread over the minute", async (t) => {
	const { clock, attempts, sources } = await setUp(t);
	for (const source of sources) source.renewWithin(60_000);
	await clock.advanceAsync(60_000);
	assert.equal(attempts.length, crowd);
	assert.ok(densest(attempts) <= crowd / 8, `${densest(attempts)} of ${crowd} in one second`);
});

test("an authority that was away for more than half a life is not run over, and the last certificate serves meanwhile", async (t) => {
	const world = await setUp(t);
	const { clock, attempts, sources } = world;
	world.isAway = true;
	await clock.advanceAsync(lifeMs * 0.95);
	assert.ok(sources.every((source) => source.current() !== undefined));
	const later = attempts.filter((at) => at > lifeMs * 0.7);
	assert.ok(densest(later) <= crowd / 5, `${densest(later)} of ${crowd} in one second of the outage`);
	world.isAway = false;
	const back = clock.now();
	await clock.advanceAsync(31_000);
	const after = attempts.filter((at) => at >= back);
	assert.equal(after.length, crowd, "each comes once");
	assert.ok(densest(after) <= crowd / 5, `${densest(after)} of ${crowd} in one second after it`);
});
