import type { Socket } from "node:net";
import type { Clock, Log, Random } from "../../core/index.ts";
import type { StatsScope } from "../../telemetry/index.ts";
import { type DrainDecision, type DrainStrategy, startDrain } from "../drain/index.ts";
import { FilterChain, type FilterChainParts, matchFilterChain } from "../filter-chain/index.ts";
import type { AddressConfig, FilterChainConfig, ListenerConfig } from "../runtime-config/index.ts";
import {
	createListenerStats,
	createTlsInspectorStats,
	type ListenerStats,
	type TlsInspectorStats,
} from "../stats/index.ts";
import { describeConnection } from "./connection-facts.ts";
import { type Inspection, inspectFirstBytes, needsInspection } from "./inspect.ts";
import { formatAddress, ListeningSockets, type SocketSupply } from "./listening-sockets.ts";

/** What listeners need from the proxy around them. */
export interface ListenerDependencies {
	readonly clock: Clock;
	readonly log: Log;
	/** The root of the proxy's statistics. */
	readonly stats: StatsScope;
	nextConnectionId(): number;
	/** Builds the filters of a chain. */
	createChain(chain: FilterChainConfig, listener: ListenerConfig, stats: ListenerStats): FilterChainParts;
	/** How long connections of replaced or removed chains may go on, milliseconds. */
	readonly drainTimeMs: number;
	readonly drainStrategy: DrainStrategy;
	readonly random: Random;
	/** The number of the worker that this is, 0 where there is one. */
	readonly worker?: number;
	/** Where listening sockets come from; they are bound without it. */
	readonly sockets?: SocketSupply;
	/** Counts on top of the listener's own: connections of the whole process. */
	onConnection?(open: boolean): void;
}

/** The chains of one version of a listener. */
interface Generation {
	readonly config: ListenerConfig;
	readonly chains: readonly FilterChain[];
	readonly defaultChain: FilterChain | undefined;
	/** The only chain, when it takes everything. */
	readonly only: FilterChain | undefined;
}

/** A bound address with its chains. */
export class Listener {
	readonly #deps: ListenerDependencies;
	readonly #log: Log;
	readonly #stats: ListenerStats;
	#tlsInspector: TlsInspectorStats | undefined;
	readonly #sockets: ListeningSockets;
	readonly #draining = new Set<Generation>();
	#current: Generation;

	constructor(config: ListenerConfig, deps: ListenerDependencies) {
		this.#deps = deps;
		this.#log = deps.log.child("listener", { listener: config.name });
		this.#stats = createListenerStats(deps.stats, nameStats(config), deps.worker);
		this.#sockets = new ListeningSockets(this.#log, (socket, address) => this.#onConnection(socket, address));
		this.#current = this.#createGeneration(config);
	}

	get config(): ListenerConfig {
		return this.#current.config;
	}

	/** Where it really listens: the configured addresses with the ports that the system chose for 0. */
	get boundAddresses(): readonly AddressConfig[] {
		return this.#sockets.bound;
	}

	/** The sockets of each address. */
	get sockets(): ReturnType<ListeningSockets["list"]> {
		return this.#sockets.list();
	}

	get activeConnections(): number {
		return [this.#current, ...this.#draining].reduce((sum, generation) => sum + countConnections(generation), 0);
	}

	/** Binds every address.
	 *  @throws MeshError `LISTENER_BIND` naming the address; nothing is bound then */
	async start(): Promise<void> {
		if (this.config.bindToPort) await this.#sockets.open(this.config, this.#deps.sockets);
	}

	/** New connections get the new chains; those of the old ones drain. */
	replace(config: ListenerConfig): void {
		const old = this.#current;
		this.#current = this.#createGeneration(config);
		this.#drainGeneration(old);
	}

	/** Accepts nothing more; open connections drain. */
	drain(decision = this.#startDrain()): void {
		this.#sockets.close();
		this.#drainGeneration(this.#current, decision);
	}

	/** Asks open connections to end with one of their next responses, and goes on accepting. */
	announceDrain(): void {
		const decision = this.#startDrain();
		for (const chain of allChains(this.#current)) chain.drain(decision);
	}

	close(): void {
		this.#sockets.close();
		for (const generation of [this.#current, ...this.#draining]) {
			for (const chain of allChains(generation)) chain.close();
		}
		this.#draining.clear();
		this.#stats.scope.close();
	}

	#createGeneration(config: ListenerConfig): Generation {
		const build = (chain: FilterChainConfig): FilterChain =>
			new FilterChain(chain, this.#deps.createChain(chain, config, this.#stats));
		const chains = config.filterChains.map(build);
		const defaultChain = config.defaultFilterChain === undefined ? undefined : build(config.defaultFilterChain);
		const only = chains.length === 1 && takesEverything(chains[0]!.config) ? chains[0] : undefined;
		return { config, chains, defaultChain, only };
	}

	#startDrain(): DrainDecision {
		const { clock, drainStrategy, drainTimeMs, random } = this.#deps;
		return startDrain(drainStrategy, drainTimeMs, clock, random);
	}

	#drainGeneration(generation: Generation, decision = this.#startDrain()): void {
		for (const chain of allChains(generation)) chain.drain(decision);
		this.#draining.add(generation);
		this.#deps.clock.setTimer(
			this.#deps.drainTimeMs,
			() => {
				if (!this.#draining.delete(generation)) return;
				for (const chain of allChains(generation)) chain.close();
			},
			{ unref: true },
		);
	}

	#onConnection(socket: Socket, address: AddressConfig): void {
		const { connections, worker } = this.#stats;
		const openedAt = this.#deps.clock.now();
		connections.downstream_cx_total.value++;
		connections.downstream_cx_active.value++;
		worker.downstream_cx_total.value++;
		worker.downstream_cx_active.value++;
		this.#deps.onConnection?.(true);
		socket.once("close", () => {
			connections.downstream_cx_destroy.value++;
			connections.downstream_cx_active.value--;
			worker.downstream_cx_active.value--;
			connections.downstream_cx_length_ms.record(this.#deps.clock.now() - openedAt);
			this.#deps.onConnection?.(false);
		});
		const generation = this.#current;
		if (!needsInspection(generation.config.listenerFilters)) {
			this.#choose(socket, address, generation, noInspection);
			return;
		}
		connections.downstream_pre_cx_active.value++;
		inspectFirstBytes(socket, generation.config, this.#deps.clock, this.#inspectorStats(), (outcome) => {
			connections.downstream_pre_cx_active.value--;
			if (outcome.kind === "done") {
				this.#choose(socket, address, generation, outcome.inspection);
				return;
			}
			if (outcome.kind === "timed-out") connections.downstream_pre_cx_timeout.value++;
			else if (outcome.kind === "closed") connections.downstream_listener_filter_remote_close.value++;
			else connections.downstream_listener_filter_error.value++;
			destroyQuietly(socket);
		});
	}

	/** Of all listeners together; made when one of them inspects. */
	#inspectorStats(): TlsInspectorStats {
		this.#tlsInspector ??= createTlsInspectorStats(this.#deps.stats.scope("tls_inspector"));
		return this.#tlsInspector;
	}

	#choose(socket: Socket, address: AddressConfig, generation: Generation, inspection: Inspection): void {
		const { connections } = this.#stats;
		const facts = describeConnection(socket, address, this.#deps.nextConnectionId(), {
			filterChainName: generation.only?.config.name ?? "",
			listenerMetadata: generation.config.metadata,
			listenerName: generation.config.name,
			serverName: inspection.serverName,
		});
		const chain =
			generation.only ??
			matchFilterChain(generation.chains, {
				...inspection,
				destinationIp: facts.local.ip,
				destinationPort: facts.local.port,
				directSourceIp: facts.directRemote.ip,
				sourceIp: facts.remote.ip,
				sourcePort: facts.remote.port,
			}) ??
			generation.defaultChain;
		if (chain === undefined) {
			connections.no_filter_chain_match.value++;
			destroyQuietly(socket);
			return;
		}
		chain.accept(socket, generation.only === undefined ? { ...facts, filterChainName: chain.config.name } : facts, {
			onReady: () => undefined,
			onFailed: (reason) => this.#log.debug("handshake failed", { remote: facts.remote.text, reason }),
		});
	}
}

const noInspection: Inspection = { serverName: "", transportProtocol: "", applicationProtocols: [] };

function destroyQuietly(socket: Socket): void {
	socket.on("error", () => undefined);
	socket.destroy();
}

function allChains({ chains, defaultChain }: Generation): readonly FilterChain[] {
	return defaultChain === undefined ? chains : [...chains, defaultChain];
}

function countConnections(generation: Generation): number {
	return allChains(generation).reduce((sum, chain) => sum + chain.activeConnections, 0);
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

/** The listener's part of statistics' names: its prefix, else its address as Envoy writes it. */
function nameStats({ statPrefix, addresses }: ListenerConfig): string {
	if (statPrefix !== "") return statPrefix;
	const first = addresses[0];
	if (first === undefined) return "unbound";
	return first.kind === "pipe" ? first.path : formatAddress(first).replaceAll(":", "_");
}
