import { connect, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { block, frame, preface, readFrames } from "./http2-recorder.ts";

/** What a client of frames saw, in the order of its streams. */
export interface FrameTranscript {
	/** Frames of each stream: `HEADERS END`, `DATA 5 END`, `RST 7`. */
	readonly streams: Readonly<Record<string, readonly string[]>>;
	/** Codes of GOAWAY frames. */
	readonly goAways: readonly number[];
	readonly closed: boolean;
}

const names: Readonly<Record<number, string>> = { 0: "DATA", 1: "HEADERS", 3: "RST" };

/** An HTTP/2 client that sends exactly the frames it is told to, and acknowledges nothing by itself. */
export class RawHttp2Client {
	readonly socket: Socket;
	readonly #pieces: Buffer[] = [];
	#closed = false;
	received = 0;
	/** Whether what comes is kept. */
	keeps = true;

	constructor(socket: Socket) {
		this.socket = socket;
		socket.on("data", (data: Buffer) => {
			this.received += data.length;
			if (this.keeps) this.#pieces.push(data);
		});
		for (const event of ["end", "close", "error"]) {
			socket.on(event, () => {
				this.#closed = true;
			});
		}
	}

	get closed(): boolean {
		return this.#closed;
	}

	send(...frames: readonly Buffer[]): void {
		this.socket.write(Buffer.concat(frames));
	}

	/** Bytes that the peer's WINDOW_UPDATE frames have let us send on a stream, on top of its first window. */
	granted(streamId: number): number {
		let bytes = 0;
		for (const frame of readFrames(Buffer.concat(this.#pieces))) {
			if (frame.type === 8 && frame.streamId === streamId) bytes += frame.payload.readUInt32BE(0);
		}
		return bytes;
	}

	/** What has come so far. */
	see(): FrameTranscript {
		const streams: Record<string, string[]> = {};
		const goAways: number[] = [];
		for (const { type, flags, streamId, payload } of readFrames(Buffer.concat(this.#pieces))) {
			if (type === 7) goAways.push(payload.readUInt32BE(4));
			const name = names[type];
			if (name === undefined) continue;
			const detail = type === 0 ? ` ${payload.length}` : type === 3 ? ` ${payload.readUInt32BE(0)}` : "";
			streams[streamId] ??= [];
			streams[streamId].push(`${name}${detail}${type !== 3 && (flags & 1) !== 0 ? " END" : ""}`);
		}
		return { streams, goAways, closed: this.#closed };
	}
}

/** Connects with prior knowledge, or by TLS, and says the preface. */
export async function openRawHttp2(
	t: Pick<TestContext, "after">,
	port: number,
	tls?: ConnectionOptions,
): Promise<RawHttp2Client> {
	const { promise, resolve, reject } = Promise.withResolvers<void>();
	const socket =
		tls === undefined
			? connect({ host: "127.0.0.1", port, noDelay: true }, resolve)
			: connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false, ALPNProtocols: ["h2"], ...tls }, resolve);
	socket.once("error", reject);
	t.after(() => socket.destroy());
	await promise;
	socket.off("error", reject);
	const client = new RawHttp2Client(socket);
	client.send(preface);
	return client;
}

type Field = readonly [string, string];

/** A HEADERS frame with literals: a GET of `/`, unless `fields` say otherwise. */
export function requestFrame(id: number, endStream: boolean, fields: Readonly<Record<string, string>> = {}): Buffer {
	const all: Record<string, string> = {
		":method": "GET",
		":scheme": "http",
		":path": "/",
		":authority": "h",
		...fields,
	};
	return frame(1, endStream ? 5 : 4, id, block(...(Object.entries(all) as Field[])));
}
