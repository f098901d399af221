import type { BalancerContext } from "./types.ts";

/** The context of the proxy's own calls: nothing is asked of the host. */
export const anyHost: BalancerContext = Object.freeze({
	hash: undefined,
	metadataMatch: undefined,
	shouldSelectAnotherHost: () => false,
	hostSelectionMaxAttempts: 0,
	attemptedPriorities: undefined,
});
