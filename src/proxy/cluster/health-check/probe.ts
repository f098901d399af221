import type { Socket } from "node:net";
import type { CheckResult } from "../../../engine/health-check/index.ts";

/** One way to check a host. */
export interface Probe {
	/** Begins a check; `done` is called once, unless the check is cancelled. @returns how to cancel it */
	start(done: (result: CheckResult) => void): () => void;
	/** Closes what is kept between checks. */
	close(): void;
}

/** Opens a connection to the host under check. @returns the socket; `ready` is called when it can be written to */
export type ConnectForCheck = (ready: () => void) => Socket;
