import { setFlagsFromString } from "node:v8";

/** Has regular expressions end in time that grows with the text alone, as RE2's do: one that has gone back and forth too often is matched anew by
 *  V8's engine for linear time. A route may well have `(a|b+)*`, and whoever calls chooses the path. Before any pattern is compiled. */
export function boundMatching(): void {
	setFlagsFromString("--enable-experimental-regexp-engine-on-excessive-backtracks");
}
