import type { Timer } from "../../core/index.ts";
import type { BalancerContext } from "../../engine/load-balancer/index.ts";
import type {
	AddressConfig,
	ClusterConfig,
	DnsCacheConfig,
	EndpointConfig,
	LocalityConfig,
} from "../runtime-config/index.ts";
import { createDnsCacheStats, createDnsStats, type DnsCacheStats } from "../stats/index.ts";
import type { Cluster, Host } from "./cluster.ts";
import { ClusterCore, type ClusterDeps } from "./cluster-core.ts";
import { createDnsResolver, type DnsResolver } from "./dns/dns-resolver.ts";
import { NameWatch } from "./dns/name-watch.ts";
import { createHost, updateHost } from "./host.ts";

/** What became of a name: it can be sent to, it has no address, or there is no room to look it up. */
export type NameOutcome = "found" | "failed" | "hosts-overflow" | "requests-overflow";

interface Entry {
	readonly name: string;
	readonly port: number;
	watch: NameWatch | undefined;
	host: Host | undefined;
	/** Of the newest answer that had any. */
	addresses: readonly string[];
	isAnswered: boolean;
	usedAt: number;
	waiting: ((outcome: NameOutcome) => void)[];
}

/** Requests go to the host that they name, which is looked up when it is first asked for and kept up to date while it is used.
 *  Spec: envoy.clusters.dynamic_forward_proxy. */
export class DynamicForwardCluster extends ClusterCore implements Cluster {
	readonly #cache: DnsCacheConfig;
	readonly #resolver: DnsResolver;
	readonly #cacheStats: DnsCacheStats;
	/** By `name:port`. */
	readonly #entries = new Map<string, Entry>();
	#waiting = 0;
	#sweep: Timer;

	constructor(config: ClusterConfig, cache: DnsCacheConfig, deps: ClusterDeps) {
		super(config, deps, () => this.showMembership(this.hosts));
		this.#cache = cache;
		this.#resolver = deps.resolver ?? createDnsResolver(createDnsStats(deps.stats.scope("dns.cares")));
		this.#cacheStats = createDnsCacheStats(deps.stats.scope(`dns_cache.${cache.name}`), cache.maxPendingRequests);
		this.#sweep = this.#armSweep();
		for (const { address, port } of cache.preresolve) this.prepare(`${address}:${port}`, () => undefined);
		this.becomeWarm();
	}

	get hosts(): readonly Host[] {
		return [...this.#entries.values()].flatMap(({ host }) => host ?? []);
	}

	ownerOf(): Cluster {
		return this;
	}

	chooseHost(context: BalancerContext<Host>): Host | undefined {
		const authority = context.getRequestHeader?.(":authority");
		if (authority === undefined) return undefined;
		const { name, port } = this.#parse(authority);
		const entry = this.#entries.get(formatKey(name, port));
		if (entry === undefined) return undefined;
		entry.usedAt = this.deps.clock.now();
		return entry.host;
	}

	/** Makes the host of a request known. `done` is called once, at once when the answer is here.
	 *  @returns whether it was called */
	prepare(authority: string, done: (outcome: NameOutcome) => void): boolean {
		const { name, port } = this.#parse(authority);
		const key = formatKey(name, port);
		// Also for names that are known, as in Envoy.
		if (this.#waiting >= this.#cache.maxPendingRequests) {
			this.#cacheStats.dns_rq_pending_overflow.value++;
			done("requests-overflow");
			return true;
		}
		let entry = this.#entries.get(key);
		if (entry === undefined) {
			if (this.#entries.size >= this.#cache.maxHosts) {
				this.#cacheStats.host_overflow.value++;
				done("hosts-overflow");
				return true;
			}
			entry = this.#add(key, name, port);
		}
		entry.usedAt = this.deps.clock.now();
		if (entry.isAnswered) {
			done(entry.host === undefined ? "failed" : "found");
			return true;
		}
		this.#waiting++;
		entry.waiting.push(done);
		return false;
	}

	/** Where the requests for a known host go; undefined for others. */
	addressOf(authority: string): { readonly ip: string; readonly port: number } | undefined {
		const { name, port } = this.#parse(authority);
		const ip = this.#entries.get(formatKey(name, port))?.addresses[0];
		return ip === undefined ? undefined : { ip, port };
	}

	/** Why the host of a request has no address. */
	describeProblem(authority: string): string {
		return this.nameProblems.get(this.#parse(authority).name) ?? "";
	}

	/** Has no assignment. */
	updateAssignment(): void {
		this.becomeWarm();
	}

	override close(): void {
		this.#sweep.cancel();
		for (const { watch } of this.#entries.values()) watch?.close();
		this.#cacheStats.num_hosts.value -= this.#entries.size;
		super.close();
	}

	#add(key: string, name: string, port: number): Entry {
		const { clock } = this.deps;
		const entry: Entry = {
			name,
			port,
			watch: undefined,
			host: undefined,
			addresses: [],
			isAnswered: false,
			usedAt: clock.now(),
			waiting: [],
		};
		this.#entries.set(key, entry);
		this.#cacheStats.host_added.value++;
		this.#cacheStats.num_hosts.value++;
		const watch = new NameWatch({
			...this.deps,
			name,
			dns: this.#cache.dns,
			resolver: this.#resolver,
			clusterName: this.name,
			needsAddress: false,
			nameProblems: this.nameProblems,
			stats: {
				update_attempt: this.#cacheStats.dns_query_attempt,
				update_success: this.#cacheStats.dns_query_success,
				update_failure: this.#cacheStats.dns_query_failure,
			},
			onAnswer: (addresses) => this.#onAnswer(entry, addresses ?? []),
		});
		entry.watch = watch;
		watch.start();
		return entry;
	}

	#onAnswer(entry: Entry, addresses: readonly string[]): void {
		const { host: before } = entry;
		if (addresses.length > 0 && addresses.join() !== entry.addresses.join()) {
			this.#cacheStats.host_address_changed.value++;
			entry.addresses = addresses;
			const endpoint = createEndpoint(addresses, entry.port, formatKey(entry.name, entry.port));
			const host = createHost(this.config, endpoint, everywhere);
			updateHost(this.config, host, endpoint, everywhere);
			this.outlierMonitor?.addHost(host);
			entry.host = host;
			this.#replace(host, before);
		}
		entry.isAnswered = true;
		const waiting = entry.waiting.splice(0);
		this.#waiting -= waiting.length;
		for (const done of waiting) done(entry.host === undefined ? "failed" : "found");
	}

	#replace(added: Host | undefined, removed: Host | undefined): void {
		if (removed !== undefined) {
			removed.removed = true;
			this.outlierMonitor?.removeHost(removed);
		}
		this.stats.membership_change.value++;
		this.showMembership(this.hosts);
		this.announceHosts(added === undefined ? [] : [added], removed === undefined ? [] : [removed]);
	}

	#armSweep(): Timer {
		const everyMs = Math.max(1000, Math.min(this.#cache.hostTtlMs, this.#cache.dns.refreshMs));
		return this.deps.clock.setTimer(everyMs, () => this.#dropUnused(), { unref: true });
	}

	#dropUnused(): void {
		const oldest = this.deps.clock.now() - this.#cache.hostTtlMs;
		for (const [key, entry] of this.#entries) {
			if (!entry.isAnswered || entry.usedAt > oldest || (entry.host?.activeRequests ?? 0) > 0) continue;
			entry.watch?.close();
			this.#entries.delete(key);
			this.#cacheStats.host_removed.value++;
			this.#cacheStats.num_hosts.value--;
			if (entry.host !== undefined) this.#replace(undefined, entry.host);
		}
		this.#sweep = this.#armSweep();
	}

	#parse(authority: string): { readonly name: string; readonly port: number } {
		const defaultPort = this.config.transportSocket.kind === "tls" ? 443 : 80;
		const match = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(authority);
		const name = (match?.[1] ?? authority).replace(/^\[|\]$/g, "");
		return { name, port: match?.[2] === undefined ? defaultPort : Number(match[2]) };
	}
}

function formatKey(name: string, port: number): string {
	return `${name}:${port}`;
}

const everywhere: LocalityConfig = {
	locality: { region: "", zone: "", subZone: "" },
	priority: 0,
	weight: 0,
	metadata: {},
	endpoints: [],
};

function createEndpoint(addresses: readonly string[], port: number, hostname: string): EndpointConfig {
	const [first, ...others] = addresses.map(
		(address): AddressConfig => ({ kind: "socket", address, port, ipv4Compatible: false }),
	);
	return {
		address: first!,
		additionalAddresses: others,
		hostname,
		health: "unknown",
		metadata: {},
		weight: 1,
		healthCheckPort: 0,
		healthCheckHostname: "",
		healthCheckDisabled: true,
	};
}
