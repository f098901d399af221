/** Repeats `check` until it does not throw: for integration tests that wait for a state, never for an amount of time.
 *  @throws the last error after `deadlineMs` (10 s by default), or at once when `giveUp` says so */
export async function eventually<T>(
	check: () => T | Promise<T>,
	options: { readonly deadlineMs?: number; readonly giveUp?: () => boolean } = {},
): Promise<T> {
	const end = performance.now() + (options.deadlineMs ?? 10_000);
	for (;;) {
		try {
			return await check();
		} catch (error) {
			if (performance.now() > end || options.giveUp?.()) throw error;
		}
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
}

/** Waits until the check says true. */
export async function until(check: () => Promise<boolean>): Promise<void> {
	await eventually(async () => {
		if (!(await check())) throw new Error("not yet");
	});
}
