import { createHash } from "node:crypto";
import { formatLimitName, type RateLimit, type RateLimitKey, type RateLimitPolicy } from "../../model/index.ts";
import type { BucketStatus } from "./ledger.ts";

/** A limit with what is known of its budgets; local ones are counted by each proxy for itself. */
export interface ListedLimit {
	readonly namespace: string;
	readonly policy: string;
	readonly limit: string;
	readonly scope: RateLimit["scope"];
	readonly isDryRun: boolean;
	readonly requests: number;
	readonly unitSeconds: number;
	readonly burst: number;
	/** What each budget is for: `principal`, `header x-user`. */
	readonly keys: readonly string[];
	readonly file: string;
	readonly line: number;
	/** The most wanted first, at most so many as asked. */
	readonly budgets: readonly ListedBudget[];
	/** Further budgets that are not listed. */
	readonly more: number;
}

/** One budget as this control plane gives it out. */
export interface ListedBudget {
	/** In the order of `keys`; of headers that hold credentials the beginning of their SHA-256. */
	readonly values: readonly string[];
	/** Requests a second that proxies report. */
	readonly demand: number;
	readonly allowed: number;
	readonly limited: number;
	/** Of a dry run. */
	readonly wouldLimit: number;
	/** Requests that could pass at once. */
	readonly available: number;
	/** What part of the budget this control plane gives out; the others have the rest. */
	readonly share: number;
	readonly leases: readonly {
		readonly proxy: string;
		readonly demand: number;
		/** Requests a second; undefined without bound. */
		readonly rate?: number;
		readonly burst?: number;
		readonly isConnected: boolean;
	}[];
}

/** All limits of the mesh, global ones with their budgets. */
export function listLimits(
	policies: readonly RateLimitPolicy[],
	buckets: readonly BucketStatus[],
	bound: number,
): ListedLimit[] {
	const byLimit = Map.groupBy(buckets, ({ budget }) => budget.limit);
	return policies.flatMap((policy) =>
		policy.limits.map((limit): ListedLimit => {
			const known = byLimit.get(formatLimitName(policy, limit)) ?? [];
			return {
				namespace: policy.namespace,
				policy: policy.name,
				limit: limit.name,
				scope: limit.scope,
				isDryRun: limit.isDryRun,
				requests: limit.requests,
				unitSeconds: limit.unitSeconds,
				burst: limit.burst,
				keys: limit.keys.map(describeKey),
				file: policy.source.file,
				line: policy.source.line,
				budgets: known.slice(0, bound).map((bucket) => listBudget(bucket, limit)),
				more: Math.max(0, known.length - bound),
			};
		}),
	);
}

function listBudget(status: BucketStatus, { keys }: RateLimit): ListedBudget {
	return {
		values: keys.map((key, position) => describeValue(key, status.bucket[String(position)] ?? "")),
		demand: round(status.demand),
		allowed: status.allowed,
		limited: status.denied,
		wouldLimit: Math.round(status.excess),
		available: status.available,
		share: round(status.share),
		leases: status.holders.map(({ id, demand, lease, isConnected }) => ({
			proxy: id,
			demand: round(demand),
			...(lease?.kind === "bucket" && { rate: round(lease.rate), burst: lease.size }),
			...(lease?.kind === "deny" && { rate: 0, burst: 0 }),
			isConnected,
		})),
	};
}

/** Headers whose values let whoever reads them in somewhere. */
const credentialPattern = /auth|cookie|credential|jwt|key|passw|secret|session|token/i;

/** What is counted by credentials is told apart without telling them. */
function describeValue(key: RateLimitKey, value: string): string {
	// Requests without the header.
	if (key.kind !== "header" || value === "-" || !credentialPattern.test(key.name)) return value;
	return `sha256:${createHash("sha256").update(value).digest("hex").slice(0, 12)}`;
}

/** Three digits say enough. */
function round(value: number): number {
	return Number(value.toPrecision(3));
}

function describeKey(key: RateLimitKey): string {
	switch (key.kind) {
		case "header":
			return `header ${key.name}`;
		case "claim":
			return `claim ${key.path.join(".")}`;
		case "constant":
			return `constant ${key.value}`;
		default:
			return key.kind;
	}
}
