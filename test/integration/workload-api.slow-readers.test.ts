/** Workloads that do not read what their streams bring, and those that ask for too much. */
import assert from "node:assert/strict";
import { type ClientHttp2Stream, connect } from "node:http2";
import { createConnection } from "node:net";
import { type TestContext, test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { X509SVIDResponseSchema } from "../../src/api/gen/spiffe/workload_pb.js";
import { eventually } from "../support/eventually.ts";
import { startNodeWorld } from "../support/node-agent.ts";
import { createWorkloadClient } from "../support/workload-client.ts";

const headers = {
	":method": "POST",
	":path": "/SpiffeWorkloadAPI/FetchX509SVID",
	"content-type": "application/grpc",
	te: "trailers",
	"workload.spiffe.io": "true",
};
const emptyMessage = Buffer.alloc(5);

async function setUp(t: TestContext, settings: { readonly initialWindowSize?: number } = {}) {
	const world = await startNodeWorld(t);
	await world.createEntry({ id: "web" });
	const agent = await world.startAgent(t);
	const client = createWorkloadClient(agent.socketPath);
	const session = connect("http://localhost", { createConnection: () => createConnection(agent.socketPath), settings });
	session.on("error", () => undefined);
	t.after(() => {
		client.close();
		session.destroy();
	});
	const open = (message: Buffer = emptyMessage): ClientHttp2Stream => {
		const stream = session.request(headers);
		stream.on("error", () => undefined);
		stream.end(message);
		return stream;
	};
	return { world, client, session, open };
}

test("a stream whose client does not read brings the newest once it reads, and not all that was", async (t) => {
	const { world, client, session, open } = await setUp(t, { initialWindowSize: 0 });
	const stream = open();
	const chunks: Buffer[] = [];
	stream.on("data", (chunk: Buffer) => void chunks.push(chunk));
	await client.ask("FetchX509SVID");
	const changes = 30;
	const hintOf = (at: number): string => `hint-${at}`;
	for (let at = 1; at <= changes; at++) {
		const entry = { spiffeId: "/ns/shop/sa/web", parentId: "/node/one", selectors: [`unix:uid:${process.getuid!()}`] };
		const answer = await world.admin("PUT", "/v1/identity/entries/web", JSON.stringify({ ...entry, hint: hintOf(at) }));
		assert.equal(answer.status, 200, answer.body);
		await eventually(async () => assert.equal((await client.ask("FetchX509SVID")).svids[0]?.hint, hintOf(at)));
	}
	assert.equal(chunks.length, 0);
	session.settings({ initialWindowSize: 1024 * 1024 });
	const hints = (): string[] => readMessages(Buffer.concat(chunks)).map(({ svids }) => svids[0]!.hint);
	await eventually(() => assert.equal(hints().at(-1), hintOf(changes)));
	assert.ok(hints().length <= 2, hints().join(" "));
});

test("messages that are too long or damaged end their call, the connection and others go on", async (t) => {
	const { client, session, open } = await setUp(t);
	const ended = async (message: Buffer): Promise<unknown> => {
		const stream = open(message);
		const { promise, resolve } = Promise.withResolvers<unknown>();
		let status: unknown;
		stream.on("response", (fields) => (status = fields["grpc-status"] ?? status));
		stream.on("trailers", (fields) => (status = fields["grpc-status"] ?? status));
		stream.on("close", () => resolve(status));
		stream.resume();
		return promise;
	};
	const long = Buffer.alloc(5 + 2 * 1024 * 1024);
	long.writeUInt32BE(long.length - 5, 1);
	const claimed = Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1]);
	const damaged = Buffer.from([0, 0, 0, 0, 2, 0xff, 0xff]);
	for (const message of [long, claimed, damaged]) assert.notEqual(await ended(message), "0");
	assert.equal((await client.ask("FetchX509SVID")).svids.length, 1);
	assert.ok(!session.destroyed);
});

test("of a flood of streams each is answered or refused, and another client is served meanwhile", async (t) => {
	const { client, open } = await setUp(t);
	const outcomes = { answered: 0, refused: 0 };
	const streams = Array.from({ length: 1_000 }, () => open());
	for (const stream of streams) {
		let isAnswered = false;
		stream.once("data", () => {
			isAnswered = true;
			stream.close();
		});
		stream.once("close", () => void outcomes[isAnswered ? "answered" : "refused"]++);
	}
	assert.equal((await client.ask("FetchX509SVID")).svids.length, 1);
	await eventually(() => assert.equal(outcomes.answered + outcomes.refused, streams.length, JSON.stringify(outcomes)), {
		deadlineMs: 30_000,
	});
	assert.ok(outcomes.answered >= 100, JSON.stringify(outcomes));
	assert.equal((await client.ask("FetchX509SVID")).svids.length, 1);
});

function readMessages(bytes: Buffer) {
	const messages = [];
	for (let at = 0; at + 5 <= bytes.length; ) {
		const end = at + 5 + bytes.readUInt32BE(at + 1);
		if (end > bytes.length) break;
		messages.push(fromBinary(X509SVIDResponseSchema, bytes.subarray(at + 5, end)));
		at = end;
	}
	return messages;
}
