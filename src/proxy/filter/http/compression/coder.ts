import type { Transform } from "node:stream";
import {
	constants,
	createBrotliCompress,
	createBrotliDecompress,
	createGunzip,
	createGzip,
	createZstdCompress,
	createZstdDecompress,
} from "node:zlib";
import type { CompressionLibrary } from "../../../runtime-config/index.ts";

/** Names of codings in `content-encoding` and `accept-encoding`. */
export const contentEncodings = { gzip: "gzip", brotli: "br", zstd: "zstd" } as const;

/** Where coded bytes go. */
export interface CoderOutlet {
	write(bytes: Buffer, last: boolean): void;
	/** Too much waits to be coded. */
	pause(): void;
	resume(): void;
	/** The bytes are none of this coding; nothing more comes. */
	fail(kind: CodingFailure): void;
}

/** The library's word for what is wrong: one of zlib's codes for gzip. */
export type CodingFailure = "data" | "buffer" | "memory" | "other";

const failureKinds: Readonly<Record<string, CodingFailure>> = {
	Z_DATA_ERROR: "data",
	Z_BUF_ERROR: "buffer",
	Z_MEM_ERROR: "memory",
};

interface FlushingTransform extends Transform {
	flush(kind: number, callback?: () => void): void;
}

/** How a coder is made to give what it has. */
interface FlushRule {
	readonly kind: () => number;
	/** Whether last bytes are flushed when their end comes apart from them. */
	readonly atEnd: boolean;
}

const gzipFlush: FlushRule = { kind: () => constants.Z_SYNC_FLUSH, atEnd: true };
const brotliFlush: FlushRule = { kind: () => constants.BROTLI_OPERATION_FLUSH, atEnd: true };
const zstdFlush: FlushRule = { kind: () => constants.ZSTD_e_flush, atEnd: false };

/** Codes one body, piece by piece, off the main thread. */
export class Coder {
	readonly #stream: FlushingTransform;
	readonly #flush: FlushRule;
	readonly #outlet: CoderOutlet;
	/** What may come out for what went in. */
	readonly #bound: { readonly ratio: number; readonly slackBytes: number };
	/** What came in this turn. */
	readonly #pieces: Buffer[] = [];
	#isQueued = false;
	#isLast = false;
	#endsApart = false;
	#isPaused = false;
	#isClosed = false;
	#bytesIn = 0;
	#bytesOut = 0;

	constructor(stream: FlushingTransform, flush: FlushRule, outlet: CoderOutlet, bound = unbounded) {
		this.#bound = bound;
		this.#stream = stream;
		this.#flush = flush;
		this.#outlet = outlet;
		stream.on("data", (bytes: Buffer) => {
			if (this.#isClosed) return;
			this.#bytesOut += bytes.length;
			if (this.#bytesOut > this.#bytesIn * this.#bound.ratio + this.#bound.slackBytes) {
				this.close();
				outlet.fail("data");
			} else {
				outlet.write(bytes, false);
			}
		});
		stream.on("end", () => {
			if (!this.#isClosed) outlet.write(Buffer.alloc(0), true);
			this.close();
		});
		stream.on("drain", () => {
			if (!this.#isPaused || this.#isClosed) return;
			this.#isPaused = false;
			outlet.resume();
		});
		stream.on("error", (error: NodeJS.ErrnoException) => {
			if (this.#isClosed) return;
			this.close();
			outlet.fail(failureKinds[error.code ?? ""] ?? "other");
		});
	}

	/** The view is valid during the call. What comes in one turn is coded as one piece, as Envoy does with what it reads at once.
	 *  @param endsApart whether the end comes by itself behind the last bytes, which are flushed then */
	push(view: Buffer, last: boolean, endsApart: boolean): void {
		if (this.#isClosed) return;
		if (view.length > 0) this.#pieces.push(Buffer.from(view));
		this.#isLast ||= last;
		this.#endsApart ||= endsApart;
		if (this.#isQueued) return;
		this.#isQueued = true;
		process.nextTick(this.#code);
	}

	readonly #code = (): void => {
		this.#isQueued = false;
		if (this.#isClosed) return;
		const piece = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces);
		this.#pieces.length = 0;
		const isLast = this.#isLast;
		if (piece.length > 0) {
			this.#bytesIn += piece.length;
			const takesMore = this.#stream.write(piece);
			if (!takesMore && !this.#isPaused && !isLast) {
				this.#isPaused = true;
				this.#outlet.pause();
			}
			// What is here must not wait for more to come.
			if (!isLast || (this.#flush.atEnd && this.#endsApart)) {
				this.#stream.flush(this.#flush.kind(), () => {
					if (isLast && !this.#isClosed) this.#stream.end();
				});
				return;
			}
		}
		if (isLast) this.#stream.end();
	};

	close(): void {
		if (this.#isClosed) return;
		this.#isClosed = true;
		this.#stream.destroy();
	}
}

const unbounded = { ratio: Number.POSITIVE_INFINITY, slackBytes: 0 };
/** As much as a body may grow without being taken for a bomb. */
const slackBytes = 1024 * 1024;

export function createEncoder({ kind, options }: CompressionLibrary, outlet: CoderOutlet): Coder {
	switch (kind) {
		case "gzip":
			return new Coder(createGzip(options) as FlushingTransform, gzipFlush, outlet);
		case "brotli":
			return new Coder(createBrotliCompress(options) as FlushingTransform, brotliFlush, outlet);
		case "zstd":
			return new Coder(createZstdCompress(options) as FlushingTransform, zstdFlush, outlet);
	}
}

export function createDecoder({ kind, options, maxRatio }: CompressionLibrary, outlet: CoderOutlet): Coder {
	const bound = { ratio: maxRatio, slackBytes: kind === "gzip" ? 0 : slackBytes };
	switch (kind) {
		case "gzip":
			return new Coder(createGunzip(options) as FlushingTransform, gzipFlush, outlet, bound);
		case "brotli":
			return new Coder(createBrotliDecompress(options) as FlushingTransform, brotliFlush, outlet, bound);
		case "zstd":
			return new Coder(createZstdDecompress(options) as FlushingTransform, zstdFlush, outlet, bound);
	}
}
