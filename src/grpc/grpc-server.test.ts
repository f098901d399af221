import assert from "node:assert/strict";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import {
	Client,
	type ClientDuplexStream,
	credentials,
	type ServiceDefinition,
	type ServiceError,
	status,
	type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { type Clock, systemClock } from "../core/index.ts";
import { createGrpcServer } from "./index.ts";
import type { ServerCall } from "./server-call.ts";

const pass = { serialize: (bytes: Buffer) => bytes, deserialize: (bytes: Buffer) => bytes };
const method = (path: string, isStream: boolean): ServiceDefinition[string] => ({
	...{ path, requestStream: isStream, responseStream: isStream },
	...{ requestSerialize: pass.serialize, requestDeserialize: readOrThrow },
	...{ responseSerialize: pass.serialize, responseDeserialize: pass.deserialize },
});

function readOrThrow(bytes: Buffer): Buffer {
	if (bytes.toString() === "broken") throw new Error("no such message");
	return bytes;
}

async function start(
	t: TestContext,
	implementation: UntypedServiceImplementation,
	options: { readonly clock?: Clock; readonly maxMessageBytes?: number } = {},
) {
	const server = createGrpcServer({ clock: systemClock, ...options });
	server.addService({ echo: method("/test/Echo", false), talk: method("/test/Talk", true) }, implementation);
	const port = await server.listen("127.0.0.1", 0);
	const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
	t.after(async () => {
		client.close();
		await server.close(0);
	});
	const echo = (text: string | Buffer, path = "/test/Echo", deadlineMs = 60_000): Promise<Buffer> =>
		new Promise((resolve, reject) => {
			const deadline = Date.now() + deadlineMs;
			const message = Buffer.from(text);
			client.makeUnaryRequest(path, pass.serialize, pass.deserialize, message, { deadline }, (error, answer) =>
				error === null ? resolve(answer!) : reject(error),
			);
		});
	const talk = (): ClientDuplexStream<Buffer, Buffer> =>
		client.makeBidiStreamRequest("/test/Talk", pass.serialize, pass.deserialize);
	return { server, port, client, echo, talk };
}

const answerSame: UntypedServiceImplementation[string] = ((
	call: ServerCall,
	answer: (error: null, value: unknown) => void,
) => answer(null, call.request)) as never;

function ended(stream: ClientDuplexStream<Buffer, Buffer>): Promise<ServiceError> {
	return new Promise((resolve) => stream.once("error", resolve));
}

test("a unary call is answered, whatever the size of its message", async (t) => {
	const { echo } = await start(t, { echo: answerSame });
	assert.equal(String(await echo("hello")), "hello");
	const large = Buffer.alloc(3_000_000, "x");
	assert.ok(large.equals(await echo(large)));
	assert.equal(String(await echo("")), "");
});

test("a handler's failure is the status of the call", async (t) => {
	const fail = (_: ServerCall, answer: (error: object) => void): void =>
		answer({ code: status.NOT_FOUND, details: "no größe" });
	const { echo } = await start(t, { echo: fail as never });
	await assert.rejects(echo("x"), { code: status.NOT_FOUND, details: "no größe" });
});

test("a method that nobody serves is not implemented", async (t) => {
	const { echo } = await start(t, { echo: answerSame });
	await assert.rejects(echo("x", "/test/Other"), { code: status.UNIMPLEMENTED });
});

test("a message that cannot be read, or is too large, ends its call alone", async (t) => {
	const { echo } = await start(t, { echo: answerSame }, { maxMessageBytes: 1000 });
	await assert.rejects(echo("broken"), { code: status.INTERNAL });
	await assert.rejects(echo(Buffer.alloc(1001)), { code: status.RESOURCE_EXHAUSTED });
	assert.equal(String(await echo("still here")), "still here");
});

test("a stream carries messages both ways until either side ends it", async (t) => {
	const talk = (call: ServerCall): void => {
		assert.match(call.getPeer(), /^127\.0\.0\.1:\d+$/);
		assert.deepEqual([call.metadata.get("te"), call.metadata.get("x-none")], [["trailers"], []]);
		call.on("data", (message: Buffer) => call.write(Buffer.from(`${message}!`)));
		call.on("end", () => call.end());
	};
	const served = await start(t, { talk: talk as never });
	const stream = served.talk();
	const got: string[] = [];
	stream.on("data", (message: Buffer) => got.push(String(message)));
	for (const word of ["one", "two", "three"]) stream.write(Buffer.from(word));
	stream.end();
	const { code } = await new Promise<{ code: number }>((resolve) => stream.on("status", resolve));
	assert.equal(code, status.OK);
	assert.deepEqual(got, ["one!", "two!", "three!"]);
});

test("a server's error on a stream is told to the client, and the server is told that the call is over", async (t) => {
	const closed = Promise.withResolvers<void>();
	const talk = (call: ServerCall): void => {
		call.on("close", () => closed.resolve());
		call.on("data", () => call.emit("error", Object.assign(new Error("bad"), { code: status.INVALID_ARGUMENT })));
	};
	const served = await start(t, { talk: talk as never });
	const stream = served.talk();
	stream.write(Buffer.from("x"));
	assert.deepEqual((await ended(stream)).code, status.INVALID_ARGUMENT);
	await closed.promise;
});

test("a client that cancels, or whose connection goes, is told to the handler", async (t) => {
	const calls: ServerCall[] = [];
	let told = Promise.withResolvers<void>();
	const talk = (call: ServerCall): void => {
		calls.push(call);
		call.on("data", (message: Buffer) => call.write(message));
		call.on("cancelled", () => told.resolve());
	};
	const served = await start(t, { talk: talk as never });
	const open = async (): Promise<ClientDuplexStream<Buffer, Buffer>> => {
		const stream = served.talk();
		stream.on("error", () => undefined);
		stream.write(Buffer.from("x"));
		await new Promise((resolve) => stream.once("data", resolve));
		return stream;
	};
	(await open()).cancel();
	await told.promise;
	told = Promise.withResolvers<void>();
	await open();
	served.client.close();
	served.client.getChannel().close();
	await served.server.close(0);
	await told.promise;
	assert.equal(calls[1]!.write(Buffer.from("y")), false);
});

test("a call whose deadline is over is cancelled", async (t) => {
	const told = Promise.withResolvers<void>();
	const never = (call: ServerCall): void => void call.on("cancelled", () => told.resolve());
	const { echo } = await start(t, { echo: never as never });
	await assert.rejects(echo("x", "/test/Echo", 50), { code: status.DEADLINE_EXCEEDED });
	await told.promise;
});

test("a paused stream is not read, and what a client does not read is kept back from it", async (t) => {
	const calls: ServerCall[] = [];
	const got: number[] = [];
	const talk = (call: ServerCall): void => {
		calls.push(call);
		call.on("data", (message: Buffer) => got.push(message.length));
		call.pause();
	};
	const served = await start(t, { talk: talk as never });
	const stream = served.talk();
	for (let count = 0; count < 100; count++) stream.write(Buffer.alloc(20_000));
	stream.pause();
	while (calls.length === 0) await new Promise(setImmediate);
	const call = calls[0]!;
	let written = 0;
	while (call.write(Buffer.alloc(20_000))) written++;
	assert.ok(written < 1000, "the client reads nothing, and is sent everything");
	assert.deepEqual(got, []);
	const drained = new Promise((resolve) => call.once("drain", resolve));
	call.resume();
	stream.resume();
	await drained;
	while (got.length < 100) await new Promise(setImmediate);
	stream.cancel();
	stream.on("error", () => undefined);
});

test("a peer that gives no sign of life is gone", async (t) => {
	const clock = createFakeClock();
	const { port } = await start(t, {}, { clock });
	const silent = connect(port, "127.0.0.1");
	const gone = new Promise((resolve) => silent.once("close", resolve));
	// Its settings: the server has the connection.
	await new Promise((resolve) => silent.once("data", resolve));
	for (let second = 0; second < 60; second++) clock.advance(1000);
	await gone;
});

test("a port that is taken is an error with its code", async (t) => {
	const { port } = await start(t, {});
	await assert.rejects(createGrpcServer({ clock: systemClock }).listen("127.0.0.1", port), { code: "EADDRINUSE" });
});
