import { once } from "node:events";
import { chmodSync, linkSync, renameSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { describeError, type Log, MeshError } from "../../core/index.ts";
import {
	acceptHandles,
	createListeningSocket,
	createPrivateSocketPath,
	descriptorOf,
	findStreamHandles,
	HandleSocket,
	type ListenOptions,
	listenAtAddress,
	openSystemCalls,
	releasePrivateSockets,
	type SocketHandle,
	type SocketOption,
	type StreamSocket,
	toSystemPath,
} from "../../os/index.ts";
import type { AddressConfig, ListenerConfig } from "../runtime-config/index.ts";

/** How one address of a listener gets its socket. */
export type SocketOrigin =
	/** A new one. `reusePort`: other threads have sockets of their own on the port. */
	| { readonly kind: "bind"; readonly address: AddressConfig; readonly reusePort: boolean }
	/** Sockets that listen already, of another process or thread; their descriptors belong to the listener from now on. */
	| { readonly kind: "adopt"; readonly descriptors: readonly number[] };

/** Where sockets come from; a listener without a supply binds its addresses. */
export interface SocketSupply {
	/** `index` counts the listener's addresses. */
	originOf(listener: string, index: number, address: AddressConfig): SocketOrigin;
}

/** A socket that listens. */
export interface ListeningSocket {
	/** With the port that the system chose for 0. */
	readonly address: AddressConfig;
	readonly descriptor: number | undefined;
}

/** Binds every address, or takes over the sockets that the supply has for it. */
export class ListeningSockets {
	readonly #log: Log;
	readonly #onConnection: (socket: StreamSocket, address: AddressConfig) => void;
	#servers: { readonly server: Server; readonly address: AddressConfig; readonly index: number }[] = [];

	#closed: readonly AddressConfig[] | undefined;

	constructor(log: Log, onConnection: (socket: StreamSocket, address: AddressConfig) => void) {
		this.#log = log;
		this.#onConnection = onConnection;
	}

	/** One for each address, in their order; what was closed is still told. */
	get bound(): readonly AddressConfig[] {
		if (this.#closed !== undefined) return this.#closed;
		return this.list().flatMap(([first]) => (first === undefined ? [] : [first.address]));
	}

	/** By address: more than one where several were taken over. */
	list(): readonly (readonly ListeningSocket[])[] {
		const byAddress: ListeningSocket[][] = [];
		for (const { address, index, server } of this.#servers) {
			byAddress[index] ??= [];
			byAddress[index].push({ address: readBound(server, address), descriptor: descriptorOf(server) });
		}
		return byAddress;
	}

	/** @throws MeshError `LISTENER_BIND` naming the address; nothing is bound then */
	async open(config: ListenerConfig, supply: SocketSupply | undefined): Promise<void> {
		for (const [index, address] of config.addresses.entries()) {
			const origin = supply?.originOf(config.name, index, address) ?? { kind: "bind", address, reusePort: false };
			try {
				if (origin.kind === "adopt") {
					for (const fd of origin.descriptors) await this.#listen(config, address, index, { fd });
				} else {
					await this.#bind(config, origin.address, index, origin.reusePort);
				}
			} catch (cause) {
				this.close();
				throw new MeshError("LISTENER_BIND", `cannot bind ${formatAddress(address)}: ${explainBind(cause)}`, { cause });
			}
		}
	}

	/** `keepsPaths`: somebody else listens on the sockets of paths, which Node would take away with its own. */
	close(keepsPaths = false): void {
		this.#closed ??= this.bound;
		for (const { address, server } of this.#servers.splice(0)) {
			if (address.kind === "internal") server.close(releasePrivateSockets);
			else if (keepsPaths && address.kind === "pipe" && !address.path.startsWith("@"))
				closeAndKeep(server, address.path);
			else server.close();
		}
	}

	async #bind(config: ListenerConfig, address: AddressConfig, index: number, reusePort: boolean): Promise<void> {
		if (address.kind === "internal") {
			const path = createPrivateSocketPath(address.listener);
			rmSync(path, { force: true });
			await this.#listen(config, address, index, { path });
			return;
		}
		if (address.kind === "pipe") {
			const path = toSystemPath(address.path);
			const isAbstract = path !== address.path;
			if (!isAbstract) rmSync(path, { force: true });
			await this.#listen(config, address, index, { path });
			if (address.mode !== 0 && !isAbstract) chmodSync(path, address.mode);
			return;
		}
		const system = optionsOf(config, address, index);
		if (system.prebind.length === 0) {
			const options = { ip: address.address, port: address.port, ipv6Only: !address.ipv4Compatible, reusePort };
			await this.#listen(config, address, index, options);
			return;
		}
		const calls = openSystemCalls();
		if (!calls.ok) throw new Error(`socket options are not available: ${calls.reason}`);
		const made = createListeningSocket(calls.calls, {
			ip: address.address,
			port: address.port,
			ipv4Compatible: address.ipv4Compatible,
			reusePort,
			options: system.prebind,
		});
		if (!made.ok) throw new Error(explainMade(made));
		await this.#listen(config, address, index, { fd: made.descriptor });
	}

	async #listen(
		config: ListenerConfig,
		address: AddressConfig,
		index: number,
		at: ListenOptions | { readonly path: string } | { readonly fd: number },
	): Promise<void> {
		const { tcpBacklog, bufferLimitBytes } = config;
		const highWaterMark = Math.min(bufferLimitBytes, maxHighWaterMark);
		const noDelay = address.kind === "socket";
		const server = createServer({ allowHalfOpen: true, noDelay, pauseOnConnect: true, highWaterMark });
		server.on("connection", (socket) => this.#onConnection(socket, address));
		const options = { ...at, ...(tcpBacklog > 0 ? { backlog: tcpBacklog } : {}) };
		if ("ip" in options) listenAtAddress(server, options);
		else server.listen(options);
		await once(server, "listening");
		const later = optionsOf(config, address, index).later;
		const descriptor = descriptorOf(server);
		if (later.length > 0 && descriptor !== undefined) this.#setOptions(descriptor, later);
		const onError = (error: Error): void => this.#log.warn("accept failed", { error: describeError(error) });
		server.on("error", onError);
		const handles = findStreamHandles();
		if (handles !== undefined) {
			const onHandle = (handle: SocketHandle): void =>
				this.#onConnection(new HandleSocket(handles, handle, { allowHalfOpen: true, highWaterMark }), address);
			acceptHandles(server, noDelay, onHandle, onError);
		}
		this.#servers.push({ server, address, index });
	}

	#setOptions(descriptor: number, options: readonly SocketOption[]): void {
		const calls = openSystemCalls();
		for (const option of options) {
			if (calls.ok && calls.calls.setOption(descriptor, option)) continue;
			throw new Error(`the system refuses the socket option ${option.level}/${option.name}`);
		}
	}
}

const ip = { level: 0, freebind: 15, transparent: 19 };
const ipv6 = { level: 41, freebind: 78, transparent: 75 };
const socketLevel = 1;
const keepAlive = 9;
const tcp = { level: 6, keepIdle: 4, keepInterval: 5, keepCount: 6 };

/** What is set before binding, and what on the socket that listens: connections inherit it. */
function optionsOf(
	config: ListenerConfig,
	address: AddressConfig,
	index: number,
): { readonly prebind: readonly SocketOption[]; readonly later: readonly SocketOption[] } {
	if (address.kind !== "socket") return { prebind: [], later: [] };
	const family = address.address.includes(":") ? ipv6 : ip;
	const number = (level: number, name: number, value: number): SocketOption => {
		const bytes = Buffer.alloc(4);
		bytes.writeInt32LE(value);
		return { level, name, value: bytes };
	};
	const configured = (index === 0 ? undefined : config.additionalSocketOptions[index - 1]) ?? config.socketOptions;
	const { tcpKeepalive } = config;
	return {
		prebind: [
			...(config.freebind ? [number(family.level, family.freebind, 1)] : []),
			...(config.transparent ? [number(family.level, family.transparent, 1)] : []),
			...configured.filter(({ state }) => state === "prebind"),
		],
		later: [
			...configured.filter(({ state }) => state !== "prebind"),
			...(tcpKeepalive === undefined ? [] : [number(socketLevel, keepAlive, 1)]),
			...(tcpKeepalive?.idleSeconds === undefined ? [] : [number(tcp.level, tcp.keepIdle, tcpKeepalive.idleSeconds)]),
			...(tcpKeepalive?.intervalSeconds === undefined
				? []
				: [number(tcp.level, tcp.keepInterval, tcpKeepalive.intervalSeconds)]),
			...(tcpKeepalive?.probes === undefined ? [] : [number(tcp.level, tcp.keepCount, tcpKeepalive.probes)]),
		],
	};
}

function explainMade(made: Extract<ReturnType<typeof createListeningSocket>, { ok: false }>): string {
	if (made.reason === "bind") return "the system refuses the address: it is in use, or this machine does not have it";
	if (made.option === undefined) return "the system gives no socket";
	return `the system refuses the socket option ${made.option.level}/${made.option.name}; it may need privileges`;
}

/** Node's own default; a larger buffer per connection buys nothing. */
const maxHighWaterMark = 64 * 1024;

/** Between the two calls the path is missing for some microseconds: there is no way to tell Node to leave it. */
function closeAndKeep(server: Server, path: string): void {
	const kept = `${path}.kept`;
	rmSync(kept, { force: true });
	linkSync(path, kept);
	server.close();
	renameSync(kept, path);
}

function readBound(server: Server, address: AddressConfig): AddressConfig {
	const bound = server.address();
	if (address.kind !== "socket" || bound === null || typeof bound !== "object") return address;
	return { ...address, port: bound.port };
}

/** `127.0.0.1:80`, `[::1]:80` or the path. */
export function formatAddress(address: AddressConfig): string {
	if (address.kind !== "socket") return address.path;
	return address.address.includes(":") ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`;
}

function explainBind(cause: unknown): string {
	const { code } = cause as NodeJS.ErrnoException;
	if (code === "EADDRINUSE") return "the address is in use; end the process that listens there or choose another port";
	if (code === "EACCES") return "permission denied; ports below 1024 need privileges";
	if (code === "EADDRNOTAVAIL") return "this machine has no such address";
	return describeError(cause);
}
