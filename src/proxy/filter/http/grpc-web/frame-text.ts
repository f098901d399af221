/** Flags and length in front of each message. */
const prefixBytes = 5;
const noBytes = Buffer.alloc(0);

/** Writes gRPC frames in base64, each by itself, in whatever pieces they come: what does not make three bytes yet waits, and nothing else,
 *  however long a message is. */
export class FrameTextEncoder {
	/** Bytes of the frame's prefix that have come, and the length they tell of. */
	#prefixLength = 0;
	#length = 0;
	/** Bytes of the message that are still to come. */
	#missing = 0;
	/** Fewer than three bytes of the frame under way. */
	#rest: Buffer = noBytes;

	/** The characters that more bytes allow to be told. */
	encode(bytes: Buffer): string {
		let text = "";
		for (let at = 0; at < bytes.length; ) {
			const start = at;
			while (this.#prefixLength < prefixBytes && at < bytes.length) this.#readPrefix(bytes[at++]!);
			const taken = this.#prefixLength < prefixBytes ? 0 : Math.min(this.#missing, bytes.length - at);
			this.#missing -= taken;
			at += taken;
			text += this.#write(bytes.subarray(start, at));
		}
		return text;
	}

	#readPrefix(byte: number): void {
		if (this.#prefixLength > 0) this.#length = this.#length * 256 + byte;
		this.#prefixLength++;
		if (this.#prefixLength === prefixBytes) this.#missing = this.#length;
	}

	/** Bytes of one frame, up to its end at most. */
	#write(bytes: Buffer): string {
		const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
		if (this.#prefixLength === prefixBytes && this.#missing === 0) {
			this.#prefixLength = this.#length = 0;
			this.#rest = noBytes;
			return all.toString("base64");
		}
		const told = all.length - (all.length % 3);
		this.#rest = Buffer.from(all.subarray(told));
		return all.toString("base64", 0, told);
	}
}
