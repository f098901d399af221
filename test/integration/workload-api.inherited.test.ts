/** A connection to the agent is its maker's: whoever inherits it gets nothing once that process has ended. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { status } from "@grpc/grpc-js";
import { eventually } from "../support/eventually.ts";
import { inheritConnection } from "../support/inherited-connection.ts";
import { startNodeWorld } from "../support/node-agent.ts";

const patient = { deadlineMs: 60_000 };

test("streams on an inherited connection get nothing new once its maker has ended, and end", async (t) => {
	const world = await startNodeWorld(t);
	await world.createEntry({ id: "web" });
	const agent = await world.startAgent(t);
	const { seen, endMaker } = inheritConnection(t, agent.socketPath, false);
	const messages = (stream: string) => seen.filter((event) => event.stream === stream && event.bytes !== undefined);
	await eventually(() => {
		assert.equal(messages("svid").length, 1, JSON.stringify(seen));
		assert.equal(messages("secrets").length, 1, JSON.stringify(seen));
	}, patient);
	endMaker();
	await eventually(() => assert.ok(seen.some(({ isOrphan }) => isOrphan)), patient);
	// What would be news for both streams.
	await world.createEntry({ id: "second", spiffeId: "/ns/shop/sa/second" });
	await eventually(() => {
		assert.deepEqual(
			seen.filter((event) => event.stream === "svid" && event.status !== undefined).map((event) => event.status),
			[status.PERMISSION_DENIED],
		);
		assert.ok(
			seen.some(({ isClosed }) => isClosed),
			JSON.stringify(seen),
		);
	}, patient);
	assert.deepEqual([messages("svid").length, messages("secrets").length], [1, 1]);
	assert.ok(agent.lines.some((line) => line.includes("the process that made it is gone")));
});

test("who speaks first on a connection whose maker has ended is refused", async (t) => {
	const world = await startNodeWorld(t);
	await world.createEntry({ id: "web" });
	const agent = await world.startAgent(t);
	const { seen, endMaker } = inheritConnection(t, agent.socketPath, true);
	endMaker();
	await eventually(
		() => assert.ok(seen.some(({ stream, status: code }) => stream === "svid" && code === status.PERMISSION_DENIED)),
		patient,
	);
	assert.deepEqual(
		seen.filter(({ bytes }) => bytes !== undefined),
		[],
	);
});
