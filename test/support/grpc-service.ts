import assert from "node:assert/strict";
import { createServer, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { TestContext } from "node:test";
import { frameMessage, MessageReader } from "../../src/wire/grpc/index.ts";

/** One call as a service sees it. */
export interface ServedCall {
	readonly path: string;
	readonly headers: IncomingHttpHeaders;
	/** Messages that came so far. */
	readonly messages: Buffer[];
	/** The client has said that nothing more comes. */
	isEnded: boolean;
	/** The stream is over, one way or another. */
	isClosed: boolean;
	/** Sends a message, after the headers if these are not out yet. */
	send(message: Uint8Array): void;
	/** Ends the call. */
	finish(status?: number, message?: string): void;
	readonly stream: ServerHttp2Stream;
}

/** What a service does with a call. */
export interface CallBehaviour {
	onCall?(call: ServedCall): void;
	onMessage?(call: ServedCall, message: Buffer): void;
	onEnd?(call: ServedCall): void;
}

export interface GrpcService {
	readonly port: number;
	readonly calls: ServedCall[];
	/** What it does from the next call on. */
	behave(behaviour: CallBehaviour): void;
	/** Breaks every connection. */
	disconnect(): void;
}

/** A gRPC service without a schema, on a free port until the test ends: messages are bytes. */
export async function startGrpcService(
	t: Pick<TestContext, "after">,
	behaviour: CallBehaviour = {},
): Promise<GrpcService> {
	const sessions = new Set<ServerHttp2Session>();
	const calls: ServedCall[] = [];
	let current = behaviour;
	const server = createServer();
	server.on("session", (session) => {
		sessions.add(session);
		session.on("error", () => session.destroy());
		session.on("close", () => sessions.delete(session));
	});
	server.on("stream", (stream: ServerHttp2Stream, headers) => {
		const call = createCall(stream, headers);
		calls.push(call);
		const { onCall, onMessage, onEnd } = current;
		const reader = new MessageReader(64 * 1024 * 1024, (message) => {
			call.messages.push(message);
			onMessage?.(call, message);
		});
		stream.on("error", () => stream.destroy());
		stream.on("close", () => {
			call.isClosed = true;
		});
		stream.on("data", (bytes: Buffer) => assert.equal(reader.read(bytes), undefined));
		stream.on("end", () => {
			call.isEnded = true;
			onEnd?.(call);
		});
		onCall?.(call);
	});
	const disconnect = (): void => {
		for (const session of sessions) session.destroy();
	};
	t.after(() => {
		disconnect();
		server.close();
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const address = server.address();
	assert.ok(typeof address === "object" && address !== null);
	return {
		port: address.port,
		calls,
		disconnect,
		behave(next) {
			current = next;
		},
	};
}

function createCall(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): ServedCall {
	const begin = (): void => {
		if (stream.headersSent) return;
		stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
	};
	let trailers = { "grpc-status": "0" };
	stream.on("wantTrailers", () => stream.sendTrailers(trailers));
	return {
		path: headers[":path"] ?? "",
		headers,
		messages: [],
		isEnded: false,
		isClosed: false,
		stream,
		send(message) {
			begin();
			stream.write(frameMessage(message));
		},
		finish(status = 0, message) {
			if (stream.destroyed) return;
			const ends = { "grpc-status": String(status), ...(message === undefined ? {} : { "grpc-message": message }) };
			if (!stream.headersSent) {
				stream.respond({ ":status": 200, "content-type": "application/grpc", ...ends }, { endStream: true });
				return;
			}
			trailers = ends;
			stream.end();
		},
	};
}
