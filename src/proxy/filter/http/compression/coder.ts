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
	fail(): void;
}

interface FlushingTransform extends Transform {
	flush(kind: number, callback?: () => void): void;
}

/** Codes one body, piece by piece, off the main thread. */
export class Coder {
	readonly #stream: FlushingTransform;
	readonly #flush: number;
	readonly #outlet: CoderOutlet;
	/** What may come out for what went in. */
	readonly #bound: { readonly ratio: number; readonly slackBytes: number };
	#isPaused = false;
	#isClosed = false;
	#bytesIn = 0;
	#bytesOut = 0;

	constructor(stream: FlushingTransform, flush: number, outlet: CoderOutlet, bound = unbounded) {
		this.#bound = bound;
		this.#stream = stream;
		this.#flush = flush;
		this.#outlet = outlet;
		stream.on("data", (bytes: Buffer) => {
			if (this.#isClosed) return;
			this.#bytesOut += bytes.length;
			if (this.#bytesOut > this.#bytesIn * this.#bound.ratio + this.#bound.slackBytes) {
				this.close();
				outlet.fail();
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
		stream.on("error", () => {
			if (this.#isClosed) return;
			this.close();
			outlet.fail();
		});
	}

	/** The view is valid during the call. */
	push(view: Buffer, last: boolean): void {
		if (this.#isClosed) return;
		if (view.length > 0) {
			this.#bytesIn += view.length;
			const takesMore = this.#stream.write(Buffer.from(view));
			// What is here must not wait for more to come. The end comes apart from it, as in Envoy.
			this.#stream.flush(this.#flush, () => {
				if (last && !this.#isClosed) this.#stream.end();
			});
			if (!takesMore && !this.#isPaused && !last) {
				this.#isPaused = true;
				this.#outlet.pause();
			}
		}
		if (last && view.length === 0) this.#stream.end();
	}

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
			return new Coder(createGzip(options) as FlushingTransform, constants.Z_SYNC_FLUSH, outlet);
		case "brotli":
			return new Coder(createBrotliCompress(options) as FlushingTransform, constants.BROTLI_OPERATION_FLUSH, outlet);
		case "zstd":
			return new Coder(createZstdCompress(options) as FlushingTransform, constants.ZSTD_e_flush, outlet);
	}
}

export function createDecoder({ kind, options, maxRatio }: CompressionLibrary, outlet: CoderOutlet): Coder {
	const bound = { ratio: maxRatio, slackBytes: kind === "gzip" ? 0 : slackBytes };
	switch (kind) {
		case "gzip":
			return new Coder(createGunzip(options) as FlushingTransform, constants.Z_SYNC_FLUSH, outlet, bound);
		case "brotli":
			return new Coder(
				createBrotliDecompress(options) as FlushingTransform,
				constants.BROTLI_OPERATION_FLUSH,
				outlet,
				bound,
			);
		case "zstd":
			return new Coder(createZstdDecompress(options) as FlushingTransform, constants.ZSTD_e_flush, outlet, bound);
	}
}
