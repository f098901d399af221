import { isIP } from "node:net";
import type { Timer } from "../../core/index.ts";
import type { BalancerContext } from "../../engine/load-balancer/index.ts";
import type { ClusterConfig, ClusterDiscovery, EndpointConfig, LocalityConfig } from "../runtime-config/index.ts";
import type { Cluster, Host } from "./cluster.ts";
import { ClusterCore, type ClusterDeps } from "./cluster-core.ts";
import { createHost, formatHostAddress, updateHost } from "./host.ts";

type OriginalDestination = Extract<ClusterDiscovery, { kind: "original-dst" }>;

/** ORIGINAL_DST: requests go where their connection (or a header) was going. Hosts come up with requests and go when they have not
 *  been used for an interval. */
export class OriginalDestinationCluster extends ClusterCore implements Cluster {
	readonly #discovery: OriginalDestination;
	readonly #hosts = new Map<string, Host>();
	readonly #used = new Set<Host>();
	#timer: Timer;

	constructor(config: ClusterConfig, discovery: OriginalDestination, deps: ClusterDeps) {
		super(config, deps, () => this.showMembership(this.#hosts.values()));
		this.#discovery = discovery;
		this.#timer = this.#arm();
		this.becomeWarm();
	}

	get hosts(): readonly Host[] {
		return [...this.#hosts.values()];
	}

	ownerOf(): Cluster {
		return this;
	}

	chooseHost(context: BalancerContext<Host>): Host | undefined {
		const destination = this.#findDestination(context);
		if (destination === undefined || this.isClosed) return undefined;
		const { portOverride } = this.#discovery;
		const endpoint = createEndpoint(this.config.name, destination.address, portOverride || destination.port);
		const key = formatHostAddress(endpoint.address);
		let host = this.#hosts.get(key);
		if (host === undefined) {
			host = createHost(this.config, endpoint, everywhere);
			updateHost(this.config, host, endpoint, everywhere);
			this.outlierMonitor?.addHost(host);
			this.#hosts.set(key, host);
			this.#onHostsChanged([host], []);
		}
		this.#used.add(host);
		return host;
	}

	/** Has no assignment. */
	updateAssignment(): void {
		this.becomeWarm();
	}

	override close(): void {
		this.#timer.cancel();
		super.close();
	}

	#findDestination(context: BalancerContext<Host>): { readonly address: string; readonly port: number } | undefined {
		const { header } = this.#discovery;
		const value = header === "" ? undefined : context.getRequestHeader?.(header);
		if (value === undefined) return context.originalDestination;
		const parsed = parseAddressAndPort(value);
		if (parsed !== undefined) return parsed;
		this.stats.original_dst_host_invalid.value++;
		return context.originalDestination;
	}

	#arm(): Timer {
		return this.deps.clock.setTimer(this.#discovery.cleanupIntervalMs, () => this.#cleanUp(), { unref: true });
	}

	#cleanUp(): void {
		const removed: Host[] = [];
		for (const [key, host] of this.#hosts) {
			if (this.#used.has(host) || host.activeConnections > 0 || host.activeRequests > 0) continue;
			this.#hosts.delete(key);
			host.removed = true;
			this.outlierMonitor?.removeHost(host);
			removed.push(host);
		}
		this.#used.clear();
		if (removed.length > 0) this.#onHostsChanged([], removed);
		this.#timer = this.#arm();
	}

	#onHostsChanged(added: readonly Host[], removed: readonly Host[]): void {
		this.stats.membership_change.value++;
		this.showMembership(this.#hosts.values());
		this.announceHosts(added, removed);
	}
}

/** Parses `127.0.0.1:80` or `[::1]:80`. */
export function parseAddressAndPort(text: string): { readonly address: string; readonly port: number } | undefined {
	const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text.trim());
	const address = match?.[1] ?? match?.[2] ?? "";
	const port = Number(match?.[3]);
	const family = match?.[1] === undefined ? 4 : 6;
	return isIP(address) === family && port <= 65_535 ? { address, port } : undefined;
}

const everywhere: LocalityConfig = {
	locality: { region: "", zone: "", subZone: "" },
	priority: 0,
	weight: 0,
	metadata: {},
	endpoints: [],
};

/** A host without a name of its own has the cluster's in front of its address, as Envoy's. */
function createEndpoint(cluster: string, ip: string, port: number): EndpointConfig {
	const address = { kind: "socket", address: ip, port, ipv4Compatible: false } as const;
	return {
		address,
		hostname: `${cluster}${formatHostAddress(address)}`,
		health: "unknown",
		metadata: {},
		weight: 1,
		healthCheckPort: 0,
		healthCheckHostname: "",
		healthCheckDisabled: true,
	};
}
