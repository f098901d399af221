import type { Clock, Log, Random } from "../../core/index.ts";
import {
	type ConnectionFacts,
	createStreamInfo,
	ResponseFlag,
	type SocketAddress,
	type StreamInfo,
} from "../../engine/format/index.ts";
import { getRuntimeNumber, type Runtime } from "../../engine/runtime/index.ts";
import type { StreamSocket } from "../../os/index.ts";
import type { AccessLog, StatsScope } from "../../telemetry/index.ts";
import { type DrainDecision, type DrainStrategy, startDrain } from "../drain/index.ts";
import {
	createListenerFilters,
	type ListenerFilter,
	type ListenerFilterContext,
	missingFilter,
	type PendingConnection,
	runListenerFilters,
} from "../filter/listener/index.ts";
import { FilterChain, type FilterChainParts, matchChainName, matchFilterChain } from "../filter-chain/index.ts";
import type { OverloadState } from "../overload/index.ts";
import {
	type AccessLogConfig,
	type AddressConfig,
	differsInChainsOnly,
	type FilterChainConfig,
	type ListenerConfig,
	type ListenerFilterConfig,
	type NetworkFilterConfig,
} from "../runtime-config/index.ts";
import { createListenerStats, type ListenerStats } from "../stats/index.ts";
import { describeConnection, describePending } from "./connection-facts.ts";
import { ListeningSockets, type SocketSupply } from "./listening-sockets.ts";
import { nameStats } from "./stat-name.ts";

/** What listeners need from the proxy around them. */
export interface ListenerDependencies {
	readonly clock: Clock;
	readonly log: Log;
	/** The root of the proxy's statistics. */
	readonly stats: StatsScope;
	readonly runtime: Runtime;
	/** Opens a log of the listener itself; without it there are none. */
	createAccessLog?(config: AccessLogConfig): AccessLog;
	/** Configurations of filters that ECDS has delivered; nothing is discovered without it. */
	readonly extensions?: NonNullable<ListenerFilterContext["extensions"]> & {
		onChange(listener: (name: string) => void): () => void;
	};
	/** The listener of an address that a connection wanted to go to. */
	findListener?(address: SocketAddress): Listener | undefined;
	nextConnectionId(): number;
	/** Builds the filters of a chain. */
	createChain(chain: FilterChainConfig, listener: ListenerConfig, stats: ListenerStats): FilterChainParts;
	/** How long connections of replaced or removed chains may go on, milliseconds. */
	readonly drainTimeMs: number;
	readonly drainStrategy: DrainStrategy;
	readonly random: Random;
	/** The number of the worker that this is, 0 where there is one. */
	readonly worker?: number;
	/** Whether there is room for connections; always without it. */
	readonly overload?: OverloadState;
	/** Where listening sockets come from; they are bound without it. */
	readonly sockets?: SocketSupply;
	/** Counts on top of the listener's own: connections of the whole process. */
	onConnection?(open: boolean): void;
	/** Called with a connection that no filter chain takes, or whose handshake failed. */
	onRefused?(connection: StreamInfo): void;
}

/** The chains of one version of a listener. */
interface Generation {
	readonly config: ListenerConfig;
	readonly filters: readonly ListenerFilter[];
	readonly chains: readonly FilterChain[];
	readonly defaultChain: FilterChain | undefined;
	/** The only chain, when it takes everything. */
	readonly only: FilterChain | undefined;
	readonly accessLogs: readonly AccessLog[];
}

/** A bound address with its chains. */
export class Listener {
	readonly #deps: ListenerDependencies;
	readonly #log: Log;
	readonly #stats: ListenerStats;
	/** Connections that wait until they are taken. */
	readonly #held: PendingConnection[] = [];
	#stopWaiting: (() => void) | undefined;
	readonly #sockets: ListeningSockets;
	readonly #draining = new Set<FilterChain>();
	/** Chains of which a filter got another configuration: their connections go on. */
	readonly #outdated = new Set<FilterChain>();
	readonly #stopExtensions: (() => void) | undefined;
	#current: Generation;

	constructor(config: ListenerConfig, deps: ListenerDependencies) {
		this.#deps = deps;
		this.#log = deps.log.child("listener", { listener: config.name });
		this.#stats = createListenerStats(deps.stats, nameStats(config), deps.worker);
		this.#sockets = new ListeningSockets(this.#log, (socket, address) =>
			this.receive(describePending(socket, address, this.config.transparent), true),
		);
		this.#current = this.#createGeneration(config);
		this.#stopExtensions = deps.extensions?.onChange((name) => this.#renewFilters(name));
	}

	get config(): ListenerConfig {
		return this.#current.config;
	}

	/** Where it really listens: the configured addresses with the ports that the system chose for 0. One that binds nothing still shows
	 *  what it stands for. */
	get boundAddresses(): readonly AddressConfig[] {
		return this.config.bindToPort ? this.#sockets.bound : this.config.addresses;
	}

	/** The sockets of each address. */
	get sockets(): ReturnType<ListeningSockets["list"]> {
		return this.#sockets.list();
	}

	get activeConnections(): number {
		const chains = new Set([...this.#chainsInUse(), ...this.#draining]);
		return [...chains].reduce((sum, chain) => sum + chain.activeConnections, 0);
	}

	/** Binds every address.
	 *  @throws MeshError `LISTENER_BIND` naming the address; nothing is bound then */
	async start(): Promise<void> {
		if (this.config.bindToPort) await this.#sockets.open(this.config, this.#deps.sockets);
	}

	/** New connections get the new chains. Chains that did not change stay with their connections, unless the listener around them
	 *  did; those of the others drain. */
	replace(config: ListenerConfig): void {
		const old = this.#current;
		const kept = differsInChainsOnly(old.config, config) ? allChains(old) : [];
		this.#current = this.#createGeneration(config, kept);
		const inUse = new Set(allChains(this.#current));
		this.#drainChains([...allChains(old).filter((chain) => !inUse.has(chain)), ...this.#outdated]);
		this.#outdated.clear();
	}

	/** Accepts nothing more; open connections drain, and are closed at the end of the drain time. */
	drain(decision = this.#startDrain()): void {
		this.#sockets.close();
		this.#drainChains(this.#chainsInUse(), decision);
	}

	/** Another process goes on with the sockets; open connections drain until this process ends. */
	handOver(): void {
		this.#sockets.close(true);
		this.announceDrain();
	}

	/** Accepts nothing more; open connections go on. */
	stopAccepting(): void {
		this.#sockets.close();
	}

	/** Asks open connections to end with one of their next responses, and goes on accepting. */
	announceDrain(): void {
		const decision = this.#startDrain();
		for (const chain of this.#chainsInUse()) chain.drain(decision);
	}

	close(): void {
		this.#sockets.close();
		this.#stopWaiting?.();
		for (const { socket } of this.#held.splice(0)) destroyQuietly(socket);
		this.#stopExtensions?.();
		for (const chain of [...this.#chainsInUse(), ...this.#draining]) chain.close();
		this.#draining.clear();
		this.#stats.scope.close();
	}

	#createGeneration(config: ListenerConfig, kept: readonly FilterChain[] = []): Generation {
		const build = (chain: FilterChainConfig): FilterChain =>
			kept.find((one) => one.config.fingerprint() === chain.fingerprint()) ?? this.#createChain(chain, config);
		const chains = config.filterChains.map(build);
		const defaultChain = config.defaultFilterChain === undefined ? undefined : build(config.defaultFilterChain);
		const only =
			chains.length === 1 && config.chainMatcher === undefined && takesEverything(chains[0]!.config)
				? chains[0]
				: undefined;
		const filters = createListenerFilters(config.listenerFilters, this.#deps);
		const accessLogs = config.accessLogs.flatMap((log) => this.#deps.createAccessLog?.(log) ?? []);
		return { config, filters, chains, defaultChain, only, accessLogs };
	}

	#createChain(chain: FilterChainConfig, config: ListenerConfig): FilterChain {
		return new FilterChain(chain, this.#deps.createChain(chain, config, this.#stats), this.#deps.clock, this.#log);
	}

	#chainsInUse(): FilterChain[] {
		return [...allChains(this.#current), ...this.#outdated];
	}

	/** Another configuration of the filters of that name is there: new connections get it, open ones stay as they are. */
	#renewFilters(name: string): void {
		for (const chain of this.#outdated) {
			if (chain.activeConnections > 0) continue;
			chain.close();
			this.#outdated.delete(chain);
		}
		const { config, chains, defaultChain, only } = this.#current;
		const isNamed = (filter: NetworkFilterConfig | ListenerFilterConfig): boolean =>
			filter.kind === "discovered" && filter.config.resource === name;
		const renewed = new Map<FilterChain, FilterChain>();
		for (const chain of allChains(this.#current)) {
			if (!chain.config.filters.some(isNamed)) continue;
			renewed.set(chain, this.#createChain(chain.config, config));
			this.#outdated.add(chain);
		}
		const newest = <Chain extends FilterChain | undefined>(chain: Chain): Chain =>
			((chain && renewed.get(chain)) ?? chain) as Chain;
		this.#current = {
			...this.#current,
			chains: chains.map(newest),
			defaultChain: newest(defaultChain),
			only: newest(only),
			...(config.listenerFilters.some(isNamed)
				? { filters: createListenerFilters(config.listenerFilters, this.#deps) }
				: {}),
		};
	}

	#startDrain(): DrainDecision {
		const { clock, drainStrategy, drainTimeMs, random } = this.#deps;
		return startDrain(drainStrategy, drainTimeMs, clock, random);
	}

	#drainChains(chains: readonly FilterChain[], decision = this.#startDrain()): void {
		if (chains.length === 0) return;
		for (const chain of chains) {
			chain.drain(decision);
			this.#draining.add(chain);
		}
		this.#deps.clock.setTimer(
			this.#deps.drainTimeMs,
			() => {
				for (const chain of chains) if (this.#draining.delete(chain)) chain.close();
			},
			{ unref: true },
		);
	}

	/** Takes a connection that is not looked into yet; `mayHandOver` unless another listener handed it over. */
	receive(pending: PendingConnection, mayHandOver: boolean): void {
		if (mayHandOver && this.#deps.overload?.stopsAccepting() === true) {
			this.#hold(pending);
			return;
		}
		const generation = this.#current;
		if (mayHandOver && this.#isRefused(generation)) {
			destroyQuietly(pending.socket);
			return;
		}
		if (generation.filters.length === 0) {
			this.#choose(pending, generation);
			return;
		}
		const { connections, extensions } = this.#stats;
		if (generation.filters.includes(missingFilter)) {
			extensions.extension_config_missing.value++;
			destroyQuietly(pending.socket);
			this.#logUnserved(pending, generation);
			return;
		}
		connections.downstream_pre_cx_active.value++;
		runListenerFilters(pending, generation.filters, generation.config, this.#deps.clock, (outcome) => {
			connections.downstream_pre_cx_active.value--;
			const goesOn = outcome === "timed-out" && generation.config.continueOnListenerFiltersTimeout;
			if (outcome === "timed-out") connections.downstream_pre_cx_timeout.value++;
			if (outcome === "closed") connections.downstream_listener_filter_remote_close.value++;
			if (outcome !== "done" && !goesOn) {
				destroyQuietly(pending.socket);
				this.#logUnserved(pending, generation);
				return;
			}
			const other =
				mayHandOver && generation.config.useOriginalDst && pending.isLocalRestored
					? this.#deps.findListener?.(pending.local)
					: undefined;
			if (other === undefined || other === this) this.#choose(pending, generation);
			else other.receive(pending, false);
		});
	}

	/** Keeps a connection until connections are taken again, as the system's own queue would: beyond its length they are refused. */
	#hold(pending: PendingConnection): void {
		if (this.#held.length >= (this.config.tcpBacklog || defaultBacklog)) {
			destroyQuietly(pending.socket);
			return;
		}
		this.#held.push(pending);
		this.#stopWaiting ??= this.#deps.overload?.onAccepting(() => {
			for (const held of this.#held.splice(0)) if (!held.socket.destroyed) this.receive(held, true);
		});
	}

	/** Whether the process or the listener has no room for another connection. */
	#isRefused({ config }: Generation): boolean {
		const reason = this.#deps.overload?.refuseConnection();
		const { connections } = this.#stats;
		if (reason === "overload") {
			connections.downstream_cx_overload_reject.value++;
			return true;
		}
		if (reason === "limit" && !config.ignoreGlobalConnectionLimit) {
			connections.downstream_global_cx_overflow.value++;
			return true;
		}
		const key = `envoy.resource_limits.listener.${config.name}.connection_limit`;
		const limit = getRuntimeNumber(this.#deps.runtime, key, Number.POSITIVE_INFINITY);
		if (connections.downstream_cx_active.value + connections.downstream_pre_cx_active.value < limit) return false;
		connections.downstream_cx_overflow.value++;
		return true;
	}

	#count(socket: StreamSocket): void {
		const { connections, worker } = this.#stats;
		const openedAt = this.#deps.clock.now();
		connections.downstream_cx_total.value++;
		connections.downstream_cx_active.value++;
		// Shown as used, though nothing waits here unless listener filters do.
		connections.downstream_pre_cx_active.value += 0;
		worker.downstream_cx_total.value++;
		worker.downstream_cx_active.value++;
		this.#deps.onConnection?.(true);
		this.#deps.overload?.connectionOpened();
		socket.once("close", () => {
			connections.downstream_cx_destroy.value++;
			connections.downstream_cx_active.value--;
			worker.downstream_cx_active.value--;
			connections.downstream_cx_length_ms.record(this.#deps.clock.now() - openedAt);
			this.#deps.onConnection?.(false);
			this.#deps.overload?.connectionClosed();
		});
	}

	#choose(pending: PendingConnection, generation: Generation): void {
		const { socket, remote } = pending;
		const { connections } = this.#stats;
		const chain = generation.only ?? findChain(pending, generation);
		if (chain === undefined) {
			connections.no_filter_chain_match.value++;
			// Bytes that were looked at and put back count as unread, and the client is told so.
			if (socket.readableLength > 0) socket.resetAndDestroy();
			destroyQuietly(socket);
			this.#logUnserved(pending, generation, "filter_chain_not_found");
			return;
		}
		if (chain.isMissing) {
			this.#stats.extensions.network_extension_config_missing.value++;
			// What the client said meanwhile is read, so that it sees an end and no reset.
			socket.resume();
			setImmediate(() => destroyQuietly(socket));
			this.#logUnserved(pending, generation);
			return;
		}
		this.#count(socket);
		const facts = describeConnection(pending, this.#deps.nextConnectionId(), {
			filterChainName: chain.config.name,
			filterChainMetadata: chain.config.metadata,
			listenerMetadata: generation.config.metadata,
			trafficDirection: generation.config.trafficDirection,
			listenerName: generation.config.name,
		});
		const record = generation.accessLogs.length === 0 ? undefined : this.#keepRecord(socket, facts, chain, generation);
		chain.accept(socket, facts, record, {
			onTimeout: () => void connections.downstream_cx_transport_socket_connect_timeout.value++,
			onFailed: (reason) => {
				this.#log.debug("handshake failed", { remote: remote.text, reason });
				// Who says nothing asks only whether somebody listens.
				if (socket.bytesRead > 0) this.#deps.onRefused?.(this.#end({ ...facts, transportFailureReason: reason }));
			},
		});
	}

	/** The record of a connection that ends before a filter has it. */
	#end(facts: ConnectionFacts): StreamInfo {
		const { clock } = this.#deps;
		const record = createStreamInfo(facts, clock.now(), clock.wall());
		record.endedAt = clock.now();
		record.accessLogType = "NotSet";
		record.dynamicMetadata = facts.dynamicMetadata;
		return record;
	}

	/** A connection that no filter chain ever had is in the listener's own access logs all the same. */
	#logUnserved(pending: PendingConnection, { config, accessLogs }: Generation, details = ""): void {
		const { onRefused } = this.#deps;
		if (accessLogs.length === 0 && onRefused === undefined) return;
		const facts = describeConnection(pending, this.#deps.nextConnectionId(), {
			filterChainName: "",
			listenerMetadata: config.metadata,
			trafficDirection: config.trafficDirection,
			listenerName: config.name,
		});
		const record = this.#end(facts);
		record.responseCodeDetails = details;
		if (details !== "") record.responseFlags |= ResponseFlag.noRouteFound;
		for (const log of accessLogs) log.log(record);
		if (details !== "") onRefused?.(record);
	}

	/** The record that the listener's own access logs write when the connection is over. */
	#keepRecord(
		socket: StreamSocket,
		facts: ConnectionFacts,
		chain: FilterChain,
		{ accessLogs }: Generation,
	): StreamInfo {
		const { clock } = this.#deps;
		const record = createStreamInfo(facts, clock.now(), clock.wall());
		record.accessLogType = "NotSet";
		socket.once("close", () => {
			record.endedAt = clock.now();
			const isRead = chain.readsBytes;
			if (isRead && record.bytesReceived === 0) record.bytesReceived = socket.bytesRead - (facts.consumedBytes ?? 0);
			if (record.bytesSent === 0) record.bytesSent = socket.bytesWritten;
			record.accessLogType = "NotSet";
			for (const log of accessLogs) log.log(record);
		});
		return record;
	}
}

/** The chain that the listener's matcher names, or the one whose own match fits best. */
function findChain(pending: PendingConnection, { config, chains, defaultChain }: Generation): FilterChain | undefined {
	const { local, remote } = pending;
	const properties = {
		serverName: pending.serverName,
		transportProtocol: pending.transportProtocol,
		applicationProtocols: pending.applicationProtocols,
		destinationIp: local.ip,
		destinationPort: local.port,
		directSourceIp: pending.directRemote.ip,
		sourceIp: remote.ip,
		sourcePort: remote.port,
	};
	if (config.chainMatcher === undefined) return matchFilterChain(chains, properties) ?? defaultChain;
	const name = matchChainName(config.chainMatcher, properties);
	return name === undefined ? defaultChain : chains.find((chain) => chain.config.name === name);
}

function destroyQuietly(socket: StreamSocket): void {
	socket.on("error", () => undefined);
	socket.destroy();
}

function allChains({ chains, defaultChain }: Generation): readonly FilterChain[] {
	return defaultChain === undefined ? chains : [...chains, defaultChain];
}

function takesEverything({ match }: FilterChainConfig): boolean {
	return (
		match.destinationPort === undefined &&
		match.destinationRanges.length === 0 &&
		match.serverNames.length === 0 &&
		match.transportProtocol === "" &&
		match.applicationProtocols.length === 0 &&
		match.directSourceRanges.length === 0 &&
		match.sourceType === "any" &&
		match.sourceRanges.length === 0 &&
		match.sourcePorts.length === 0
	);
}

/** How many connections wait where the listener says nothing: the length of Node's own queue. */
const defaultBacklog = 511;
