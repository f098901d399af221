import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { KeptMemory, returnFreedMemory } from "../os/index.ts";

/** Gives back what only the start needed: the text of modules, messages that were translated. V8 would keep it until traffic makes it
 *  collect, which an idle sidecar never does. Takes some tens of milliseconds: the first requests need not wait for it.
 *  @returns what calls it off */
export function releaseStartMemory(): () => void {
	const timer = setTimeout(() => {
		collectGarbage();
		releaseFurther?.();
	}, releaseDelayMs);
	timer.unref();
	return () => clearTimeout(timer);
}

const releaseDelayMs = 1000;

let releaseFurther: (() => void) | undefined;

/** Has {@link releaseStartMemory} do something more. */
export function releaseAlso(action: () => void): void {
	releaseFurther = action;
}

/** Collects whatever can be: takes tens of milliseconds. */
export function collectGarbage(): void {
	setFlagsFromString("--expose-gc");
	const collect = runInNewContext("globalThis.gc") as ((options: object) => void) | undefined;
	setFlagsFromString("--no-expose-gc");
	collect?.({ type: "major", execution: "sync", flavor: "last-resort" });
}

/** Has memory that floods leave with the C library given back, once they are over.
 *  @returns what ends that */
export function followKeptMemory(): () => void {
	const kept = new KeptMemory();
	let before = performance.eventLoopUtilization();
	const look = (): void => {
		const { utilization: busyShare } = performance.eventLoopUtilization(before);
		before = performance.eventLoopUtilization();
		const { rss: residentBytes, heapTotal, external } = process.memoryUsage();
		const isAsked = kept.observe({ residentBytes, heapBytes: heapTotal + external, busyShare }, performance.now());
		if (isAsked) returnFreedMemory();
		arm();
	};
	// No interval: one that ran before the snapshot was taken would never ring in a process from it (scripts/snapshot-builder.cjs).
	let timer: NodeJS.Timeout;
	const arm = (): void => {
		timer = setTimeout(look, followIntervalMs);
		timer.unref();
	};
	// The first look, before any traffic, says what is the least.
	look();
	return () => clearTimeout(timer);
}

const followIntervalMs = 10_000;
