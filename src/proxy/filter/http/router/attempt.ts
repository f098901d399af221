import type { HeaderList, Millis } from "../../../../core/index.ts";
import type { Host } from "../../../cluster/index.ts";
import type { UpstreamConnectionFacts } from "../stream-record.ts";

/** Where an attempt's request goes. */
export interface AttemptConnection extends UpstreamConnectionFacts {
	readonly id: number;
	/** @returns false when the caller should wait for the drain */
	writeBody(view: Buffer, last: boolean, owned: boolean): boolean;
	writeTrailers(trailers: HeaderList): void;
	/** Sends what was held back for coalescing. */
	flush(): void;
	pause(): void;
	resume(): void;
	/** The response is of no interest any more: the connection ends. */
	abandon(): void;
}

/** One try at one host, as the router sees it. */
export interface Attempt {
	readonly host: Host;
	/** Undefined until it is there. */
	readonly connection: AttemptConnection | undefined;
	/** The final head came. */
	readonly responded: boolean;
	readonly isOver: boolean;
	/** The whole request is on its way. */
	requestSent: boolean;
	/** When the per-try limits strike. */
	tryEndsAt: Millis;
	tryIdleAt: Millis;
	start(): void;
	/** Gives up: nothing more is told to the router. */
	cancel(): void;
	/** As {@link cancel}, while the response may still be being read: a complete one leaves its connection usable. */
	drop(): void;
	/** The exchange is complete or broken. */
	finish(): void;
}
