import { openSystemCalls } from "../../os/index.ts";
import type { ResourceProblem } from "../config-source/index.ts";
import type { DrainDecision } from "../drain/index.ts";
import type { ListenerManager, ListenerView, SocketOrigin, SocketSupply } from "../listener/index.ts";
import type { AddressConfig, ListenerConfig } from "../runtime-config/index.ts";
import type { BoundListener, FromWorker, ToWorker, Travelling, TravellingSockets, WorkerThread } from "./messages.ts";

export interface RemoteListenersOptions {
	readonly threads: readonly WorkerThread[];
	ask<Answer extends FromWorker>(thread: WorkerThread, make: (id: number) => ToWorker): Promise<Answer>;
	post(message: ToWorker): void;
	travel(config: ListenerConfig): Travelling;
	/** Sockets taken over from another process. */
	readonly sockets?: SocketSupply;
}

/** The listeners of workers, as main sees them. */
export interface RemoteListeners extends ListenerManager {
	setConnections(worker: number, connections: number): void;
}

type Applied = Extract<FromWorker, { type: "listeners-applied" }>;

/** The first worker binds; the others have sockets of their own on the same ports, and share the sockets of paths. */
export function createRemoteListeners(options: RemoteListenersOptions): RemoteListeners {
	const { ask, post, threads, travel } = options;
	const configs = new Map<string, ListenerConfig>();
	const bound = new Map<string, BoundListener>();
	/** Connections of all listeners, by worker. */
	const connections: number[] = [];
	const countConnections = (): number => connections.reduce((sum, count) => sum + count, 0);

	/** Sockets that were taken over, by listener and address; each is given once. */
	function takeOver(config: ListenerConfig): readonly SocketOrigin[] {
		return config.addresses.map(
			(address, index) =>
				options.sockets?.originOf(config.name, index, address) ?? { kind: "bind", address, reusePort: false },
		);
	}

	function firstSockets(config: ListenerConfig, origins: readonly SocketOrigin[]): TravellingSockets {
		return {
			listener: config.name,
			origins: config.addresses.map((address, index) => {
				const origin = origins[index];
				if (origin?.kind === "adopt") return { kind: "share", descriptors: origin.descriptors };
				return { kind: "bind", address, reusePort: address.kind === "socket" };
			}),
		};
	}

	/** Where the first worker listens is where the others do. */
	function furtherSockets(
		config: ListenerConfig,
		origins: readonly SocketOrigin[],
		first: BoundListener | undefined,
	): TravellingSockets {
		return {
			listener: config.name,
			origins: config.addresses.map((address, index) => {
				const sockets = first?.sockets[index];
				const isShared = address.kind === "pipe" || origins[index]?.kind === "adopt";
				if (isShared && sockets !== undefined) return { kind: "share", descriptors: sockets.descriptors };
				return { kind: "bind", address: sockets?.address ?? address, reusePort: address.kind === "socket" };
			}),
		};
	}

	async function apply(
		added: readonly ListenerConfig[],
		removed: readonly string[],
	): Promise<readonly ResourceProblem[]> {
		const [leader, ...others] = threads;
		const travelling = added.map(travel);
		const request = (id: number, list: readonly Travelling[], sockets: readonly TravellingSockets[]): ToWorker => ({
			type: "listeners",
			id,
			added: list,
			removed,
			sockets,
		});
		const origins = new Map(added.map((config) => [config, takeOver(config)]));
		const originsOf = (config: ListenerConfig): readonly SocketOrigin[] => origins.get(config) ?? [];
		const first = await ask<Applied>(leader!, (id) =>
			request(
				id,
				travelling,
				added.map((config) => firstSockets(config, originsOf(config))),
			),
		);
		const firstBound = new Map(first.bound.map((listener) => [listener.name, listener]));
		const failed = new Set(first.problems.map(({ name }) => name));
		const good = added.filter(({ name }) => !failed.has(name));
		const sockets = good.map((config) => furtherSockets(config, originsOf(config), firstBound.get(config.name)));
		const answers = await Promise.all(
			others.map((thread) => ask<Applied>(thread, (id) => request(id, good.map(travel), sockets))),
		);
		closeCopies([...origins.values()].flat());
		remember([first, ...answers]);
		const problems = [...first.problems, ...answers.flatMap((answer) => answer.problems)];
		for (const config of good) configs.set(config.name, config);
		for (const name of removed) {
			configs.delete(name);
			bound.delete(name);
		}
		return problems.filter(({ name }, index) => problems.findIndex((other) => other.name === name) === index);
	}

	/** A listener has the sockets of all workers. */
	function remember(answers: readonly Applied[]): void {
		bound.clear();
		for (const { bound: listeners } of answers) {
			for (const { name, sockets } of listeners) {
				const before = bound.get(name)?.sockets;
				const joined = sockets.map(({ address, descriptors }, index) => ({
					address,
					descriptors: [...(before?.[index]?.descriptors ?? []), ...descriptors],
				}));
				bound.set(name, { name, sockets: joined });
			}
		}
	}

	function toView(config: ListenerConfig): ListenerView {
		const sockets = bound.get(config.name)?.sockets ?? [];
		return {
			config,
			boundAddresses: sockets.map(({ address }): AddressConfig => address),
			activeConnections: 0,
			sockets: sockets.map(({ address, descriptors }) => descriptors.map((descriptor) => ({ address, descriptor }))),
		};
	}

	return {
		applyListeners: apply,
		listeners: () => {
			const views = [...configs.values()].map(toView);
			// Workers count connections over all their listeners.
			return views.map((view, index) => (index === 0 ? { ...view, activeConnections: countConnections() } : view));
		},
		announceDrain: (inboundOnly) => post({ type: "announce-drain", inboundOnly }),
		stopAccepting: (inboundOnly) => post({ type: "stop-accepting", inboundOnly }),
		handOver: () => post({ type: "drain", atOnce: false, handsOver: true }),
		drain: (decision?: DrainDecision) => post({ type: "drain", atOnce: decision !== undefined, handsOver: false }),
		close: () => undefined,
		setConnections(worker, count) {
			connections[worker] = count;
		},
	};
}

/** Workers have copies of their own by now. */
function closeCopies(origins: readonly SocketOrigin[]): void {
	const taken = origins.flatMap((origin) => (origin.kind === "adopt" ? origin.descriptors : []));
	const opened = taken.length === 0 ? undefined : openSystemCalls();
	if (opened?.ok === true) for (const descriptor of taken) opened.calls.close(descriptor);
}
