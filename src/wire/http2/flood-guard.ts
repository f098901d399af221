import type { Http2Config } from "./config.ts";
import type { Http2Counters } from "./counters.ts";
import type { Http2Fault } from "./error-codes.ts";

/** Frames that change nothing: so many of any connection, as many as nghttp2 takes at once, and more for each stream. */
const freeIdleFrames = 1000;
const idleFramesPerStream = 10;

/** Counts what a peer sends at no cost to itself (Envoy's protocol constraints). */
export class FloodGuard {
	/** DATA frames that we sent. */
	sentDataFrames = 0;
	readonly #config: Http2Config;
	readonly #counters: Http2Counters;
	#openedStreams = 0;
	#emptyFrames = 0;
	#priorityFrames = 0;
	#windowUpdates = 0;
	#idleFrames = 0;

	constructor(config: Http2Config, counters: Http2Counters) {
		this.#config = config;
		this.#counters = counters;
	}

	onStreamOpened(): void {
		this.#openedStreams++;
	}

	/** A HEADERS, CONTINUATION or DATA frame. */
	onPayload(isEmpty: boolean): Http2Fault | undefined {
		if (!isEmpty) {
			this.#emptyFrames = 0;
			return undefined;
		}
		if (++this.#emptyFrames <= this.#config.maxConsecutiveEmptyFrames) return undefined;
		this.#counters.inbound_empty_frames_flood.value++;
		return "empty-frames-flood";
	}

	/** A frame that changes nothing: of an unknown type, a reset of a stream that is over, an answer to no PING, a further GOAWAY. */
	onIdleFrame(): Http2Fault | undefined {
		return ++this.#idleFrames <= freeIdleFrames + idleFramesPerStream * this.#openedStreams
			? undefined
			: "idle-frames-flood";
	}

	onPriority(): Http2Fault | undefined {
		if (++this.#priorityFrames <= this.#config.maxPriorityFramesPerStream * (1 + this.#openedStreams)) return undefined;
		this.#counters.inbound_priority_frames_flood.value++;
		return "priority-flood";
	}

	onWindowUpdate(): Http2Fault | undefined {
		const perFrame = this.#config.maxWindowUpdatesPerDataFrame;
		if (++this.#windowUpdates <= 5 + 2 * (this.#openedStreams + perFrame * this.sentDataFrames)) return undefined;
		this.#counters.inbound_window_update_frames_flood.value++;
		return "window-update-flood";
	}
}
