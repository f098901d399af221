import { connect, type Socket } from "node:net";
import { MeshError } from "../../core/index.ts";
import { openSystemCalls } from "../../os/index.ts";
import { formatAddress, type SocketOrigin, type SocketSupply } from "../listener/index.ts";
import type { AddressConfig } from "../runtime-config/index.ts";
import type { StatsDelta } from "../workers/index.ts";
import { type Answer, createLineReader, type HandedSockets, type Request, socketPath } from "./protocol.ts";

/** The process whose place this one takes. */
export interface Parent {
	/** Its listening sockets, each given once. */
	readonly sockets: SocketSupply;
	/** The admin port's socket, when it listens at that address or any port will do. */
	takeAdmin(address: AddressConfig): number | undefined;
	closeAdmin(): Promise<void>;
	/** Sockets that nobody took are closed; the parent stops accepting. */
	drain(): Promise<void>;
	readStats(): Promise<ParentCounts>;
	/** What it counted last is told without being asked, before it ends. */
	onLastStats(listener: (counts: ParentCounts) => void): void;
	end(): Promise<void>;
	/** It is gone. */
	onEnd(listener: () => void): void;
}

/** What it counted since it told that last, and its open connections. */
export interface ParentCounts {
	readonly delta: StatsDelta;
	readonly connections: number;
}

/** Connects to the process before this one; undefined when there is none.
 *  @throws MeshError RESTART_SOCKETS when its sockets cannot be taken over */
export async function connectToParent(folder: string, baseId: number, epoch: number): Promise<Parent | undefined> {
	const socket = await open(socketPath(folder, baseId, epoch - 1));
	if (socket === undefined) return undefined;
	const waiting = new Map<number, (answer: Answer) => void>();
	let lastId = 0;
	let onLastStats: ((counts: ParentCounts) => void) | undefined;
	socket.on(
		"data",
		createLineReader<Answer>((answer) => {
			if (answer.id === 0) onLastStats?.(readCounts(answer));
			waiting.get(answer.id)?.(answer);
			waiting.delete(answer.id);
		}),
	);
	const ended = new Promise<void>((resolve) => socket.once("close", () => resolve()));
	socket.on("error", () => socket.destroy());
	void ended.then(() => {
		for (const [id, settle] of waiting) settle({ id });
		waiting.clear();
	});
	const ask = (what: Request["ask"]): Promise<Answer> => {
		if (socket.destroyed) return Promise.resolve({ id: 0 });
		return new Promise((resolve) => {
			const id = ++lastId;
			waiting.set(id, resolve);
			socket.write(`${JSON.stringify({ id, ask: what } satisfies Request)}\n`);
		});
	};
	const { sockets } = await ask("sockets");
	if (sockets === undefined) return undefined;
	const taken = takeSockets(sockets);
	return {
		sockets: taken,
		takeAdmin: (address) => taken.takeAdmin(address),
		closeAdmin: async () => void (await ask("close-admin")),
		async drain() {
			taken.closeRest();
			await ask("drain");
			// From here on it must not keep this process from ending.
			socket.unref();
		},
		readStats: async () => readCounts(await ask("stats")),
		onLastStats(listener) {
			onLastStats = listener;
		},
		end: async () => void (await ask("end")),
		onEnd: (listener) => void ended.then(listener),
	};
}

function readCounts({ connections = 0, stats = noStats }: Answer): ParentCounts {
	return { delta: stats, connections };
}

const noStats: StatsDelta = { counters: [], gauges: [], histograms: [], gone: [], hosts: [], drops: [] };

function open(path: string): Promise<Socket | undefined> {
	return new Promise((resolve) => {
		const socket = connect(path);
		socket.once("connect", () => resolve(socket));
		socket.once("error", () => resolve(undefined));
	});
}

interface TakenSockets extends SocketSupply {
	takeAdmin(address: AddressConfig): number | undefined;
	closeRest(): void;
}

/** Copies every socket into this process. An address is known by itself, one with port 0 by its listener. */
function takeSockets({ admin, listeners, processId }: HandedSockets): TakenSockets {
	const opened = openSystemCalls();
	if (!opened.ok)
		throw new MeshError("RESTART_SOCKETS", `the sockets of the old process cannot be taken: ${opened.reason}`);
	const { calls } = opened;
	const take = (descriptor: number): number => {
		const copy = calls.takeDescriptor(processId, descriptor);
		if (copy !== undefined) return copy;
		throw new MeshError(
			"RESTART_SOCKETS",
			`the sockets of process ${processId} cannot be taken; run both as the same user, and allow pidfd_getfd (CAP_SYS_PTRACE in a container)`,
		);
	};
	const byAddress = new Map<string, readonly number[]>();
	const byListener = new Map<string, string>();
	for (const { addresses, name } of listeners) {
		for (const [index, { descriptors, text }] of addresses.entries()) {
			byAddress.set(text, descriptors.map(take));
			byListener.set(`${name} ${index}`, text);
		}
	}
	return {
		takeAdmin(address) {
			if (admin === undefined || (!isAnyPort(address) && formatAddress(address) !== admin.text)) return undefined;
			return take(admin.descriptor);
		},
		originOf(listener, index, address): SocketOrigin {
			// Only a process itself connects to its internal listeners.
			if (address.kind === "internal") return { kind: "bind", address, reusePort: false };
			const text = isAnyPort(address) ? byListener.get(`${listener} ${index}`) : formatAddress(address);
			const descriptors = text === undefined ? undefined : byAddress.get(text);
			if (text === undefined || descriptors === undefined) return { kind: "bind", address, reusePort: false };
			byAddress.delete(text);
			return { kind: "adopt", descriptors };
		},
		closeRest() {
			for (const descriptors of byAddress.values()) for (const descriptor of descriptors) calls.close(descriptor);
			byAddress.clear();
		},
	};
}

function isAnyPort(address: AddressConfig): boolean {
	return address.kind === "socket" && address.port === 0;
}
