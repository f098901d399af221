import type { MessageInitShape } from "@bufbuild/protobuf";
import type { RetryPolicySchema } from "../../api/gen/envoy/config/route/v3/route_components_pb.js";
import { PreviousHostsPredicateSchema } from "../../api/gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js";
import { PreviousPrioritiesConfigSchema } from "../../api/gen/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.js";
import type { MeshSettings, RouteRetry } from "../../model/index.ts";
import { unprocessedHeader } from "./local-reply.ts";
import { duration, extension } from "./messages.ts";

type RetryInit = Extract<MessageInitShape<typeof RetryPolicySchema>, { readonly $typeName?: undefined }>;

/** A balancer that picks at random often picks the host that just failed: with 5 further picks (Istio's number), one retry in 64 of two
 *  replicas would go to the dead one again. */
const hostSelectionRetryMaxAttempts = 20n;

/** What is safe for any request: only what the application never processed. Statuses of gRPC as in Istio. */
const safe = [
	"connect-failure",
	"refused-stream",
	"reset-before-request",
	"unavailable",
	"cancelled",
	"retriable-headers",
];

/** The retries of a route, those of the mesh where it does not say when. */
export function resolveRetry(
	{ defaultRetry }: Pick<MeshSettings, "defaultRetry">,
	retry: RouteRetry | undefined,
	perTryTimeoutMs: number | undefined,
	isHashed = false,
): RetryInit | undefined {
	if (retry !== undefined || defaultRetry === undefined) return translateRetry(retry, perTryTimeoutMs, isHashed);
	return translateRetry(defaultRetry.retry, perTryTimeoutMs ?? defaultRetry.perTryTimeoutMs, isHashed);
}

/** What a route that asks for retries without saying when gets: whatever happens to the connection, and a try that takes too long
 *  (Gateway API, HTTPRouteRetry). With codes of its own it says when, and only what is safe is added (Istio). */
const asked = [...safe, "reset"];

/** Retries that are safe for any request, on another host. A route may ask for more: with status codes, or saying by itself when (Istio);
 *  then the application's own answers are repeated too. Undefined never tries again.
 *  @param isHashed requests belong to one host, so a further try may go to it again */
export function translateRetry(
	retry: RouteRetry | undefined,
	perTryTimeoutMs: number | undefined,
	isHashed = false,
): RetryInit | undefined {
	if (retry?.on !== undefined && retry.attempts === 0) return undefined;
	const isOwn = retry?.on === undefined || retry.on === "default";
	const codes = retry?.codes ?? [];
	const unsaid = retry === undefined || retry.on === "default" || codes.length > 0 ? safe : asked;
	const conditions = retry?.on === "default" ? safe : (retry?.on ?? unsaid);
	const hasCodes = codes.length > 0 && !conditions.includes("retriable-status-codes");
	const avoidsTriedHosts = retry?.avoidsTriedHosts ?? !isHashed;
	return {
		retryOn: [...conditions, ...(hasCodes ? ["retriable-status-codes"] : [])].join(","),
		numRetries: retry?.attempts ?? 2,
		...(codes.length > 0 && { retriableStatusCodes: [...codes] }),
		...(isOwn && {
			retriableHeaders: [{ name: unprocessedHeader, headerMatchSpecifier: { case: "presentMatch", value: true } }],
		}),
		...(avoidsTriedHosts && {
			retryHostPredicate: [extension("envoy.retry_host_predicates.previous_hosts", PreviousHostsPredicateSchema, {})],
		}),
		hostSelectionRetryMaxAttempts,
		...(retry?.triesRemoteLocalities === true && {
			retryPriority: extension("envoy.retry_priorities.previous_priorities", PreviousPrioritiesConfigSchema, {
				updateFrequency: 2,
			}),
		}),
		...(perTryTimeoutMs !== undefined && perTryTimeoutMs > 0 && { perTryTimeout: duration(perTryTimeoutMs) }),
		...(retry?.backoffMs !== undefined &&
			retry.backoffMs > 0 && {
				retryBackOff: { baseInterval: duration(retry.backoffMs), maxInterval: duration(retry.backoffMs * 10) },
			}),
	};
}
