import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

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
