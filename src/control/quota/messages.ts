import { create } from "@bufbuild/protobuf";
import {
	type RateLimitQuotaResponse,
	RateLimitQuotaResponse_BucketActionSchema,
	RateLimitQuotaResponseSchema,
} from "../../api/gen/envoy/service/rate_limit_quota/v3/rlqs_pb.js";
import { RateLimitStrategy_BlanketRule } from "../../api/gen/envoy/type/v3/ratelimit_strategy_pb.js";
import { fillOf } from "../translate/index.ts";
import type { Lease } from "./lease.ts";
import type { QuotaAction } from "./ledger.ts";

/** What a proxy is told, as `envoy.service.rate_limit_quota.v3.RateLimitQuotaResponse`. */
export function encodeActions(actions: readonly QuotaAction[], leaseMs: number): RateLimitQuotaResponse {
	return create(RateLimitQuotaResponseSchema, {
		bucketAction: actions.map(({ bucket, lease }) =>
			create(RateLimitQuotaResponse_BucketActionSchema, {
				bucketId: { bucket: { ...bucket } },
				bucketAction:
					lease === undefined
						? { case: "abandonAction" as const, value: {} }
						: {
								case: "quotaAssignmentAction" as const,
								value: {
									assignmentTimeToLive: { seconds: BigInt(Math.ceil(leaseMs / 1000)), nanos: 0 },
									rateLimitStrategy: { strategy: strategyOf(lease) },
								},
							},
			}),
		),
	});
}

function strategyOf(lease: Lease) {
	switch (lease.kind) {
		case "allow":
			return { case: "blanketRule" as const, value: RateLimitStrategy_BlanketRule.ALLOW_ALL };
		case "deny":
			return { case: "blanketRule" as const, value: RateLimitStrategy_BlanketRule.DENY_ALL };
		case "bucket":
			return { case: "tokenBucket" as const, value: { maxTokens: lease.size, ...fillOf(lease.rate) } };
	}
}
