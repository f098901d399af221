import type { ForwardAction } from "../../../../engine/router/index.ts";
import type { PassRequestHead } from "../pass-head.ts";
import type { Attempt } from "./attempt.ts";
import type { RequestTimeouts } from "./timeouts.ts";

/** Earlier attempts of a hedged request: each took too long, and may still be the first to answer. */
export class Hedges {
	readonly #attempts: Attempt[] = [];

	/** Undefined when a try that takes too long is given up. */
	static create(action: ForwardAction, request: PassRequestHead): Hedges | undefined {
		const asked = request.mayHaveEnvoyFields ? request.get("x-envoy-hedge-on-per-try-timeout") : undefined;
		const isOn = asked === undefined ? action.hedgePolicy?.onPerTryTimeout === true : asked === "true";
		return isOn ? new Hedges() : undefined;
	}

	/** Whether an attempt was ever kept. */
	isUsed = false;

	keep(attempt: Attempt): void {
		this.isUsed = true;
		this.#attempts.push(attempt);
	}

	includes(attempt: Attempt): boolean {
		return this.#attempts.includes(attempt);
	}

	/** Takes one out. @returns whether it was among them */
	remove(attempt: Attempt): boolean {
		const index = this.#attempts.indexOf(attempt);
		if (index === -1) return false;
		this.#attempts.splice(index, 1);
		return true;
	}

	/** The newest that is left. */
	pop(): Attempt | undefined {
		return this.#attempts.pop();
	}

	/** Gives up all but the one that won. */
	cancel(winner: Attempt | undefined): void {
		for (const attempt of this.#attempts.splice(0)) if (attempt !== winner) attempt.cancel();
	}
}

/** What the upstream is told: the limit of a try does not end a hedged one. */
export function announcedTimeouts(timeouts: RequestTimeouts, hedges: Hedges | undefined): RequestTimeouts {
	return hedges === undefined ? timeouts : { ...timeouts, perTryMs: 0 };
}
