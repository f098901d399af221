import type { Cluster, Host } from "../../../cluster/index.ts";
import type { UpstreamCluster } from "../../../connection-pool/index.ts";

/** Counts a session that begins or ends at its upstream: as in Envoy, a connection of layer 4 is one request of its cluster. */
export function countSession({ stats }: Cluster, host: Host, step: 1 | -1): void {
	if (step === 1) {
		stats.upstream_rq_total.value++;
		host.stats.rq_total.value++;
	}
	stats.upstream_rq_active.value += step;
	host.stats.rq_active.value += step;
}

/** A session waits for its connection, or does no more and leaves its place to others. */
export function countPending({ cluster }: UpstreamCluster, step: 1 | -1): void {
	const { stats } = cluster;
	if (step === 1) stats.upstream_rq_pending_total.value++;
	else cluster.resources("default").releasePending();
	stats.upstream_rq_pending_active.value += step;
}
