import {
	RateLimitResponse_Code,
	type RateLimitResponse_DescriptorStatus,
	RateLimitResponse_RateLimit_Unit,
} from "../../../../api/gen/envoy/service/ratelimit/v3/rls_pb.js";
import type { HeaderList } from "../../../../core/index.ts";

const secondsOf: Readonly<Record<number, number>> = {
	[RateLimitResponse_RateLimit_Unit.SECOND]: 1,
	[RateLimitResponse_RateLimit_Unit.MINUTE]: 60,
	[RateLimitResponse_RateLimit_Unit.HOUR]: 3600,
	[RateLimitResponse_RateLimit_Unit.DAY]: 86_400,
	[RateLimitResponse_RateLimit_Unit.WEEK]: 604_800,
	[RateLimitResponse_RateLimit_Unit.MONTH]: 2_592_000,
	[RateLimitResponse_RateLimit_Unit.YEAR]: 31_536_000,
};

/** The limit that is nearest to its end; undefined when the service named none. */
function findNearestLimit(
	statuses: readonly RateLimitResponse_DescriptorStatus[],
): RateLimitResponse_DescriptorStatus | undefined {
	let nearest: RateLimitResponse_DescriptorStatus | undefined;
	for (const status of statuses) {
		if (status.currentLimit === undefined) continue;
		if (nearest === undefined || status.limitRemaining < nearest.limitRemaining) nearest = status;
	}
	return nearest;
}

/** `x-ratelimit-…` of the nearest limit. Spec: draft-polli-ratelimit-headers-03. */
export function createRateLimitHeaders(statuses: readonly RateLimitResponse_DescriptorStatus[]): HeaderList {
	const nearest = findNearestLimit(statuses);
	if (nearest === undefined) return [];
	let policy = "";
	for (const { currentLimit } of statuses) {
		const seconds = currentLimit === undefined ? undefined : secondsOf[currentLimit.unit];
		if (currentLimit === undefined || seconds === undefined) continue;
		policy += `, ${currentLimit.requestsPerUnit};w=${seconds * (currentLimit.unitMultiplier ?? 1)}`;
		if (currentLimit.name !== "") policy += `;name="${currentLimit.name}"`;
	}
	return [
		"x-ratelimit-limit",
		`${nearest.currentLimit!.requestsPerUnit}${policy}`,
		"x-ratelimit-remaining",
		String(nearest.limitRemaining),
		"x-ratelimit-reset",
		String(nearest.durationUntilReset?.seconds ?? 0n),
	];
}

/** Seconds until the last of the exceeded limits counts anew; undefined when the service does not say. */
export function formatRetryAfter(statuses: readonly RateLimitResponse_DescriptorStatus[]): string | undefined {
	let longest: bigint | undefined;
	for (const { code, durationUntilReset } of statuses) {
		if (code !== RateLimitResponse_Code.OVER_LIMIT || durationUntilReset === undefined) continue;
		if (longest === undefined || durationUntilReset.seconds > longest) longest = durationUntilReset.seconds;
	}
	return longest?.toString();
}
