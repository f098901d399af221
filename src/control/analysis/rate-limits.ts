import { formatLimitName, type RateLimit, type RateLimitPolicy } from "../../model/index.ts";
import type { ReportFinding, World } from "./world.ts";

const kind = "RateLimitPolicy" as const;

/** Limits that change nothing, or count what is never there. */
export function checkRateLimits({ index }: World, report: ReportFinding): void {
	const seen = new Map<string, { readonly policy: RateLimitPolicy; readonly limit: RateLimit }[]>();
	for (const policy of index.mesh.rateLimitPolicies)
		for (const limit of policy.limits) {
			const key = describePlace(policy, limit);
			seen.set(key, [...(seen.get(key) ?? []), { policy, limit }]);
			findUncheckedClaim(index.mesh.requestAuthentications.length, policy, limit, report);
		}
	for (const alike of seen.values())
		for (const { policy, limit } of alike) {
			const stricter = alike.find((other) => other.limit !== limit && isStricter(other.limit, limit));
			if (stricter === undefined) continue;
			const name = formatLimitName(stricter.policy, stricter.limit);
			const sentence = `${name} counts the same requests and lets fewer through: this one never refuses any`;
			report("LIMIT_WITHOUT_EFFECT", { ...policy, kind }, limit.path, sentence);
		}
}

/** What a limit counts, and where. */
function describePlace({ namespace, selector, targets }: RateLimitPolicy, { match, keys, scope }: RateLimit): string {
	const places = targets?.map((target) => ({ ...target, path: "" }));
	return JSON.stringify([namespace, selector, places, match, keys, scope]);
}

function isStricter(left: RateLimit, right: RateLimit): boolean {
	if (left.isDryRun || right.isDryRun) return false;
	const [mine, other] = [left.requests / left.unitSeconds, right.requests / right.unitSeconds];
	return mine <= other && left.burst <= right.burst && (mine < other || left.burst < right.burst);
}

function findUncheckedClaim(
	authentications: number,
	policy: RateLimitPolicy,
	limit: RateLimit,
	report: ReportFinding,
): void {
	if (authentications > 0 || !limit.keys.some((key) => key.kind === "claim")) return;
	const sentence = "no RequestAuthentication checks tokens, so no request has the claim: all share one budget";
	report("LIMIT_KEY_ABSENT", { ...policy, kind }, `${limit.path}.keys`, sentence);
}
