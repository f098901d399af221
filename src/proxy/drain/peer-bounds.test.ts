import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { silentLog } from "../../core/index.ts";
import type { TlsCertificate } from "../../engine/format/index.ts";
import { PeerBounds } from "./peer-bounds.ts";

const graceMs = 30_000;

function createWorld() {
	const clock = createFakeClock();
	const events: string[] = [];
	const trusted = new Set<string>(["old", "new"]);
	const revoked = new Map<string, "agent" | "entry">();
	let rootsGone: (() => void) | undefined;
	const bounds = new PeerBounds<{ readonly name: string }>({
		clock,
		log: silentLog,
		graceMs,
		trust: {
			judge: () => (chainPem) => trusted.has(chainPem),
			revocationOf: ({ fingerprint256 }) => revoked.get(fingerprint256),
			onLost(listener) {
				rootsGone = listener;
				return () => {
					rootsGone = undefined;
				};
			},
		},
		retire: (connections) => connections.forEach(({ name }) => void events.push(`retire ${name}`)),
		cut: ({ name }) => void events.push(`cut ${name}`),
	});
	const follow = (name: string, root: string, lifeMs: number) => {
		const connection = { name };
		const peer = { uriSans: [name], chainPem: root, fingerprint256: name, validToMs: clock.wall() + lifeMs };
		bounds.follow(connection, peer as unknown as TlsCertificate);
		return connection;
	};
	return {
		...{ bounds, clock, events, follow },
		distrust(root: string) {
			trusted.delete(root);
			rootsGone?.();
		},
		revoke(name: string, by: "agent" | "entry") {
			revoked.set(name, by);
			rootsGone?.();
		},
		isFollowed: () => rootsGone !== undefined,
	};
}

test("a connection is retired when its peer's certificate ends, once, and others go on", () => {
	const { clock, events, follow } = createWorld();
	follow("long", "new", 7_200_000);
	follow("short", "new", 3_600_000);
	clock.advance(3_599_000);
	assert.deepEqual(events, []);
	clock.advance(2_000);
	assert.deepEqual(events, ["retire short"]);
	clock.advance(3_600_000);
	assert.deepEqual(events, ["retire short", "retire long"]);
	clock.advance(3_600_000);
	assert.equal(events.length, 2, "what is under way is not cut because a certificate has ended");
});

test("a machine that slept through the end of a certificate retires the connection within a minute", () => {
	const { clock, events, follow } = createWorld();
	follow("short", "new", 3_600_000);
	clock.setWall(clock.wall() + 4_000_000);
	clock.advance(60_000);
	assert.deepEqual(events, ["retire short"]);
});

test("connections under a root that has gone are retired at once, and cut when their grace is over", async () => {
	const { bounds, clock, distrust, events, follow } = createWorld();
	const leaves = follow("leaves", "old", 3_600_000);
	follow("stays", "old", 3_600_000);
	follow("other", "new", 3_600_000);
	distrust("old");
	assert.deepEqual(events.splice(0), ["retire leaves", "retire stays"]);
	bounds.forget(leaves);
	await clock.advanceAsync(graceMs);
	assert.deepEqual(events, ["cut stays"]);
});

test("connections of a banned agent are cut at once, those whose entry is gone have their grace; neither comes again", async () => {
	const { bounds, clock, events, follow, revoke } = createWorld();
	const connections = ["banned", "removed", "good"].map((name) => [name, follow(name, "new", 3_600_000)] as const);
	revoke("removed", "entry");
	assert.deepEqual(events.splice(0), ["retire removed"]);
	revoke("banned", "agent");
	assert.deepEqual(events.splice(0), ["retire banned", "cut banned"]);
	await clock.advanceAsync(graceMs);
	assert.ok(events.includes("cut removed") && !events.includes("cut good"), events.join());
	const refused = connections.filter(([name]) => bounds.refuses({ fingerprint256: name } as unknown as TlsCertificate));
	assert.deepEqual(
		refused.map(([name]) => name),
		["banned", "removed"],
	);
});

test("many peers are checked in turns, and none is left out", async () => {
	const { clock, distrust, events, follow } = createWorld();
	for (let index = 0; index < 300; index++) follow(`${index}`, index % 3 === 0 ? "old" : "new", 3_600_000);
	distrust("old");
	assert.equal(events.length, 0, "others have their turn");
	await clock.advanceAsync(1);
	assert.equal(events.length, 100);
});

test("nothing is watched when no connection is left", () => {
	const { bounds, clock, follow, isFollowed } = createWorld();
	const connections = [follow("a", "new", 1_000), follow("b", "new", 2_000)];
	assert.ok(isFollowed());
	for (const connection of connections) bounds.forget(connection);
	assert.ok(!isFollowed());
	assert.equal(clock.pending, 0);
	follow("c", "new", 1_000);
	bounds.close();
	assert.equal(clock.pending, 0);
});
