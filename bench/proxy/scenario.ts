import type { Backend } from "../support/backend.ts";
import type { PairFiles } from "../support/certificates.ts";
import type { Outcome } from "../support/report.ts";
import type { PeerName } from "./peers.ts";

export { type Check, holds, type Outcome, type Row } from "../support/report.ts";

/** What a scenario runs in. */
export interface ScenarioContext {
	/** The core of the proxies, and the one of load and backend. */
	readonly proxyCore: number;
	readonly loadCore: number;
	/** A private folder that goes after the scenario. */
	readonly folder: string;
	readonly files: PairFiles;
	readonly backend: Backend;
	readonly available: readonly PeerName[];
	/** Rounds of load a peer; the median counts. */
	readonly rounds: number;
	/** Seconds of a round. */
	readonly seconds: number;
}

/** One row of the benchmark's table. */
export interface Scenario {
	readonly name: string;
	readonly title: string;
	/** Bytes of the backend's answers; 100 when absent. */
	readonly bodyBytes?: number;
	readonly run: (context: ScenarioContext) => Promise<Outcome>;
}

/** `a / b`; undefined when one is missing. */
export function divide(a: number | undefined, b: number | undefined): number | undefined {
	return a === undefined || b === undefined || Number.isNaN(a) || Number.isNaN(b) ? undefined : a / b;
}
