import { FrameFlag, FrameType, frameHeadBytes, maxFrameBytes } from "./frames.ts";

/** Who takes frames. Each function says whether to go on: after `false` the parser takes nothing more. */
export interface FrameTarget {
	/** A frame begins; its size is within the limit. */
	onFrameStart(type: number, flags: number, streamId: number, length: number): boolean;
	/** A frame longer than any may be. */
	onLongFrame(type: number, flags: number, streamId: number, length: number): void;
	/** A whole frame of a known type other than DATA: its payload is `bytes[start, end)`. */
	onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): boolean;
	/** Some of the data of the DATA frame that began, as it comes: `isLast` with the last of the frame, which may be empty. */
	onDataPart(bytes: Buffer, start: number, end: number, isLast: boolean): boolean;
	/** The padding of a DATA frame is as long as its payload, or longer. */
	onBadPadding(): void;
}

const State = { head: 0, padLength: 1, data: 2, padding: 3, payload: 4, skip: 5, stopped: 6 } as const;
type State = (typeof State)[keyof typeof State];

/** Cuts bytes into frames (RFC 9113 section 4.1), whatever pieces they come in. Data is handed on as it comes; other payloads are kept until
 *  they are whole. */
export class FrameParser {
	readonly #target: FrameTarget;
	#state: State = State.head;
	/** A head or payload of which a part is here. */
	#partial: Buffer | undefined;
	#partialBytes = 0;
	#type = 0;
	#flags = 0;
	#streamId = 0;
	/** Octets of the payload, the data or the padding still to come. */
	#left = 0;
	#padding = 0;

	constructor(target: FrameTarget) {
		this.#target = target;
	}

	/** Takes `bytes` from `at` on. */
	execute(bytes: Buffer, at: number): void {
		const end = bytes.length;
		while (at < end) {
			switch (this.#state) {
				case State.head:
					if (this.#partialBytes === 0 && end - at >= frameHeadBytes) {
						this.#begin(bytes, at);
						at += frameHeadBytes;
					} else {
						at = this.#collectHead(bytes, at, end);
					}
					break;
				case State.padLength:
					this.#padding = bytes[at++]!;
					if (this.#padding > --this.#left) {
						this.#state = State.stopped;
						this.#target.onBadPadding();
						return;
					}
					this.#left -= this.#padding;
					this.#state = State.data;
					if (this.#left === 0) this.#handData(bytes, at, at);
					break;
				case State.data: {
					const stop = Math.min(end, at + this.#left);
					this.#left -= stop - at;
					this.#handData(bytes, at, stop);
					at = stop;
					break;
				}
				case State.padding:
				case State.skip: {
					const taken = Math.min(this.#left, end - at);
					this.#left -= taken;
					at += taken;
					if (this.#left === 0) this.#state = State.head;
					break;
				}
				case State.payload:
					if (this.#partialBytes === 0 && end - at >= this.#left) {
						const start = at;
						at += this.#left;
						this.#handFrame(bytes, start, at);
					} else {
						at = this.#collectPayload(bytes, at, end);
					}
					break;
				case State.stopped:
					return;
			}
		}
	}

	/** Takes nothing more. */
	stop(): void {
		this.#state = State.stopped;
		this.#partial = undefined;
	}

	#collectHead(bytes: Buffer, at: number, end: number): number {
		this.#partial ??= Buffer.allocUnsafeSlow(frameHeadBytes);
		const stop = Math.min(end, at + frameHeadBytes - this.#partialBytes);
		bytes.copy(this.#partial, this.#partialBytes, at, stop);
		this.#partialBytes += stop - at;
		if (this.#partialBytes === frameHeadBytes) {
			const head = this.#partial;
			this.#partial = undefined;
			this.#partialBytes = 0;
			this.#begin(head, 0);
		}
		return stop;
	}

	#collectPayload(bytes: Buffer, at: number, end: number): number {
		this.#partial ??= Buffer.allocUnsafeSlow(this.#left);
		const stop = Math.min(end, at + this.#left - this.#partialBytes);
		bytes.copy(this.#partial, this.#partialBytes, at, stop);
		this.#partialBytes += stop - at;
		if (this.#partialBytes === this.#left) {
			const payload = this.#partial;
			this.#partial = undefined;
			this.#partialBytes = 0;
			this.#handFrame(payload, 0, payload.length);
		}
		return stop;
	}

	#begin(bytes: Buffer, at: number): void {
		const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
		const type = bytes[at + 3]!;
		const flags = bytes[at + 4]!;
		const streamId = ((bytes[at + 5]! & 0x7f) << 24) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 8) | bytes[at + 8]!;
		if (length > maxFrameBytes) {
			this.#state = State.stopped;
			this.#target.onLongFrame(type, flags, streamId, length);
			return;
		}
		this.#type = type;
		this.#flags = flags;
		this.#streamId = streamId;
		this.#left = length;
		if (!this.#target.onFrameStart(type, flags, streamId, length)) {
			this.#state = State.stopped;
		} else if (type === FrameType.data) {
			this.#padding = 0;
			if ((flags & FrameFlag.padded) === 0) {
				this.#state = State.data;
				if (length === 0) this.#handData(bytes, at, at);
			} else if (length === 0) {
				this.#state = State.stopped;
				this.#target.onBadPadding();
			} else {
				this.#state = State.padLength;
			}
		} else if (type > FrameType.continuation) {
			this.#state = length === 0 ? State.head : State.skip;
		} else if (length === 0) {
			this.#handFrame(bytes, at, at);
		} else {
			this.#state = State.payload;
		}
	}

	#handData(bytes: Buffer, start: number, end: number): void {
		const isLast = this.#left === 0;
		if (isLast) {
			this.#left = this.#padding;
			this.#state = this.#padding === 0 ? State.head : State.padding;
		}
		if (!this.#target.onDataPart(bytes, start, end, isLast)) this.#state = State.stopped;
	}

	#handFrame(bytes: Buffer, start: number, end: number): void {
		this.#state = State.head;
		if (!this.#target.onFrame(this.#type, this.#flags, this.#streamId, bytes, start, end)) this.#state = State.stopped;
	}
}
