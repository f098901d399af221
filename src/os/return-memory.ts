import { Worker } from "node:worker_threads";

/** Has the C library give back to the system what was freed, all over its heap (`malloc_trim` of glibc), in a thread that ends then: it takes
 *  some tens of milliseconds for hundreds of MiB.
 *  @returns whether there was something; false where there is no such function */
export async function returnFreedMemory(): Promise<boolean> {
	if (process.platform !== "linux") return false;
	const { promise, resolve } = Promise.withResolvers<boolean>();
	const thread = new Worker(new URL("./return-memory-thread.ts", import.meta.url), {
		execArgv: ["--experimental-ffi", "--disable-warning=ExperimentalWarning"],
		stderr: true,
	});
	thread.unref();
	thread.once("message", (hasReturned: boolean) => resolve(hasReturned));
	thread.once("error", () => resolve(false));
	thread.once("exit", () => resolve(false));
	return await promise;
}
