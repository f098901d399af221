/** A thousand workloads and an authority that goes away and comes back: nobody is trampled. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { createSeededRandom, MeshError } from "../core/index.ts";
import { createSigningGate } from "./index.ts";
import { beginRenewal, isRenewalDue, onRenewalFailed, onRenewed, type RenewalState } from "./svid-renewal.ts";

const sources = 1000;
const hour = 3_600_000;

/** What `sources` ask of an authority second by second: how many attempts in each. */
function simulate(
	isAway: (now: number) => boolean,
	until: number,
): { readonly attempts: number[]; readonly failed: number } {
	const random = createSeededRandom(7);
	const states: RenewalState[] = Array.from({ length: sources }, () => beginRenewal(0));
	const attempts: number[] = [];
	let failed = 0;
	for (let now = 0; now < until; now += 100) {
		const second = Math.floor(now / 1000);
		attempts[second] ??= 0;
		for (const [position, state] of states.entries()) {
			if (!isRenewalDue(state, now)) continue;
			attempts[second]++;
			if (isAway(now)) failed++;
			states[position] = isAway(now) ? onRenewalFailed(state, now, random) : onRenewed(now + hour, now, random);
		}
	}
	return { attempts, failed };
}

test("renewals of workloads that started at once are spread, and an outage is followed by no stampede", () => {
	const [from, to] = [1500_000, 2700_000];
	const { attempts, failed } = simulate((now) => now >= from && now < to, 2 * hour);
	assert.equal(attempts[0], sources);
	assert.ok(failed > sources);
	const most = (begin: number, end: number): number => Math.max(...attempts.slice(begin / 1000, end / 1000));
	// A thousand at half an hour would be a thousand in one second; a tenth of the lifetime spreads them over 720.
	assert.ok(most(1000, from) < 10, `${most(1000, from)} a second before`);
	// Within the outage everybody tries about four times a minute, and nobody in step.
	assert.ok(most(from + 60_000, to) < 150, `${most(from + 60_000, to)} a second within`);
	// All come back within half a minute, and that is what one core signs in half a second.
	assert.ok(most(to, to + 60_000) < 150, `${most(to, to + 60_000)} a second after`);
	assert.equal(attempts.slice(to / 1000, to / 1000 + 31).reduce((sum, count) => sum + count) >= sources * 0.9, true);
	// And the next round is spread again.
	assert.ok(most(to + 120_000, 2 * hour) < 80, `${most(to + 120_000, 2 * hour)} a second later`);
});

test("a gate lets so many in, the others in their order, and refuses beyond its bound", async () => {
	const clock = createFakeClock();
	const gate = createSigningGate({ concurrent: 8, waiting: 900 });
	const done: number[] = [];
	let most = 0;
	const refused: unknown[] = [];
	const work = (number: number) =>
		gate.run(async () => {
			most = Math.max(most, gate.busy);
			await new Promise<void>((resolve) => void clock.setTimer(10, resolve));
			done.push(number);
			if (number % 100 === 0) throw new Error("refused by the authority");
		});
	const all = Array.from({ length: sources }, (_, number) =>
		work(number).catch((error: unknown) => refused.push(error)),
	);
	while (done.length < 908) {
		await new Promise((resolve) => setImmediate(resolve));
		clock.advance(10);
	}
	await Promise.all(all);
	assert.equal(most, 8);
	assert.equal(gate.busy, 0);
	assert.deepEqual(
		done,
		Array.from({ length: 908 }, (_, number) => number),
	);
	assert.equal(refused.filter((error) => error instanceof MeshError && error.code === "SIGNING_BUSY").length, 92);
	assert.equal(refused.length, 92 + 10);
});

/** A gate of one place that is held; answers with what was done, by whom, once it is let go. */
function holdGate(options: { readonly waiting: number; readonly waitingEach?: number }) {
	const gate = createSigningGate({ concurrent: 1, ...options });
	const held = Promise.withResolvers<void>();
	const done: string[] = [];
	const refused: string[] = [];
	const first = gate.run(() => held.promise);
	const asked: Promise<unknown>[] = [first];
	return {
		ask(asker: string, count: number) {
			for (let at = 0; at < count; at++)
				asked.push(
					gate
						.run(async () => void done.push(asker), asker)
						.catch((error: unknown) => {
							assert.ok(error instanceof MeshError && error.code === "SIGNING_BUSY", String(error));
							refused.push(asker);
						}),
				);
		},
		async release() {
			held.resolve();
			await Promise.all(asked);
			assert.equal(gate.busy, 0);
			return { done, refused };
		},
	};
}

test("whoever asks for a thousand signatures keeps nobody waiting behind them: askers take turns", async () => {
	const gate = holdGate({ waiting: 1024 });
	gate.ask("flood", 1000);
	gate.ask("web", 2);
	gate.ask("db", 1);
	const { done, refused } = await gate.release();
	assert.deepEqual(done.slice(0, 4), ["flood", "web", "db", "flood"]);
	assert.equal(done.filter((asker) => asker === "web").length, 2);
	assert.equal(done.filter((asker) => asker === "flood").length, 128);
	assert.deepEqual(refused, Array<string>(872).fill("flood"));
});

test("a gate that is full takes one more from whoever has fewer waiting, and the newest of the busiest is refused for it", async () => {
	const gate = holdGate({ waiting: 12, waitingEach: 6 });
	gate.ask("one", 6);
	gate.ask("two", 6);
	gate.ask("web", 5);
	const { done, refused } = await gate.release();
	assert.equal(done.length, 12);
	assert.equal(done.filter((asker) => asker === "web").length, 4);
	// Nobody is put out for one who would have as many waiting then.
	assert.deepEqual(refused.sort(), ["one", "one", "two", "two", "web"]);
});
