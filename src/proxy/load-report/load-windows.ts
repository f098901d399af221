import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import {
	type ClusterStats,
	ClusterStatsSchema,
	type UpstreamEndpointStats,
	UpstreamEndpointStatsSchema,
	type UpstreamLocalityStats,
	UpstreamLocalityStatsSchema,
} from "../../api/gen/envoy/config/endpoint/v3/load_report_pb.js";
import type { Millis } from "../../core/index.ts";
import type { Cluster, Host } from "../cluster/index.ts";
import { plainName } from "../runtime-config/index.ts";

/** What a host counted. */
interface HostCounts {
	readonly success: number;
	readonly error: number;
	readonly issued: number;
	readonly active: number;
}

/** What a cluster did not send. */
interface DropCounts {
	readonly total: number;
	readonly overload: number;
}

/** Which clusters are told of, and what of their counts was told already. */
export class LoadWindows {
	readonly #since = new Map<string, Millis>();
	readonly #hosts = new WeakMap<Host, HostCounts>();
	readonly #drops = new WeakMap<Cluster, DropCounts>();

	/** These are told of from now on, no others. One that was not told of before begins anew: what it counted till now is nobody's. */
	track(names: Iterable<string>, find: (name: string) => Cluster | undefined, now: Millis): void {
		const before = new Map(this.#since);
		this.#since.clear();
		for (const name of names) {
			this.#since.set(name, before.get(name) ?? now);
			const cluster = before.has(name) ? undefined : find(name);
			if (cluster === undefined) continue;
			for (const host of cluster.hosts) this.#hosts.set(host, readHost(host));
			this.#drops.set(cluster, readDrops(cluster));
		}
	}

	/** A cluster that has just begun to serve is told of from its first request on. */
	begin(name: string, now: Millis): void {
		if (!this.#since.has(name)) this.#since.set(name, now);
	}

	/** What was counted since the last time.
	 *  @param isGranular each endpoint for itself as well */
	take(find: (name: string) => Cluster | undefined, isGranular: boolean, now: Millis): ClusterStats[] {
		const taken: ClusterStats[] = [];
		for (const [name, since] of this.#since) {
			const cluster = find(name);
			if (cluster === undefined) continue;
			taken.push(this.#takeCluster(cluster, isGranular, now - since));
			this.#since.set(name, now);
		}
		return taken;
	}

	#takeCluster(cluster: Cluster, isGranular: boolean, elapsedMs: number): ClusterStats {
		const before = this.#drops.get(cluster);
		const drops = readDrops(cluster);
		this.#drops.set(cluster, drops);
		const overload = drops.overload - (before?.overload ?? 0);
		const { discovery } = cluster.config;
		return create(ClusterStatsSchema, {
			clusterName: cluster.name,
			clusterServiceName: discovery.kind === "eds" ? plainName(discovery.serviceName) : "",
			upstreamLocalityStats: this.#takeLocalities(cluster, isGranular),
			totalDroppedRequests: BigInt(drops.total - (before?.total ?? 0)),
			droppedRequests: overload > 0 ? [{ category: cluster.dropCategory, droppedCount: BigInt(overload) }] : [],
			loadReportInterval: durationFromMs(Math.max(1, Math.round(elapsedMs))),
		});
	}

	#takeLocalities(cluster: Cluster, isGranular: boolean): UpstreamLocalityStats[] {
		const localities = new Map<string, UpstreamLocalityStats>();
		for (const host of cluster.hosts) {
			// An aggregate's hosts are told of under the clusters that they are of.
			if (cluster.ownerOf(host) !== cluster) continue;
			const counts = this.#takeHost(host);
			if (counts === undefined) continue;
			const { region, zone, subZone } = host.locality;
			const key = JSON.stringify([host.priority, region, zone, subZone]);
			let told = localities.get(key);
			if (told === undefined) {
				const isPlaced = region !== "" || zone !== "" || subZone !== "";
				told = create(UpstreamLocalityStatsSchema, {
					...(isPlaced && { locality: { region, zone, subZone } }),
					priority: host.priority,
				});
				localities.set(key, told);
			}
			told.totalSuccessfulRequests += BigInt(counts.success);
			told.totalErrorRequests += BigInt(counts.error);
			told.totalRequestsInProgress += BigInt(counts.active);
			told.totalIssuedRequests += BigInt(counts.issued);
			if (isGranular) told.upstreamEndpointStats.push(describeEndpoint(host, counts));
		}
		return [...localities.values()];
	}

	/** Undefined of a host that had nothing to do. */
	#takeHost(host: Host): HostCounts | undefined {
		const before = this.#hosts.get(host);
		const now = readHost(host);
		this.#hosts.set(host, now);
		const counts = {
			success: now.success - (before?.success ?? 0),
			error: now.error - (before?.error ?? 0),
			issued: now.issued - (before?.issued ?? 0),
			active: now.active,
		};
		return counts.success + counts.error + counts.issued + counts.active === 0 ? undefined : counts;
	}
}

function readHost({ stats }: Host): HostCounts {
	const { rq_success: success, rq_error: error, rq_total: total, rq_active: active } = stats;
	return { success: success.value, error: error.value, issued: total.value, active: active.value };
}

/** Refused for want of room, for maintenance, and because the assignment wants it. */
function readDrops({ stats, overloadDrops }: Cluster): DropCounts {
	const overload = overloadDrops.value;
	return {
		total: stats.upstream_rq_pending_overflow.value + stats.upstream_rq_maintenance_mode.value + overload,
		overload,
	};
}

function describeEndpoint(host: Host, { success, error, active, issued }: HostCounts): UpstreamEndpointStats {
	const { endpoint } = host;
	return create(UpstreamEndpointStatsSchema, {
		address: {
			address:
				endpoint.kind !== "socket"
					? { case: "pipe", value: { path: endpoint.path } }
					: {
							case: "socketAddress",
							value: { address: endpoint.address, portSpecifier: { case: "portValue", value: endpoint.port } },
						},
		},
		totalSuccessfulRequests: BigInt(success),
		totalErrorRequests: BigInt(error),
		totalRequestsInProgress: BigInt(active),
		totalIssuedRequests: BigInt(issued),
	});
}
