import type { Clock, Millis } from "../../core/index.ts";
import { type FailureParts, tellFailures } from "./tell-failures.ts";
import type { ToldFailure } from "./told-failure.ts";

/** The last failures of the mesh, for a page that is looked at again and again. */
export interface FailureBoard {
	/** Newest first; those known before when proxies take long. */
	last(): Promise<readonly ToldFailure[]>;
}

const shown = 20;
/** However many look, proxies are asked this often. */
const askedEveryMs = 2_000;
const patienceMs = 1_000;

export function createFailureBoard(parts: FailureParts, clock: Clock): FailureBoard {
	let known: readonly ToldFailure[] = [];
	let askedAt: Millis | undefined;
	let asking: Promise<void> | undefined;
	return {
		async last() {
			if (asking === undefined && (askedAt === undefined || clock.now() - askedAt >= askedEveryMs)) {
				askedAt = clock.now();
				asking = tellFailures(parts, { kind: "failed", limit: shown })
					.then(({ failures }) => {
						known = failures.toReversed();
					})
					.finally(() => {
						asking = undefined;
					});
			}
			if (asking === undefined) return known;
			const patience = Promise.withResolvers<void>();
			const timer = clock.setTimer(patienceMs, patience.resolve, { unref: true });
			await Promise.race([asking, patience.promise]);
			timer.cancel();
			return known;
		},
	};
}
