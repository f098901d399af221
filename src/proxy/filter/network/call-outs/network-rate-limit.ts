import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
	RateLimitRequestSchema,
	type RateLimitResponse,
	RateLimitResponse_Code,
	RateLimitResponseSchema,
} from "../../../../api/gen/envoy/service/ratelimit/v3/rls_pb.js";
import type { Clock, Random } from "../../../../core/index.ts";
import { type ConnectionFacts, createStreamInfo } from "../../../../engine/format/index.ts";
import { isFeatureEnabled, type Runtime } from "../../../../engine/runtime/index.ts";
import type { GrpcClient, GrpcResponse } from "../../../grpc-client/index.ts";
import type { NetworkRateLimitConfig } from "../../../runtime-config/index.ts";
import type { NetworkRateLimitStats } from "../../../stats/index.ts";
import type { GateRefusal, NetworkGate } from "../network-filter.ts";

const limitPath = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit";
const metadataNamespace = "envoy.filters.network.ratelimit";

/** What the filter needs from the proxy around it. */
export interface NetworkRateLimitDependencies {
	readonly client: GrpcClient;
	readonly stats: NetworkRateLimitStats;
	readonly clock: Clock;
	readonly random: Random;
	readonly runtime: Runtime;
}

/** Asks a service whether a new connection is one too many. Spec: `envoy.extensions.filters.network.ratelimit.v3`. */
export function createNetworkRateLimit(
	config: NetworkRateLimitConfig,
	{ client, stats, clock, random, runtime }: NetworkRateLimitDependencies,
): NetworkGate {
	const isOn = (key: string): boolean => isFeatureEnabled(runtime, `ratelimit.${key}`, 100, random.next());

	function judge(facts: ConnectionFacts, response: GrpcResponse): GateRefusal | undefined {
		const answer = readAnswer(response);
		if (answer === undefined) {
			stats.error.value++;
			if (!config.deniesFailure) {
				stats.failure_mode_allowed.value++;
				return undefined;
			}
			stats.cx_closed.value++;
			return failed;
		}
		const told = answer.dynamicMetadata ?? {};
		if (Object.keys(told).length > 0) facts.dynamicMetadata?.set(metadataNamespace, told);
		if (answer.overallCode !== RateLimitResponse_Code.OVER_LIMIT) {
			stats.ok.value++;
			return undefined;
		}
		stats.over_limit.value++;
		if (!isOn("tcp_filter_enforcing")) return undefined;
		stats.cx_closed.value++;
		return overLimit;
	}

	return {
		admit(facts, done) {
			if (!isOn("tcp_filter_enabled")) return undefined;
			stats.total.value++;
			stats.active.value++;
			const stream = createStreamInfo(facts, clock.now(), clock.wall());
			const request = create(RateLimitRequestSchema, {
				domain: config.domain,
				descriptors: config.descriptors.map((entries) => ({
					entries: entries.map(({ key, value }) => ({ key, value: value.format(stream) })),
				})),
			});
			const message = toBinary(RateLimitRequestSchema, request);
			const call = client.unary(limitPath, message, { timeoutMs: config.timeoutMs, stream }, (response) => {
				stats.active.value--;
				done(judge(facts, response));
			});
			return {
				cancel() {
					stats.active.value--;
					call.cancel();
				},
			};
		},
	};
}

/** Undefined: the service gave no answer to go by. */
function readAnswer({ code, body }: GrpcResponse): RateLimitResponse | undefined {
	if (code !== 0 || body === undefined) return undefined;
	try {
		return fromBinary(RateLimitResponseSchema, body);
	} catch (_badMessage) {
		return undefined;
	}
}

const overLimit: GateRefusal = { terminationDetails: "", closeReason: "ratelimit_close_over_limit", delayMs: 0 };
const failed: GateRefusal = {
	terminationDetails: "",
	closeReason: "ratelimit_error_failure_mode_connection_close",
	delayMs: 0,
};
