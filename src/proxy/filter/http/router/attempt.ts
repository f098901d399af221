import type { Millis } from "../../../../core/index.ts";
import type { Host } from "../../../cluster/index.ts";
import type { AttemptConnection } from "../../../connection-pool/index.ts";
import type { LiveFilterChain } from "../live-filter-chain.ts";

/** One try at one host, as the router sees it. */
export interface Attempt {
	readonly host: Host;
	/** Undefined until it is there. */
	readonly connection: AttemptConnection | undefined;
	/** Whether it got as far as having a connection. */
	readonly isConnected: boolean;
	/** The final head came. */
	readonly responded: boolean;
	readonly isOver: boolean;
	/** The whole request is on its way. */
	requestSent: boolean;
	/** When the per-try limits strike. */
	tryEndsAt: Millis;
	tryIdleAt: Millis;
	/** @param filters the upstream's own, where it has any */
	start(filters: LiveFilterChain | undefined): void;
	/** For logs of attempts: why this one was given up. */
	noteFlag?(flag: number): void;
	/** Gives up: nothing more is told to the router. */
	cancel(): void;
	/** As {@link cancel}, while the response may still be being read: a complete one leaves its connection usable. */
	drop(): void;
	/** The exchange is complete or broken. */
	finish(): void;
	/** Nobody is interested any more. */
	release?(): void;
}
