import type { Socket } from "node:net";
import type { TestContext } from "node:test";
import { frame } from "./http2-recorder.ts";
import { type RawServer, startRawServer } from "./raw-client.ts";

/** A request of an HTTP/2 client, to be answered by frames. */
export interface RawHttp2Call {
	readonly streamId: number;
	readonly socket: Socket;
	send(...frames: readonly Buffer[]): void;
	/** Sends frames again and again, as long as the connection is open and as fast as it takes them. */
	flood(frames: Buffer, rounds: number): Promise<void>;
}

/** An HTTP/2 server that answers each head with exactly the frames it is told to, acknowledges settings and opens no window. */
export async function startRawHttp2Upstream(
	t: Pick<TestContext, "after">,
	onRequest: (call: RawHttp2Call) => void,
	settings: Buffer = Buffer.alloc(0),
): Promise<RawServer> {
	return await startRawServer(t, (socket) => {
		let bytes = Buffer.alloc(0);
		let isBehindPreface = false;
		const send = (...frames: readonly Buffer[]): void => {
			if (!socket.destroyed) socket.write(Buffer.concat(frames));
		};
		send(frame(4, 0, 0, settings));
		socket.on("data", (data: Buffer) => {
			bytes = Buffer.concat([bytes, data]);
			if (!isBehindPreface) {
				if (bytes.length < 24) return;
				bytes = bytes.subarray(24);
				isBehindPreface = true;
			}
			while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
				const [type, flags, streamId] = [bytes[3]!, bytes[4]!, bytes.readUInt32BE(5)];
				bytes = bytes.subarray(9 + bytes.readUIntBE(0, 3));
				if (type === 4 && (flags & 1) === 0) send(frame(4, 1, 0));
				if (type === 1) onRequest({ streamId, socket, send, flood: (many, rounds) => flood(socket, many, rounds) });
			}
		});
	});
}

async function flood(socket: Socket, bytes: Buffer, rounds: number): Promise<void> {
	for (let round = 0; round < rounds && !socket.destroyed; round++) {
		const hasRoom = socket.write(bytes);
		await new Promise<void>((resolve) => {
			if (hasRoom) {
				setImmediate(resolve);
				return;
			}
			const done = (): void => {
				socket.off("drain", done);
				socket.off("close", done);
				resolve();
			};
			socket.on("drain", done);
			socket.on("close", done);
		});
	}
}
