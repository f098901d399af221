import type { Backend } from "../support/backend.ts";
import type { PairFiles } from "../support/certificates.ts";
import type { PeerName } from "./peers.ts";

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

/** The figures of one proxy, by their column. */
export interface Row {
	readonly name: string;
	readonly values: Readonly<Record<string, number>>;
}

/** A figure that must reach or stay below a bound. */
export interface Check {
	readonly what: string;
	/** Undefined when a peer is missing. */
	readonly value: number | undefined;
	readonly bound: number;
	readonly kind: "at-least" | "at-most";
}

export interface Outcome {
	readonly rows: readonly Row[];
	readonly checks: readonly Check[];
}

/** One row of the benchmark's table. */
export interface Scenario {
	readonly name: string;
	readonly title: string;
	/** Bytes of the backend's answers; 100 when absent. */
	readonly bodyBytes?: number;
	readonly run: (context: ScenarioContext) => Promise<Outcome>;
}

export function holds({ value, bound, kind }: Check): boolean {
	return value === undefined || (kind === "at-least" ? value >= bound : value <= bound);
}

/** `a / b`; undefined when one is missing. */
export function divide(a: number | undefined, b: number | undefined): number | undefined {
	return a === undefined || b === undefined || Number.isNaN(a) || Number.isNaN(b) ? undefined : a / b;
}
