import { chmodSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { resolve } from "node:path";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { type Clock, describeError, type Log, MeshError, type Timer } from "../../core/index.ts";
import { descriptorOf, openPeerProcess, openSystemCalls, type PeerProcess, type SystemCalls } from "../../os/index.ts";
import { createXdsServer, type SnapshotSource } from "../../xds/server/index.ts";
import type { WorkloadAttestor } from "../attest-workload/index.ts";
import { prepareSocketPath, removeSocket } from "../secret-server/socket-file.ts";
import { type Caller, createCaller } from "./caller.ts";
import type { Identities } from "./identities.ts";
import { PlainAuthorityConnection } from "./plain-authority.ts";
import type { GivenSecrets, ProxyBoard } from "./proxy-board.ts";
import { translateIdentities } from "./secrets.ts";
import { addWorkloadService } from "./workload-service.ts";

export interface WorkloadServerOptions {
	/** Where it listens: at most 100 bytes. Every user of the machine may connect: who is who is found out by the connection. */
	readonly socketPath: string;
	readonly identities: Identities;
	readonly attestors: readonly WorkloadAttestor[];
	/** Follows what proxies have acknowledged. */
	readonly proxies: ProxyBoard;
	readonly clock: Clock;
	readonly log: Log;
	/** Connections at a time; 4,096 by default. */
	readonly maxConnections?: number;
	/** Of these for one user, so that nobody keeps the others out; 1,024 by default. Each connection takes 128 calls. */
	readonly maxConnectionsPerUser?: number;
}

/** The SPIFFE Workload API and SDS on one unix socket. */
export interface WorkloadServer {
	/** Absolute path of the socket. */
	readonly socketPath: string;
	/** @throws MeshError `SOCKET_PATH_TOO_LONG`, `SOCKET_PATH_TAKEN`, `SOCKET_FOLDER`, `PEER_CREDENTIALS_UNAVAILABLE` */
	start(): Promise<void>;
	/** Ends every stream and removes the socket. */
	close(): Promise<void>;
}

/** Creates the server. Each connection has a gRPC server of its own, because a call does not say which connection it came on, and the
 *  connection is all that tells who calls. */
export function createWorkloadServer(options: WorkloadServerOptions): WorkloadServer {
	const socketPath = resolve(options.socketPath);
	const log = options.log.child("workload-api");
	const open = new Set<() => void>();
	/** Connections by user; of processes that cannot be told, together. */
	const users = new Map<number | undefined, number>();
	const maxPerUser = options.maxConnectionsPerUser ?? 1_024;
	let calls: SystemCalls | undefined;
	const server = createServer((socket) => {
		const descriptor = descriptorOf(socket);
		const peer = descriptor === undefined ? undefined : openPeerProcess(calls!, descriptor);
		const count = (users.get(peer?.uid) ?? 0) + 1;
		if (count > maxPerUser) {
			log.warn("connection refused: its user has too many", { uid: peer?.uid, pid: peer?.pid, most: maxPerUser });
			peer?.close();
			socket.destroy();
			return;
		}
		users.set(peer?.uid, count);
		const close = serveConnection(socket, peer, options, log);
		open.add(close);
		socket.once("close", () => {
			open.delete(close);
			close();
			const left = users.get(peer?.uid)! - 1;
			if (left === 0) users.delete(peer?.uid);
			else users.set(peer?.uid, left);
		});
	});
	server.maxConnections = options.maxConnections ?? 4_096;
	let isBound = false;
	return {
		socketPath,
		async start() {
			const system = openSystemCalls();
			if (!system.ok)
				throw new MeshError("PEER_CREDENTIALS_UNAVAILABLE", `workloads cannot be told apart here: ${system.reason}`);
			calls = system.calls;
			await prepareSocketPath(socketPath, "everyone");
			await listen(server, socketPath);
			isBound = true;
			openToAll(socketPath);
			log.info("workload API served", { socketPath });
		},
		async close() {
			for (const close of [...open]) close();
			if (!isBound) return;
			const { promise, resolve: done } = Promise.withResolvers<void>();
			server.close(() => done());
			await promise;
			removeSocket(socketPath);
		},
	};
}

/** Until a connection whose process is gone is ended: whoever asked on it learns that first. */
const goneMs = 1_000;

/** @returns how to end it */
function serveConnection(
	socket: Socket,
	peer: PeerProcess | undefined,
	options: WorkloadServerOptions,
	log: Log,
): () => void {
	const { identities, attestors, clock } = options;
	let isOpen = true;
	let ending: Timer | undefined;
	const onGone = (): void => {
		if (!isOpen || ending !== undefined) return;
		log.warn("connection ended: the process that made it is gone", { pid: peer?.pid, uid: peer?.uid });
		ending = clock.setTimer(goneMs, close, { unref: true });
	};
	const caller = createCaller({ peer, attestors, identities, log, onGone });
	const grpc = new Server({ "grpc.max_receive_message_length": 1024 * 1024, "grpc.max_concurrent_streams": 128 });
	addWorkloadService(grpc, { caller, identities, clock, log });
	const source = createSecretSource(caller, identities, log);
	const xds = createXdsServer({ source, log, clock });
	xds.addTo(grpc, { sds: true, ads: false });
	const leave =
		peer === undefined
			? undefined
			: options.proxies.add({
					nodes: () => xds.resources(),
					given: () => source.given(),
					pid: peer.pid,
					isAlive: () => peer.isSame(),
					release: () => peer.close(),
				});
	const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure());
	socket.on("error", () => undefined);
	injector.injectConnection(new PlainAuthorityConnection(socket).on("error", () => undefined));
	return close;

	function close(): void {
		if (!isOpen) return;
		isOpen = false;
		ending?.cancel();
		leave?.();
		xds.close();
		source.close();
		injector.destroy();
		grpc.forceShutdown();
		socket.destroy();
	}
}

/** What one connection gets over SDS. Envoy waits for what is not there yet; a workload that loses its identity keeps what it has, because
 *  SDS cannot take a secret back, and gets no new one. */
function createSecretSource(
	caller: Caller,
	identities: Identities,
	log: Log,
): SnapshotSource & { given(): GivenSecrets | undefined; close(): void } {
	const listeners = new Set<(nodes: "all") => void>();
	const ended = new AbortController();
	let given: GivenSecrets | undefined;
	let stopFollowing: (() => void) | undefined;
	let isStale = false;
	let isBusy = false;

	async function refresh(): Promise<void> {
		isStale = true;
		if (isBusy) return;
		isBusy = true;
		try {
			while (isStale && !ended.signal.aborted) {
				isStale = false;
				const entries = await caller.requireEntries();
				const svids = await identities.svids(entries, ended.signal);
				const own = identities.bundle();
				if (own === undefined) continue;
				const snapshot = translateIdentities(svids, own, identities.federated(entries));
				given = { snapshot, svids, bundlePem: own.pem };
				for (const listener of [...listeners]) listener("all");
			}
		} catch (error) {
			if (!ended.signal.aborted) log.warn("no secrets for a proxy", { reason: describeError(error) });
		} finally {
			isBusy = false;
		}
	}

	return {
		get() {
			if (stopFollowing === undefined) {
				stopFollowing = identities.onChange(() => void refresh());
				void refresh();
			}
			if (caller.isHere()) return given?.snapshot;
			// Another process has the connection by now: what was given to its maker is not for that one.
			void refresh();
			return undefined;
		},
		given: () => given,
		onChange(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		close() {
			ended.abort();
			stopFollowing?.();
			listeners.clear();
		},
	};
}

function listen(server: ReturnType<typeof createServer>, socketPath: string): Promise<void> {
	const { promise, resolve: done, reject } = Promise.withResolvers<void>();
	const fail = (cause: Error): void =>
		reject(new MeshError("SOCKET_FOLDER", `unix socket ${socketPath}: cannot listen`, { cause }));
	server.once("error", fail);
	server.listen(socketPath, () => {
		server.off("error", fail);
		done();
	});
	return promise;
}

/** The folder stays what its owner made it; the socket itself keeps nobody out. */
function openToAll(socketPath: string): void {
	chmodSync(socketPath, 0o777);
}
