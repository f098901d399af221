import type { MessageInitShape } from "@bufbuild/protobuf";
import type { RetryPolicySchema } from "../../api/gen/envoy/config/route/v3/route_components_pb.js";
import { PreviousHostsPredicateSchema } from "../../api/gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js";
import type { RouteRetry } from "../../model/index.ts";
import { unprocessedHeader } from "./local-reply.ts";
import { duration, extension } from "./messages.ts";

/** A balancer that picks at random often picks the host that just failed: with 5 further picks (Istio's number), one retry in 64 of two
 *  replicas would go to the dead one again. */
const hostSelectionRetryMaxAttempts = 20n;

/** Retries that are safe for any request: only what the application never processed, on another host. A route may add status
 *  codes; then the application's own answers are repeated too. */
export function translateRetry(
	retry: RouteRetry | undefined,
	perTryTimeoutMs: number | undefined,
): MessageInitShape<typeof RetryPolicySchema> {
	const safe = ["connect-failure", "refused-stream", "reset-before-request", "retriable-headers"];
	const hasCodes = retry !== undefined && retry.codes.length > 0;
	return {
		retryOn: [...safe, ...(hasCodes ? ["retriable-status-codes"] : [])].join(","),
		numRetries: retry?.attempts ?? 2,
		...(hasCodes && { retriableStatusCodes: [...retry.codes] }),
		retriableHeaders: [{ name: unprocessedHeader, headerMatchSpecifier: { case: "presentMatch", value: true } }],
		retryHostPredicate: [extension("envoy.retry_host_predicates.previous_hosts", PreviousHostsPredicateSchema, {})],
		hostSelectionRetryMaxAttempts,
		...(perTryTimeoutMs !== undefined && perTryTimeoutMs > 0 && { perTryTimeout: duration(perTryTimeoutMs) }),
		...(retry?.backoffMs !== undefined &&
			retry.backoffMs > 0 && {
				retryBackOff: { baseInterval: duration(retry.backoffMs), maxInterval: duration(retry.backoffMs * 10) },
			}),
	};
}
