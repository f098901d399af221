import { Duplex } from "node:stream";
import { createHpackDictionary, HpackDecoder, HpackEncoder } from "../../wire/hpack/index.ts";

const prefaceBytes = 24;
const frameHeadBytes = 9;
const maxFrameBytes = 16_384;
const maxBlockBytes = 65_536;
const maxFields = 256;
const headersType = 1;
const continuationType = 9;
const flag = { endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

/** A connection whose requests are all for the authority `localhost`. Some clients (grpc-java among them) write the path of the socket into
 *  `:authority`, which is none by RFC 3986, and Node's HTTP/2 ends such a stream before anybody sees it. Everything else goes through as it
 *  comes; what is no HTTP/2 is left to the server to refuse. */
export class PlainAuthorityConnection extends Duplex {
	readonly #socket: Duplex;
	readonly #decoder = new HpackDecoder(
		createHpackDictionary(() => 0),
		4096,
	);
	readonly #encoder = new HpackEncoder(0);
	#pending: Buffer = Buffer.alloc(0);
	#hasPreface = false;
	/** From here on bytes are passed on as they are. */
	#isRaw = false;
	/** A block whose CONTINUATION frames are still to come. */
	#block: { readonly streamId: number; readonly flags: number; readonly parts: Buffer[]; bytes: number } | undefined;

	constructor(socket: Duplex) {
		super();
		this.#socket = socket;
		socket.on("data", (chunk: Buffer) => {
			if (!this.push(this.#translate(chunk))) socket.pause();
		});
		socket.on("end", () => this.push(null));
		socket.on("error", (error) => this.destroy(error));
		socket.on("close", () => this.destroy());
	}

	override _read(): void {
		this.#socket.resume();
	}

	override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
		this.#socket.write(chunk, done);
	}

	override _final(done: (error?: Error | null) => void): void {
		this.#socket.end(() => done());
	}

	override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
		this.#socket.destroy();
		done(error);
	}

	#translate(chunk: Buffer): Buffer {
		if (this.#isRaw) return chunk;
		this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
		const out: Buffer[] = [];
		if (!this.#hasPreface && this.#pending.length >= prefaceBytes) {
			out.push(this.#take(prefaceBytes));
			this.#hasPreface = true;
		}
		while (this.#hasPreface && !this.#isRaw && this.#pending.length >= frameHeadBytes) {
			const bytes = this.#pending.readUIntBE(0, 3);
			if (bytes > maxFrameBytes) this.#isRaw = true;
			else if (this.#pending.length < frameHeadBytes + bytes) break;
			else out.push(...this.#translateFrame(this.#take(frameHeadBytes + bytes)));
		}
		if (this.#isRaw) out.push(this.#take(this.#pending.length));
		return Buffer.concat(out);
	}

	#take(bytes: number): Buffer {
		const taken = this.#pending.subarray(0, bytes);
		this.#pending = this.#pending.subarray(bytes);
		return taken;
	}

	#translateFrame(frame: Buffer): readonly Buffer[] {
		const [type, flags] = [frame[3]!, frame[4]!];
		const streamId = frame.readUInt32BE(5);
		if (type === headersType && this.#block === undefined) {
			this.#block = { streamId, flags, parts: [], bytes: 0 };
			return this.#addFragment(fragmentOf(frame, flags), flags);
		}
		if (type === continuationType && this.#block?.streamId === streamId)
			return this.#addFragment(frame.subarray(frameHeadBytes), flags);
		return [frame];
	}

	#addFragment(fragment: Buffer, flags: number): readonly Buffer[] {
		const block = this.#block!;
		block.parts.push(fragment);
		block.bytes += fragment.length;
		if (block.bytes > maxBlockBytes) {
			this.destroy(new Error(`a header block of more than ${maxBlockBytes} bytes`));
			return [];
		}
		if ((flags & flag.endHeaders) === 0) return [];
		this.#block = undefined;
		const bytes = Buffer.concat(block.parts);
		if (this.#decoder.decode(bytes, 0, bytes.length, maxBlockBytes, maxFields) !== "complete") {
			this.destroy(new Error("a header block that cannot be read"));
			return [];
		}
		const fields = this.#decoder.fields.flatMap(({ name, value }) => [
			name,
			name === ":authority" ? "localhost" : value,
		]);
		this.#encoder.begin();
		this.#encoder.addAll(fields);
		return toFrames(Buffer.from(this.#encoder.buffer.subarray(0, this.#encoder.at)), block);
	}
}

/** The part of a HEADERS frame that is its block: without padding and priority (RFC 9113 section 6.2). */
function fragmentOf(frame: Buffer, flags: number): Buffer {
	let start = frameHeadBytes;
	let end = frame.length;
	if ((flags & flag.padded) !== 0) end -= frame[start++] ?? 0;
	if ((flags & flag.priority) !== 0) start += 5;
	return frame.subarray(Math.min(start, frame.length), Math.max(start, end));
}

function toFrames(bytes: Buffer, { streamId, flags }: { readonly streamId: number; readonly flags: number }): Buffer[] {
	const frames: Buffer[] = [];
	for (let at = 0; at === 0 || at < bytes.length; at += maxFrameBytes) {
		const part = bytes.subarray(at, at + maxFrameBytes);
		const head = Buffer.alloc(frameHeadBytes);
		head.writeUIntBE(part.length, 0, 3);
		head[3] = at === 0 ? headersType : continuationType;
		head[4] = (at === 0 ? flags & flag.endStream : 0) | (at + maxFrameBytes >= bytes.length ? flag.endHeaders : 0);
		head.writeUInt32BE(streamId, 5);
		frames.push(head, part);
	}
	return frames;
}
