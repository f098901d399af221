/** One workload that asks for tokens without end takes nothing from the others of its machine. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { MeshError, silentLog } from "../../core/index.ts";
import { parseSpiffeId, type RegistrationEntry } from "../../model/index.ts";
import type { SignedToken } from "../node-identity/index.ts";
import { createTokenCache, type TokenCacheOptions } from "./token-cache.ts";

const ttlMs = 300_000;

function entryOf(id: string): RegistrationEntry {
	return { id, spiffeId: parseSpiffeId(`spiffe://cluster.local/${id}`) } as RegistrationEntry;
}

const [web, db] = [entryOf("web"), entryOf("db")];

/** A cache over an authority that signs what `answer` lets it. */
function setUp(change: Partial<TokenCacheOptions> = {}) {
	const clock = createFakeClock();
	const signed: string[] = [];
	let answer = async (_entryId: string): Promise<void> => undefined;
	const cache = createTokenCache({
		session: {
			async signJwt(entryId, audiences): Promise<SignedToken> {
				await answer(entryId);
				signed.push(entryId);
				return { token: `${entryId}.${audiences.join()}.${signed.length}`, expiresAt: clock.wall() + ttlMs };
			},
		},
		clock,
		log: silentLog,
		...change,
	});
	return {
		...{ cache, clock, signed },
		answer(next: (entryId: string) => Promise<void>) {
			answer = next;
		},
	};
}

test("a token is kept for half of its life, by entry and audiences, in whichever order they come", async () => {
	const { cache, clock, signed } = setUp();
	const first = await cache.get(web, ["a", "b"]);
	assert.equal(await cache.get(web, ["b", "a"]), first);
	await cache.get(web, ["a"]);
	await cache.get(db, ["a", "b"]);
	await cache.get({ ...web, jwtTtlMs: 60_000 }, ["a", "b"]);
	assert.equal(signed.length, 4);
	clock.advance(ttlMs / 2);
	assert.notEqual(await cache.get(web, ["a", "b"]), first);
	cache.keepOnly(new Set(["db"]));
	await cache.get(web, ["a", "b"]);
	assert.equal(signed.length, 6);
});

test("ever-new audiences of one workload push no token of another out, and of its own the oldest", async () => {
	const { cache, signed } = setUp({ maxLettersEach: 100_000 });
	const kept = await cache.get(db, ["reviews"]);
	for (let round = 0; round < 6_000; round++) await cache.get(web, [`audience-${round}`]);
	assert.equal(await cache.get(db, ["reviews"]), kept);
	const before = signed.length;
	await cache.get(web, ["audience-5999"]);
	assert.equal(signed.length, before);
	await cache.get(web, ["audience-0"]);
	assert.equal(signed.length, before + 1);
});

test("long audiences are bounded by their letters, and what is short for all is taken from whoever has most", async () => {
	const { cache, signed } = setUp({ maxLettersEach: 100_000, maxLetters: 150_000 });
	const many = Array.from({ length: 20 }, (_, number) => entryOf(`small-${number}`));
	for (const entry of many) await cache.get(entry, ["x"]);
	for (const entry of [web, db])
		for (let round = 0; round < 10; round++) await cache.get(entry, [`${round}`.padStart(20_000, "a")]);
	const before = signed.length;
	for (const entry of many) await cache.get(entry, ["x"]);
	assert.equal(signed.length, before, "the small ones are all there");
});

test("an entry has some signatures under way and some waiting, and others are not kept behind them", async () => {
	const { cache, answer, signed } = setUp();
	const held = Promise.withResolvers<void>();
	let underWay = 0;
	answer((entryId) => {
		if (entryId !== web.id) return Promise.resolve();
		underWay++;
		return held.promise;
	});
	const flood = Array.from({ length: 1_000 }, (_, number) => cache.get(web, [`audience-${number}`]));
	const outcomes = Promise.allSettled(flood);
	await cache.get(db, ["reviews"]);
	assert.deepEqual(signed, ["db"]);
	assert.equal(underWay, 4);
	held.resolve();
	const refused = (await outcomes).filter((outcome) => outcome.status === "rejected");
	assert.equal(refused.length, 1_000 - 4 - 128);
	for (const { reason } of refused) assert.equal((reason as MeshError).code, "SIGNING_BUSY");
	await cache.get(web, ["afterwards"]);
});

test("one token that many ask for at once is signed once", async () => {
	const { cache, signed } = setUp();
	const tokens = await Promise.all(Array.from({ length: 500 }, () => cache.get(web, ["reviews"])));
	assert.equal(new Set(tokens).size, 1);
	assert.equal(signed.length, 1);
});

test("while the control plane is away or busy a token serves to its end, and a refusal is told at once", async () => {
	const { cache, clock, answer } = setUp();
	const first = await cache.get(web, ["reviews"]);
	clock.advance(ttlMs / 2);
	for (const code of ["CONTROL_PLANE_UNREACHABLE", "SIGNING_BUSY", "STORE_UNAVAILABLE"]) {
		answer(async () => Promise.reject(new MeshError(code, "not now")));
		assert.equal(await cache.get(web, ["reviews"]), first, code);
	}
	answer(async () => Promise.reject(new MeshError("ENTRY_FORBIDDEN", "no")));
	await assert.rejects(cache.get(web, ["reviews"]), { code: "ENTRY_FORBIDDEN" });
	clock.advance(ttlMs / 2);
	answer(async () => Promise.reject(new MeshError("SIGNING_BUSY", "not now")));
	await assert.rejects(cache.get(web, ["reviews"]), { code: "SIGNING_BUSY" });
});
