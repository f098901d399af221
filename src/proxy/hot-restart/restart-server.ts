import { rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { describeError, type Log } from "../../core/index.ts";
import type { StatsDelta } from "../workers/index.ts";
import {
	type Answer,
	createLineReader,
	type HandedAdmin,
	type HandedListener,
	prepareFolder,
	type Request,
	socketPath,
} from "./protocol.ts";

/** What a process does for the one that takes its place. */
export interface RestartHooks {
	listSockets(): { readonly listeners: readonly HandedListener[]; readonly admin: HandedAdmin | undefined };
	closeAdmin(): Promise<void>;
	/** Stop accepting, let connections go. */
	drain(): void;
	/** What was counted since this was asked last, and how many connections are open. */
	readStats(): Promise<{ readonly delta: StatsDelta; readonly connections: number }>;
	end(): void;
}

export interface RestartServerOptions {
	readonly folder: string;
	readonly userId: number;
	readonly processId: number;
	readonly baseId: number;
	readonly epoch: number;
	readonly hooks: RestartHooks;
	readonly log: Log;
}

export interface RestartServer {
	/** Tells the next process what was counted since it asked last, and ends. */
	close(): Promise<void>;
}

/** How long that may take, milliseconds: a worker that hangs does not keep the process. */
const lastStatsTimeoutMs = 2_000;

/** Answers the process that comes after this one; undefined when another process of that base id and epoch is there. */
export async function openRestartServer(options: RestartServerOptions): Promise<RestartServer | undefined> {
	const { folder, hooks, log, processId } = options;
	prepareFolder(folder, options.userId);
	const path = socketPath(folder, options.baseId, options.epoch);
	if (await isAnswered(path)) return undefined;
	rmSync(path, { force: true });

	async function answer({ ask, id }: Request): Promise<Answer> {
		switch (ask) {
			case "sockets":
				return { id, sockets: { processId, ...hooks.listSockets() } };
			case "close-admin":
				await hooks.closeAdmin();
				return { id };
			case "drain":
				hooks.drain();
				return { id };
			case "stats": {
				const { connections, delta } = await hooks.readStats();
				return { id, connections, stats: delta };
			}
			case "end":
				hooks.end();
				return { id };
		}
	}

	const sockets = new Set<Socket>();
	function serve(socket: Socket): void {
		const read = createLineReader<Request>((request) => {
			answer(request).then(
				(result) => void socket.write(`${JSON.stringify(result)}\n`),
				(error: unknown) => log.error("the next process could not be answered", { problem: describeError(error) }),
			);
		});
		socket.on("data", read);
		socket.on("error", () => socket.destroy());
		socket.on("close", () => sockets.delete(socket));
		sockets.add(socket);
	}

	const server = createServer(serve).unref();
	await new Promise<void>((resolve, reject) => {
		server.once("error", reject);
		server.listen(path, resolve);
	});
	async function tellLastStats(): Promise<void> {
		const { connections, delta } = await hooks.readStats();
		const line = `${JSON.stringify({ id: 0, connections, stats: delta } satisfies Answer)}\n`;
		await Promise.all([...sockets].map((socket) => new Promise<void>((resolve) => socket.end(line, () => resolve()))));
	}

	return {
		async close() {
			server.close();
			if (sockets.size === 0) return;
			const late = new Promise((resolve) => setTimeout(resolve, lastStatsTimeoutMs).unref());
			await Promise.race([tellLastStats(), late]);
			for (const socket of sockets) socket.destroy();
		},
	};
}

function isAnswered(path: string): Promise<boolean> {
	return new Promise((resolve) => {
		const socket = connect(path);
		socket.once("connect", () => {
			socket.destroy();
			resolve(true);
		});
		socket.once("error", () => resolve(false));
	});
}
