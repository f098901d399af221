import assert from "node:assert/strict";
import { test } from "node:test";
import type { DownstreamConnection, GateRefusal, NetworkGate } from "../filter/network/network-filter.ts";
import { ByteGates } from "./byte-gates.ts";

const connection = {} as DownstreamConnection;
const refusal: GateRefusal = { terminationDetails: "no", delayMs: 0 };

/** Gates that write down what they were told; `asker` answers by hand. */
function createWorld() {
	const told: string[] = [];
	let answer: ((refusal: GateRefusal | undefined) => void) | undefined;
	const gate = (name: string, verdict?: GateRefusal, more: Partial<NetworkGate> = {}): NetworkGate => ({
		judge: () => {
			told.push(`${name} judges`);
			return verdict;
		},
		onFirstByte: () => void told.push(`${name} hears`),
		...more,
	});
	const asker: NetworkGate = {
		ask(_connection, done) {
			told.push("asked");
			answer = done;
			return { cancel: () => void told.push("cancelled") };
		},
	};
	return { told, gate, asker, answer: (verdict?: GateRefusal) => answer!(verdict) };
}

test("gates behind one that asks judge and hear when the answer has come", () => {
	const { told, gate, asker, answer } = createWorld();
	const gates = new ByteGates([gate("first"), asker, gate("second", refusal), gate("third")], connection);
	assert.deepEqual(told.splice(0), ["first judges"]);
	assert.equal(gates.denial, undefined);
	let settled = 0;
	assert.equal(
		gates.onBytes(() => settled++),
		"wait",
	);
	assert.deepEqual(told.splice(0), ["first hears", "asked"]);
	assert.equal(
		gates.onBytes(() => settled++),
		"wait",
		"more bytes ask nobody again",
	);
	answer(undefined);
	assert.equal(settled, 1);
	assert.deepEqual(told.splice(0), ["second judges", "second hears"]);
	assert.equal(gates.denial, refusal);
});

test("a refusal of who was asked is the chain's", () => {
	const { told, gate, asker, answer } = createWorld();
	const gates = new ByteGates([asker, gate("behind")], connection);
	let settled = 0;
	gates.onBytes(() => settled++);
	answer(refusal);
	assert.equal(gates.denial, refusal);
	assert.equal(settled, 1);
	assert.deepEqual(told, ["asked"]);
});

test("two that ask are asked one after the other, and settle once", () => {
	const { told, asker, answer } = createWorld();
	const gates = new ByteGates([asker, asker], connection);
	let settled = 0;
	gates.onBytes(() => settled++);
	answer(undefined);
	assert.equal(settled, 0);
	answer(undefined);
	assert.equal(settled, 1);
	assert.deepEqual(told, ["asked", "asked"]);
	assert.equal(
		gates.onBytes(() => settled++),
		"pass",
	);
});

test("a denial before the first byte comes with it, and gates behind do not hear of the connection", () => {
	const { told, gate } = createWorld();
	const gates = new ByteGates([gate("first"), gate("second", refusal), gate("third")], connection);
	assert.equal(gates.denial, refusal);
	assert.equal(
		gates.onBytes(() => undefined),
		"deny",
	);
	assert.deepEqual(told, ["first judges", "second judges", "first hears", "second hears"]);
});

test("gates that watch hear of all bytes, others of the first", () => {
	const { told, gate } = createWorld();
	const gates = new ByteGates([gate("once"), gate("always", undefined, { watchesBytes: true })], connection);
	const hear = (): string => gates.onBytes(() => undefined);
	assert.equal(hear(), "watch");
	assert.equal(hear(), "watch");
	assert.deepEqual(told.slice(2), ["once hears", "always hears", "always hears"]);
});

test("a question is taken back when the connection is over", () => {
	const { told, asker } = createWorld();
	const gates = new ByteGates([asker], connection);
	gates.onBytes(() => assert.fail("nobody waits any more"));
	gates.close();
	gates.close();
	assert.deepEqual(told, ["asked", "cancelled"]);
});
