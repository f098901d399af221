import { ResponseFlag, type StreamInfo } from "../../../../engine/format/index.ts";
import type { Cluster } from "../../../cluster/index.ts";

/** Why a session did not get to its upstream, in Envoy's words (and its spelling), for `%DOWNSTREAM_LOCAL_CLOSE_REASON%`. */
export function describeFailure(flag: number): string {
	return `tcp_initializion_failure:${failureNumbers.get(flag) ?? 0}`;
}

const failureNumbers: ReadonlyMap<number, number> = new Map([
	[ResponseFlag.noHealthyUpstream, 1],
	[ResponseFlag.upstreamOverflow, 2],
	[ResponseFlag.noClusterFound, 3],
]);

/** We end the client's connection, and the upstream's if there is one. */
export function noteCloseReason(record: StreamInfo, reason: string, hasUpstream: boolean): void {
	record.downstreamLocalCloseReason = reason;
	if (hasUpstream) record.upstreamLocalCloseReason = reason;
}

/** The circuit breaker lets no more sessions wait, or has no connection for one, which then got no host; `amime why` tells the limit. */
export function noteOverflow(record: StreamInfo, cluster: Cluster, what: "waiting" | "connection"): void {
	if (what === "waiting") cluster.stats.upstream_rq_pending_overflow.value++;
	else record.upstreamHost = undefined;
	const limit = cluster.resources("default").describeReached("use");
	if (limit !== "") record.dynamicMetadata = new Map(record.dynamicMetadata ?? []).set("amime", { limit });
}
