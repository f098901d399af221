import type { HeaderList } from "../../src/core/index.ts";
import {
	createHttp2Shared,
	defaultHttp2Config,
	type Http2Config,
	Http2Connection,
	type Http2Counters,
	type Http2Fault,
	type Http2Head,
	type Http2Sink,
	type Http2Stream,
} from "../../src/wire/http2/index.ts";

/** What a stream went through. */
export interface StreamTranscript {
	head?: { readonly pseudo: string; readonly fields: HeaderList };
	readonly informational: number[];
	body: string;
	trailers?: HeaderList;
	/** `end`, `reset <code>`, `fault <name> <code>`. */
	end?: string;
}

/** A connection whose sink writes everything down and consumes bodies at once, unless told otherwise. */
export class Http2Recorder implements Http2Sink<StreamTranscript> {
	readonly connection: Http2Connection<StreamTranscript>;
	readonly counters: Http2Counters;
	readonly streams = new Map<number, StreamTranscript>();
	readonly open = new Map<number, Http2Stream<StreamTranscript>>();
	/** What `write` got, if nobody else takes it. */
	readonly written: Buffer[] = [];
	readonly events: string[] = [];
	fault: string | undefined;
	consumes = true;
	outcome: "gone" | "taken" | "full" = "taken";
	onRequest: ((stream: Http2Stream<StreamTranscript>, head: Http2Head, endStream: boolean) => void) | undefined;
	onOutputBytes: ((bytes: Buffer) => void) | undefined;

	constructor(role: "server" | "client", config: Partial<Http2Config> = {}) {
		const shared = createHttp2Shared();
		this.counters = shared.counters;
		this.connection = new Http2Connection(role, { ...defaultHttp2Config, ...config }, this, shared);
	}

	transcript(stream: Http2Stream<StreamTranscript>): StreamTranscript {
		let transcript = this.streams.get(stream.id);
		if (transcript === undefined) {
			transcript = { informational: [], body: "" };
			this.streams.set(stream.id, transcript);
			this.open.set(stream.id, stream);
		}
		return transcript;
	}

	/** Takes bytes and flushes; the answer in one piece. */
	take(...pieces: readonly Buffer[]): Buffer {
		for (const piece of pieces) this.connection.execute(piece);
		this.connection.flush();
		return Buffer.concat(this.written.splice(0));
	}

	onHead(stream: Http2Stream<StreamTranscript>, head: Http2Head, fields: HeaderList, endStream: boolean): void {
		const { method, scheme, authority, path, protocol, status } = head;
		const pseudo =
			status > 0
				? String(status)
				: `${method} ${scheme} ${authority} ${path}${protocol === undefined ? "" : ` ${protocol}`}`;
		this.transcript(stream).head = { pseudo, fields };
		if (endStream) this.transcript(stream).end = "end";
		this.onRequest?.(stream, head, endStream);
	}

	onInformational(stream: Http2Stream<StreamTranscript>, status: number): void {
		this.transcript(stream).informational.push(status);
	}

	onData(stream: Http2Stream<StreamTranscript>, view: Buffer, endStream: boolean): void {
		const transcript = this.transcript(stream);
		transcript.body += view.toString("latin1");
		if (endStream) transcript.end = "end";
		if (this.consumes) this.connection.consume(stream, view.length);
	}

	onTrailers(stream: Http2Stream<StreamTranscript>, fields: HeaderList): void {
		const transcript = this.transcript(stream);
		transcript.trailers = fields;
		transcript.end = "end";
	}

	onReset(stream: Http2Stream<StreamTranscript>, code: number): void {
		this.transcript(stream).end = `reset ${code}`;
	}

	onStreamFault(stream: Http2Stream<StreamTranscript>, fault: Http2Fault, code: number): void {
		this.transcript(stream).end = `fault ${fault} ${code}`;
	}

	onStreamWritable(stream: Http2Stream<StreamTranscript>): void {
		this.events.push(`writable ${stream.id}`);
	}

	onStreamClosed(stream: Http2Stream<StreamTranscript>): void {
		this.events.push(`closed ${stream.id}`);
	}

	onGoAway(lastStreamId: number, code: number): void {
		this.events.push(`goaway ${lastStreamId} ${code}`);
	}

	onSettings(): void {
		this.events.push("settings");
	}

	onPingAnswer(): void {
		this.events.push("pong");
	}

	onConnectionFault(fault: Http2Fault, code: number): void {
		this.fault = `${fault} ${code}`;
	}

	onOutput(): void {
		this.events.push("output");
	}

	write(bytes: Buffer): "gone" | "taken" | "full" {
		if (this.onOutputBytes !== undefined) this.onOutputBytes(Buffer.from(bytes));
		else this.written.push(Buffer.from(bytes));
		return this.outcome;
	}
}

/** A frame of bytes. */
export function frame(type: number, flags: number, streamId: number, payload: Buffer | string = ""): Buffer {
	const body = typeof payload === "string" ? Buffer.from(payload, "latin1") : payload;
	const head = Buffer.alloc(9);
	head.writeUIntBE(body.length, 0, 3);
	head[3] = type;
	head[4] = flags;
	head.writeUInt32BE(streamId, 5);
	return Buffer.concat([head, body]);
}

/** A header block of literals that enter no table. */
export function block(...fields: readonly (readonly [string, string])[]): Buffer {
	return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

function text(value: string): Buffer {
	const bytes = Buffer.from(value, "latin1");
	if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
	const head = [127];
	let rest = bytes.length - 127;
	for (; rest >= 128; rest >>>= 7) head.push((rest & 127) | 128);
	head.push(rest);
	return Buffer.concat([Buffer.from(head), bytes]);
}

/** The frames of bytes, as text: `type flags stream payload-as-hex`. */
export function readFrames(bytes: Buffer): { type: number; flags: number; streamId: number; payload: Buffer }[] {
	const frames = [];
	for (let at = 0; at + 9 <= bytes.length; ) {
		const length = bytes.readUIntBE(at, 3);
		frames.push({
			type: bytes[at + 3]!,
			flags: bytes[at + 4]!,
			streamId: bytes.readUInt32BE(at + 5),
			payload: bytes.subarray(at + 9, at + 9 + length),
		});
		at += 9 + length;
	}
	return frames;
}

export const preface = Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(4, 0, 0)]);
export const getHead: readonly (readonly [string, string])[] = [
	[":method", "GET"],
	[":scheme", "http"],
	[":path", "/"],
	[":authority", "h"],
];
