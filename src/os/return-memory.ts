import { findFfi } from "./native.ts";

/** Has the C library give back to the system what was freed, all over its heap (`malloc_trim` of glibc): up to some tens of milliseconds for
 *  hundreds of MiB. Not in a thread: a process that was started from a snapshot can have none.
 *  @returns whether there was something; false where there is no such function */
export function returnFreedMemory(): boolean {
	if (process.platform !== "linux") return false;
	try {
		const library = findFfi()?.dlopen("libc.so.6", { malloc_trim: { return: "int32", arguments: ["uint64"] } });
		return library !== undefined && library.functions.malloc_trim(0n) === 1;
	} catch {
		// Another C library has no such function.
		return false;
	}
}
