import assert from "node:assert/strict";
import { test } from "node:test";
import { TurnQueue } from "./turn-queue.ts";

function record(queue: TurnQueue) {
	const called: string[] = [];
	const add = (name: string, then?: () => void): void =>
		queue.add({
			onTurnEnd() {
				called.push(name);
				then?.();
			},
		});
	return { called, add };
}

test("everyone is called once at the end of the turn, and who comes meanwhile in the next one", async () => {
	const { called, add } = record(new TurnQueue());
	add("a", () => add("c"));
	add("b");
	assert.deepEqual(called, []);
	await new Promise(setImmediate);
	assert.deepEqual(called, ["a", "b"]);
	await new Promise(setImmediate);
	assert.deepEqual(called, ["a", "b", "c"]);
});

test("of a bounded queue those that wait are called when one more comes, which has not done its work yet", async () => {
	const { called, add } = record(new TurnQueue(2));
	for (const name of ["a", "b", "c", "d"]) add(name);
	assert.deepEqual(called, ["a", "b"]);
	add("e", () => {
		for (const name of ["f", "g", "h"]) add(name);
	});
	assert.deepEqual(called, ["a", "b", "c", "d"]);
	await new Promise(setImmediate);
	await new Promise(setImmediate);
	assert.deepEqual(called, ["a", "b", "c", "d", "e", "f", "g", "h"]);
});

test("a turn has one number, its calls at the end included, and the next one another", async () => {
	const queue = new TurnQueue();
	const seen = [queue.turn];
	queue.add({ onTurnEnd: () => seen.push(queue.turn) });
	await Promise.resolve();
	assert.deepEqual([...seen, queue.turn], [seen[0], seen[0]]);
	await new Promise(setImmediate);
	assert.equal(seen[1], seen[0]);
	assert.notEqual(queue.turn, seen[0]);
});
