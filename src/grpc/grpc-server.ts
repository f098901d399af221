import { once } from "node:events";
import { createServer, type Server } from "node:net";
import type { ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import { type Clock, type Timer, TurnQueue } from "../core/index.ts";
import { acceptHandles, findStreamHandles, HandleSocket, type StreamSocket } from "../os/index.ts";
import { createHttp2Shared } from "../wire/http2/index.ts";
import { GrpcConnection, type GrpcConnectionContext } from "./grpc-connection.ts";
import type { Method } from "./server-call.ts";

export interface GrpcServerOptions {
	readonly clock: Clock;
	/** A peer is asked for a sign of life so often, and is gone when there is none until the next time; 20 s by default. */
	readonly keepAliveMs?: number;
	/** A call with a larger message is ended; 16 MiB by default. */
	readonly maxMessageBytes?: number;
}

/** A server with its own port. */
export interface GrpcServer {
	/** Before `listen`. */
	addService(definition: ServiceDefinition, implementation: UntypedServiceImplementation): void;
	/** @returns the port
	 *  @throws Error as Node's servers have it: `code` says why the address cannot be had */
	listen(host: string, port: number): Promise<number>;
	/** Takes no more connections and calls; what is under way has `drainMs` to end. */
	close(drainMs: number): Promise<void>;
}

/** Connections with output that wait for the end of the turn, each with a buffer of the largest size: fewer than are kept for the next ones. What is
 *  made for each of thousands is memory that a collection of the whole heap has to find again, in the middle of a push. */
const maxWaiting = 32;

/** In so many steps every connection is asked once. */
const stepsOfRound = 64;

/** Unsent bytes of one connection from which its calls are asked to wait. */
const highWaterMark = 64 * 1024;

export function createGrpcServer({
	clock,
	keepAliveMs = 20_000,
	maxMessageBytes = 16 * 1024 * 1024,
}: GrpcServerOptions): GrpcServer {
	const methods = new Map<string, Method>();
	const connections = new Set<GrpcConnection>();
	const context: GrpcConnectionContext = {
		...{ methods, clock, maxMessageBytes },
		turns: new TurnQueue(maxWaiting),
		shared: createHttp2Shared(),
		onGone: (connection) => connections.delete(connection),
	};
	let server: Server | undefined;
	let keepAlive: Timer | undefined;
	const accept = (socket: StreamSocket): void => {
		connections.add(new GrpcConnection(context, socket));
	};
	/** Those of the round that were not asked yet: asked all at once, thousands would keep changes waiting. */
	let unasked: GrpcConnection[] = [];
	let portion = 0;
	let step = 0;
	const keepAlives = (): void => {
		if (step++ % stepsOfRound === 0) {
			for (const connection of unasked) connection.checkAlive();
			unasked = [...connections];
			portion = Math.ceil(unasked.length / stepsOfRound);
		}
		for (const connection of unasked.splice(0, portion)) connection.checkAlive();
		keepAlive = clock.setTimer(keepAliveMs / stepsOfRound, keepAlives, { unref: true });
	};
	return {
		addService(definition, implementation) {
			for (const [name, method] of Object.entries(definition))
				methods.set(method.path, { definition: method, handle: implementation[name] as unknown as Method["handle"] });
		},
		async listen(host, port) {
			server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });
			server.on("connection", accept);
			server.listen({ host, port });
			await once(server, "listening");
			acceptOnHandles(server, accept);
			keepAlives();
			const bound = server.address();
			return typeof bound === "object" && bound !== null ? bound.port : port;
		},
		async close(drainMs) {
			keepAlive?.cancel();
			server?.close();
			const { promise, resolve } = Promise.withResolvers<void>();
			context.onGone = (connection) => {
				connections.delete(connection);
				if (connections.size === 0) resolve();
			};
			if (connections.size === 0) return;
			const timer = clock.setTimer(drainMs, () => {
				for (const connection of [...connections]) connection.destroy();
			});
			for (const connection of [...connections]) connection.drain();
			await promise;
			timer.cancel();
		},
	};
}

/** Connections straight on Node's handles, where this Node has them. */
function acceptOnHandles(server: Server, accept: (socket: StreamSocket) => void): void {
	// A peer that is gone before it is accepted concerns nobody.
	const ignore = (): void => undefined;
	server.on("error", ignore);
	const handles = findStreamHandles();
	if (handles === undefined) return;
	acceptHandles(
		server,
		true,
		(handle) => accept(new HandleSocket(handles, handle, { allowHalfOpen: true, highWaterMark })),
		ignore,
	);
}
