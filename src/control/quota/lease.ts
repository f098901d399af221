/** The budget of a limit. */
export interface Budget {
	/** `namespace/policy/limit`. */
	readonly limit: string;
	/** Requests a second. */
	readonly rate: number;
	/** Requests at once after a pause. */
	readonly burst: number;
	/** Requests are let through, and counted. */
	readonly isDryRun: boolean;
	/** Buckets of one holder; beyond, the longest unused is taken back. */
	readonly maxKeys: number;
}

/** What a holder may let through: steadily at a rate, and `size` at once, which it has when the lease begins. */
export type Lease =
	| { readonly kind: "bucket"; readonly rate: number; readonly size: number }
	| { readonly kind: "deny" }
	| { readonly kind: "allow" };

/** Whether two leases mean the same, so that the holder's bucket goes on as it is. */
export function isSameLease(left: Lease | undefined, right: Lease): boolean {
	if (left?.kind !== right.kind) return false;
	if (left.kind !== "bucket" || right.kind !== "bucket") return true;
	return left.rate === right.rate && left.size === right.size;
}
