import { setFlagsFromString } from "node:v8";

/** Sets the garbage collector up for a data path, where nearly everything dies with its request and every pause is somebody's latency. In the
 *  little that survives a minor collection there is nothing to share out: to wake the helper threads for it, many times a second, costs more
 *  than it saves, most of all where they have the same core. The old generation may grow by two fifths before it is looked through: with V8's own
 *  choice for a small heap that happened every few seconds under load, in steps of up to 16 ms. */
export function tuneCollector(): void {
	setFlagsFromString("--no-parallel-scavenge");
	setFlagsFromString("--heap-growing-percent=40");
}
