import { getHeader } from "../../core/index.ts";
import type { ConnectionFacts, RequestHead } from "../../engine/format/index.ts";
import type { Metadata } from "../../engine/matcher/index.ts";
import { withoutPort } from "../../engine/router/index.ts";
import type { Cluster, Host } from "../cluster/index.ts";
import type { AlpnOverrides, ClusterConfig } from "../runtime-config/index.ts";
import {
	createHttp1CodecStats,
	createHttp2CodecStats,
	type Http1CodecStats,
	type Http2CodecStats,
} from "../stats/index.ts";
import type { AlpnOffer, UpstreamTls } from "../transport/index.ts";
import { HostPools } from "./host-pools.ts";
import { HttpTunnel, type HttpTunnelOptions } from "./http-tunnel.ts";
import { Http1Pool } from "./http1-pool.ts";
import { Http2Pool } from "./http2-pool.ts";
import { type NegotiatedPools, NegotiatingPool } from "./negotiating-pool.ts";
import type { PoolContext, PoolParts } from "./pool-core.ts";
import { createProxyHeader } from "./proxy-header.ts";
import { RawConnection } from "./raw-connection.ts";
import type { RawStream, RawStreamOwner } from "./raw-stream.ts";
import type { UpstreamPool } from "./upstream-pool.ts";
import type { UpstreamSocketOptions } from "./upstream-socket.ts";

/** What {@link UpstreamCluster} needs of the proxy. */
export interface UpstreamContext extends PoolContext {
	/** The TLS side of connections to a host; undefined for plain text. */
	upstreamTlsOf(cluster: Cluster, host: Host): UpstreamTls | undefined;
	/** What connections to a host of such a cluster must not outlive; undefined for plain text. */
	peerBoundsOf(cluster: Cluster, host: Host): UpstreamSocketOptions["bounds"];
	/** Local addresses of connections whose cluster names none. */
	readonly bindAddresses?: readonly string[];
	/** The cluster of that name as it is at the moment. */
	getCluster?(name: string): UpstreamCluster | undefined;
}

type PoolProtocol = "http1" | "http2" | "auto";

const poolKeys: Readonly<Record<PoolProtocol, Readonly<Record<"default" | "high", string>>>> = {
	http1: { default: "http1 default", high: "http1 high" },
	http2: { default: "http2 default", high: "http2 high" },
	auto: { default: "auto default", high: "auto high" },
};

/** What a pool offers by ALPN when nobody says anything else. */
const alpnOf: Readonly<Record<PoolProtocol, AlpnOffer>> = {
	http1: { protocols: ["http/1.1"], isOverride: false },
	http2: { protocols: ["h2"], isOverride: false },
	auto: { protocols: ["h2", "http/1.1"], isOverride: false },
};
const noAlpn: AlpnOffer = { protocols: [], isOverride: false };

/** A cluster with the connections to its hosts and the statistics of its answers. */
export class UpstreamCluster implements NegotiatedPools {
	readonly cluster: Cluster;
	readonly #context: UpstreamContext;
	readonly #stopHosts: () => void;
	readonly #stopCloses: () => void;
	readonly #stopDrains: () => void;
	/** Where their end is bound to the health of their host. */
	readonly #rawConnections = new Map<Host, Set<RawConnection>>();
	/** What HTTP offers by ALPN, when a filter says so. */
	#offered: AlpnOverrides | undefined;
	#http1Stats: Http1CodecStats | undefined;
	#http2Stats: Http2CodecStats | undefined;

	constructor(context: UpstreamContext, cluster: Cluster) {
		this.cluster = cluster;
		this.#context = context;
		this.#stopHosts = cluster.onHostsChanged((_added, removed) => {
			for (const host of removed) {
				forEachPool(host, (pool) => pool.drain());
				this.#rawConnections.delete(host);
			}
		});
		this.#stopCloses = cluster.onCloseConnections((host) => {
			// As in Envoy: requests under way get their answers, bytes that nobody parses have no such end.
			endPools(host, (pool) => pool.drain());
			for (const connection of [...(this.#rawConnections.get(host) ?? [])]) connection.cut();
		});
		this.#stopDrains = cluster.onDrainConnections((host) => endPools(host, (pool) => pool.drain()));
	}

	/** The name that logs and formats show. */
	get shownName(): string {
		const { name, statName } = this.cluster.config;
		return statName === name.replaceAll(":", "_") ? name : statName;
	}

	/** The SNI that depends on the request; undefined when it does not. */
	serverNameOf(request: Pick<RequestHead, "authority" | "headers">): string | undefined {
		const { autoSni, overrideAutoSniHeader } = this.cluster.config.http;
		if (!autoSni) return undefined;
		const named = overrideAutoSniHeader === "" ? undefined : getHeader(request.headers, overrideAutoSniHeader);
		return withoutPort(named ?? request.authority);
	}

	/** Has connections for HTTP offer these protocols by ALPN, whatever the TLS configuration says: those of pools that are made from now on. */
	offerProtocols(overrides: AlpnOverrides): void {
		this.#offered = overrides;
	}

	/** The pool of a host for a priority. `serverName` is given when the SNI depends on the request; `downstreamProtocol` is what the
	 *  client speaks. `client` is told to hosts that want a PROXY header: then it has a pool of its own, as each of its connections has
	 *  where the cluster says so. Undefined when the circuit breaker allows no further pool. */
	poolFor(
		host: Host,
		priority: "default" | "high",
		serverName: string | undefined,
		downstreamProtocol: string,
		client?: ConnectionFacts,
	): UpstreamPool | undefined {
		const owner = this.#ownerOf(host);
		if (owner !== undefined) return owner.poolFor(host, priority, serverName, downstreamProtocol, client);
		host.pools ??= new HostPools();
		const pools = host.pools as HostPools;
		const protocol = this.#protocolFor(downstreamProtocol);
		const proxyHeader = createProxyHeader(host, client);
		const plainKey = serverName === undefined ? poolKeys[protocol][priority] : `${protocol} ${priority} ${serverName}`;
		const own =
			this.cluster.config.connectionPoolPerDownstreamConnection && client !== undefined ? ` of ${client.id}` : "";
		const key = proxyHeader === undefined ? plainKey + own : `${plainKey}${own} ${proxyHeader.toString("latin1")}`;
		const known = pools.get(key);
		if (typeof known === "object") return known;
		const resources = this.cluster.resources(priority);
		const pool =
			known === "overflow"
				? undefined
				: pools.add(key, key !== plainKey, resources, (onEmpty) =>
						this.#createPool(protocol, {
							context: this.#context,
							cluster: this.cluster,
							host,
							resources,
							socketOptions: { ...this.#socketOptions(host, serverName, false, this.#alpnOf(protocol)), proxyHeader },
							onEmpty,
						}),
					);
		if (pool === undefined) this.cluster.stats.upstream_cx_pool_overflow.value++;
		return pool;
	}

	/** The member of an aggregate that a host is of: connections are its own, and so are their limits and statistics. */
	#ownerOf(host: Host): UpstreamCluster | undefined {
		const owner = this.cluster.ownerOf(host);
		return owner === this.cluster ? undefined : this.#context.getCluster?.(owner.name);
	}

	#protocolFor(downstreamProtocol: string): PoolProtocol {
		const { protocol } = this.cluster.config.http;
		if (protocol !== "downstream") return protocol;
		return downstreamProtocol === "HTTP/2" ? "http2" : "http1";
	}

	#alpnOf(protocol: PoolProtocol): AlpnOffer {
		const protocols = protocol === "auto" ? [] : (this.#offered?.[protocol] ?? []);
		return protocols.length === 0 ? alpnOf[protocol] : { protocols, isOverride: true };
	}

	#createPool(protocol: PoolProtocol, parts: PoolParts): UpstreamPool {
		switch (protocol) {
			case "http1":
				return this.createHttp1(parts);
			case "http2":
				return this.createHttp2(parts);
			default:
				return new NegotiatingPool(parts, this);
		}
	}

	createHttp1(parts: PoolParts): Http1Pool {
		// Shown from the first use on, as in Envoy.
		this.#http1Stats ??= createHttp1CodecStats(this.cluster.statsScope.scope("http1"));
		return new Http1Pool(parts);
	}

	createHttp2(parts: PoolParts): Http2Pool {
		this.#http2Stats ??= createHttp2CodecStats(this.cluster.statsScope.scope("http2"));
		return new Http2Pool(parts, this.#http2Stats);
	}

	#socketOptions(
		host: Host,
		serverName: string | undefined,
		allowHalfOpen: boolean,
		alpn: AlpnOffer,
	): UpstreamSocketOptions {
		const { config } = this.cluster;
		return {
			tls: this.#context.upstreamTlsOf(this.cluster, host),
			serverName: serverName ?? hostServerName(host),
			bindAddresses: config.bindAddresses.length > 0 ? config.bindAddresses : this.#context.bindAddresses,
			keepalive: config.tcpKeepalive,
			allowHalfOpen,
			alpn,
			bounds: config.peerBounds && this.#context.peerBoundsOf(this.cluster, host),
			passthrough: selectPassthrough(config, host),
		};
	}

	/** Opens a connection of the caller's own; undefined when the circuit breaker is full. `client` is told to hosts that want a PROXY
	 *  header. */
	openRaw(host: Host, owner: RawStreamOwner, client?: ConnectionFacts): RawConnection | undefined {
		const resources = this.cluster.resources("default");
		if (!resources.tryAcquireConnection()) {
			this.cluster.stats.upstream_cx_overflow.value++;
			return undefined;
		}
		const options = {
			...this.#socketOptions(host, undefined, true, noAlpn),
			proxyHeader: createProxyHeader(host, client),
		};
		const release = (): void => {
			resources.releaseConnection();
			this.#rawConnections.get(host)?.delete(connection);
		};
		const connection = new RawConnection(this.#context, this.cluster, host, options, owner, release);
		if (this.cluster.config.closeConnectionsOnHostHealthFailure) {
			const known = this.#rawConnections.get(host);
			if (known === undefined) this.#rawConnections.set(host, new Set([connection]));
			else known.add(connection);
		}
		return connection;
	}

	/** Opens a byte stream within an HTTP request (CONNECT, or POST) on a connection of the host's pool: over HTTP/2 many share one.
	 *  Undefined when the circuit breaker allows no pool. */
	openTunnel(host: Host, options: HttpTunnelOptions, owner: RawStreamOwner): RawStream | undefined {
		const pool = this.poolFor(host, "default", this.serverNameOf(options), "HTTP/1.1");
		if (pool === undefined) return undefined;
		const tunnel = new HttpTunnel(pool, options, owner);
		tunnel.start();
		return tunnel;
	}

	/** Drains every connection. */
	close(): void {
		this.#stopHosts();
		this.#stopCloses();
		this.#stopDrains();
		for (const host of this.cluster.hosts) forEachPool(host, (pool) => pool.drain());
	}
}

/** The metadata that the transport socket hands on. */
function selectPassthrough({ metadata }: ClusterConfig, host: Host): Metadata | undefined {
	const { passthrough } = host.transportSocket;
	if (passthrough === undefined) return undefined;
	const found = passthrough.map(({ of, namespace }) => {
		const values = (of === "host" ? host.metadata : metadata)[namespace];
		return values === undefined ? {} : { [namespace]: values };
	});
	return Object.assign({}, ...found) as Metadata;
}

/** The host's own name, where its TLS is to ask for it. */
function hostServerName({ transportSocket, hostname }: Host): string | undefined {
	const asks = transportSocket.kind === "tls" && transportSocket.tls.autoHostSni;
	return asks && hostname !== "" ? hostname : undefined;
}

/** Ends the pools of a host that stays: its next request gets a new one. */
function endPools(host: Host, end: (pool: UpstreamPool) => void): void {
	forEachPool(host, end);
	(host.pools as HostPools | undefined)?.clear();
}

function forEachPool(host: Host, action: (pool: UpstreamPool) => void): void {
	(host.pools as HostPools | undefined)?.forEach(action);
}
