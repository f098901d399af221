import { getHeader } from "../../core/index.ts";
import type { RequestHead } from "../../engine/format/index.ts";
import { withoutPort } from "../../engine/router/index.ts";
import type { Cluster, Host } from "../cluster/index.ts";
import { createHttp1CodecStats, type Http1CodecStats } from "../stats/index.ts";
import type { UpstreamTls } from "../transport/index.ts";
import { Http1Pool, type PoolContext } from "./http1-pool.ts";
import { RawConnection, type RawConnectionOwner } from "./raw-connection.ts";
import type { UpstreamPool } from "./upstream-pool.ts";
import type { UpstreamSocketOptions } from "./upstream-socket.ts";

/** What {@link UpstreamCluster} needs of the proxy. */
export interface UpstreamContext extends PoolContext {
	/** The TLS side of connections to a host; undefined for plain text. */
	upstreamTlsOf(cluster: Cluster, host: Host): UpstreamTls | undefined;
}

interface HostPools {
	readonly pools: Map<string, UpstreamPool>;
}

/** A cluster with the connections to its hosts and the statistics of its answers. */
export class UpstreamCluster {
	readonly cluster: Cluster;
	readonly #context: UpstreamContext;
	readonly #stopHosts: () => void;
	readonly #stopCloses: () => void;
	readonly #stopDrains: () => void;
	#codecStats: Http1CodecStats | undefined;

	constructor(context: UpstreamContext, cluster: Cluster) {
		this.cluster = cluster;
		this.#context = context;
		this.#stopHosts = cluster.onHostsChanged((_added, removed) => {
			for (const host of removed) forEachPool(host, (pool) => pool.drain());
		});
		this.#stopCloses = cluster.onCloseConnections((host) => endPools(host, (pool) => pool.close()));
		this.#stopDrains = cluster.onDrainConnections((host) => endPools(host, (pool) => pool.drain()));
	}

	/** The name that logs and formats show. */
	get shownName(): string {
		const { name, statName } = this.cluster.config;
		return statName === name.replaceAll(":", "_") ? name : statName;
	}

	/** The SNI that depends on the request; undefined when it does not. */
	serverNameOf(request: RequestHead): string | undefined {
		const { autoSni, overrideAutoSniHeader } = this.cluster.config.http;
		if (!autoSni) return undefined;
		const named = overrideAutoSniHeader === "" ? undefined : getHeader(request.headers, overrideAutoSniHeader);
		return withoutPort(named ?? request.authority);
	}

	/** The pool of a host for a priority. `serverName` is given when the SNI depends on the request. */
	poolFor(host: Host, priority: "default" | "high", serverName: string | undefined): UpstreamPool {
		host.pools ??= { pools: new Map() } satisfies HostPools;
		const { pools } = host.pools as HostPools;
		const key = serverName === undefined ? priority : `${priority} ${serverName}`;
		const pool = pools.get(key);
		if (pool !== undefined) return pool;
		// Shown from the first use on, as in Envoy.
		this.#codecStats ??= createHttp1CodecStats(this.cluster.statsScope.scope("http1"));
		const options = this.#socketOptions(host, serverName, false);
		const created = new Http1Pool(this.#context, this.cluster, host, this.cluster.resources(priority), options);
		pools.set(key, created);
		return created;
	}

	#socketOptions(host: Host, serverName: string | undefined, allowHalfOpen: boolean): UpstreamSocketOptions {
		const { config } = this.cluster;
		return {
			tls: this.#context.upstreamTlsOf(this.cluster, host),
			serverName,
			bindAddress: config.bindAddress,
			keepalive: config.tcpKeepalive,
			allowHalfOpen,
		};
	}

	/** Opens a connection of the caller's own; undefined when the circuit breaker is full. */
	openRaw(host: Host, owner: RawConnectionOwner): RawConnection | undefined {
		const resources = this.cluster.resources("default");
		if (!resources.tryAcquireConnection()) {
			this.cluster.stats.upstream_cx_overflow.value++;
			return undefined;
		}
		const options = this.#socketOptions(host, undefined, true);
		return new RawConnection(this.#context, this.cluster, host, options, owner, () => resources.releaseConnection());
	}

	/** Drains every connection. */
	close(): void {
		this.#stopHosts();
		this.#stopCloses();
		this.#stopDrains();
		for (const host of this.cluster.hosts) forEachPool(host, (pool) => pool.drain());
	}
}

/** Ends the pools of a host that stays: its next request gets a new one. */
function endPools(host: Host, end: (pool: UpstreamPool) => void): void {
	forEachPool(host, end);
	(host.pools as HostPools | undefined)?.pools.clear();
}

function forEachPool(host: Host, action: (pool: UpstreamPool) => void): void {
	const slot = host.pools as HostPools | undefined;
	if (slot === undefined) return;
	for (const pool of slot.pools.values()) action(pool);
}
