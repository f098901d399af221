import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { type Clock, describeError, MeshError, type Timer } from "../../core/index.ts";
import { matchString, type StringMatcher } from "../../engine/matcher/index.ts";
import { descriptorOf, listenAtAddress } from "../../os/index.ts";
import type { AccessLog } from "../../telemetry/index.ts";
import {
	createDownstreamHttpStats,
	createListenerConnectionStats,
	createListenerHttpStats,
	createListenerWorkerStats,
	type DownstreamHttpStats,
	type ListenerHttpStats,
} from "../stats/index.ts";
import { AdminConnection } from "./admin-connection.ts";
import type { AdminExchange, AdminMessage } from "./admin-exchange.ts";
import { createAdminLog } from "./admin-log.ts";
import type { AdminAddress, AdminState } from "./admin-state.ts";
import { createCommands, helpText } from "./commands.ts";
import { countConnection, describeBadRequest } from "./connections.ts";
import { refuseRequest, sendRefusal } from "./refuse-request.ts";
import { type AdminResponse, readAdminRequest, text } from "./request.ts";

/** Options of {@link createAdmin}. */
export interface AdminOptions {
	readonly state: AdminState;
	readonly clock: Clock;
	/** Where to listen; port 0 takes a free one. */
	readonly address: AdminAddress;
	/** A socket that listens there already, taken over from another process. */
	readonly descriptor?: number;
	/** How often histogram intervals end; 5 000 by default (stats_flush_interval). Infinite: behind each request for statistics. */
	readonly flushIntervalMs?: number;
	/** Where requests are logged; nowhere by default. */
	readonly accessLogs?: readonly AccessLog[];
	/** Paths with their queries that are answered; all by default. */
	readonly allowedPaths?: readonly StringMatcher[] | undefined;
	/** Brings gauges that nobody keeps (uptime, memory) up to date before statistics are shown. */
	readonly refresh?: () => void | Promise<void>;
}

/** The admin port. */
export interface Admin {
	/** Resolves once it listens. @throws MeshError ADMIN_ADDRESS_UNAVAILABLE */
	start(): Promise<AdminAddress>;
	/** The descriptor of its socket. */
	readonly descriptor: number | undefined;
	close(): Promise<void>;
}

/** Creates the admin port; it does not listen yet. */
export function createAdmin(options: AdminOptions): Admin {
	const { state, clock, address } = options;
	const commands = createCommands(state, { wall: () => clock.wall(), clock, memory: () => process.memoryUsage() });
	const flushIntervalMs = options.flushIntervalMs ?? 5_000;
	const scope = state.registry.scope("http.admin");
	const downstream = createDownstreamHttpStats(scope);
	const perListener = createListenerHttpStats(state.registry.scope("listener.admin.http.admin"));
	const listenerScope = state.registry.scope("listener.admin");
	const listener = createListenerConnectionStats(listenerScope);
	const thread = createListenerWorkerStats(listenerScope.scope("main_thread"));
	const log = createAdminLog(options.accessLogs ?? [], clock);
	let timer: Timer | undefined;

	const answer = async (message: AdminMessage): Promise<AdminResponse> => {
		const { allowedPaths } = options;
		const { target } = message;
		if (allowedPaths !== undefined && !allowedPaths.some((matcher) => matchString(matcher, target))) {
			return text(`request to path ${target} not allowed`, 403);
		}
		const request = readAdminRequest(message);
		if (request === undefined) return text("form too large\n", 413);
		const command = commands.get(request.path);
		if (command === undefined || command.isThere?.() === false) return text(`invalid path. ${helpText(commands)}`, 404);
		if (command.mutates && request.method !== "POST") {
			return text(`Method ${request.method} not allowed, POST required.`, 405);
		}
		if (readsCounts.test(request.path)) await options.refresh?.();
		const result = command.run(request);
		if (flushIntervalMs === Number.POSITIVE_INFINITY && request.path.startsWith("/stats")) {
			setImmediate(() => state.registry.flushHistograms());
		}
		return result;
	};
	const handle = async (exchange: AdminExchange): Promise<void> => {
		const startedAt = clock.now();
		const writeLog = log.begin(exchange);
		downstream.downstream_rq_total.value++;
		downstream.downstream_rq_http1_total.value++;
		downstream.downstream_rq_active.value++;
		let result: AdminResponse;
		let sentBytes: number;
		const refusal = refuseRequest(exchange.request);
		if (refusal === undefined) {
			try {
				result = await answer(exchange.request);
			} catch (error) {
				state.log.error("admin request failed", { path: exchange.request.target, error: describeError(error) });
				result = text(`${describeError(error)}\n`, 500);
			}
			sentBytes = await send(exchange, result, clock);
		} else {
			result = text(refusal.body, refusal.status);
			sentBytes = refusal.body.length;
			sendRefusal(exchange, refusal, new Date(clock.wall()));
		}
		writeLog(result, sentBytes);
		downstream.downstream_rq_active.value--;
		downstream.downstream_rq_time.record(clock.now() - startedAt);
		countResponse(downstream, perListener, result.status);
	};
	const sockets = new Set<Socket>();
	const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
		sockets.add(socket);
		socket.once("close", () => sockets.delete(socket));
		countConnection(socket, { http: downstream, listener, thread }, clock);
		new AdminConnection(socket, {
			onExchange: (exchange) => void handle(exchange),
			describeFault: () => describeBadRequest(new Date(clock.wall())),
		});
	});
	const scheduleFlush = (): void => {
		if (flushIntervalMs === Number.POSITIVE_INFINITY) return;
		timer = clock.setTimer(
			flushIntervalMs,
			() => {
				state.registry.flushHistograms();
				scheduleFlush();
			},
			{ unref: true },
		);
	};
	return {
		async start() {
			await listen(server, address, options.descriptor);
			scheduleFlush();
			if (address.kind === "pipe") return address;
			const bound = server.address() as AddressInfo;
			return { kind: "socket", address: bound.address, port: bound.port };
		},
		get descriptor() {
			return descriptorOf(server);
		},
		async close() {
			timer?.cancel();
			if (!server.listening) return;
			await new Promise<void>((resolve) => {
				server.close(() => resolve());
				for (const socket of sockets) socket.destroy();
			});
		},
	};
}

function listen(server: Server, address: AdminAddress, descriptor: number | undefined): Promise<void> {
	return new Promise((resolve, reject) => {
		const fail = (error: Error): void => {
			const where = address.kind === "pipe" ? address.path : `${address.address}:${address.port}`;
			reject(
				new MeshError("ADMIN_ADDRESS_UNAVAILABLE", `admin port ${where}: ${describeError(error)}`, { cause: error }),
			);
		};
		server.once("error", fail);
		const ready = (): void => {
			server.off("error", fail);
			resolve();
		};
		server.once("listening", ready);
		if (descriptor !== undefined) server.listen({ fd: descriptor });
		else if (address.kind === "pipe") server.listen(address.path);
		else listenAtAddress(server, { ip: address.address, port: address.port });
	});
}

/** Paths that show what is counted. */
const readsCounts = /^\/(stats|clusters)/;

/** Longest that one turn of the event loop works on an answer: traffic goes first. */
const sliceMs = 2;

/** Sends header names and values as Envoy does. @returns how many bytes the body had */
async function send(exchange: AdminExchange, result: AdminResponse, clock: Clock): Promise<number> {
	exchange.begin(result.status, [
		...(result.headers ?? []).flat(),
		...["content-type", result.contentType],
		...["cache-control", "no-cache, max-age=0"],
		...["x-content-type-options", "nosniff"],
		...["date", new Date(clock.wall()).toUTCString()],
		...["server", "envoy"],
	]);
	if (result.stream !== undefined) return await sendStream(exchange, result.stream);
	if (typeof result.body === "string") {
		exchange.end(result.body);
		return Buffer.byteLength(result.body);
	}
	let sentBytes = 0;
	let kept = "";
	let sliceEnd = clock.now() + sliceMs;
	for (const piece of result.body) {
		kept += piece;
		sentBytes += Buffer.byteLength(piece);
		if (clock.now() < sliceEnd) continue;
		if (kept !== "" && !exchange.write(kept)) await exchange.drained();
		else await new Promise((resolve) => setImmediate(resolve));
		if (exchange.isOver) return sentBytes;
		kept = "";
		sliceEnd = clock.now() + sliceMs;
	}
	exchange.end(kept);
	return sentBytes;
}

/** What a slow reader of a stream may leave waiting. */
const maxWaitingBytes = 8 * 1024 * 1024;

/** Sends what comes until it ends, or the reader is gone. */
function sendStream(exchange: AdminExchange, start: NonNullable<AdminResponse["stream"]>): Promise<number> {
	const { socket } = exchange;
	exchange.endsWithClient = true;
	exchange.flush();
	return new Promise((resolve) => {
		let sentBytes = 0;
		const over = (): void => {
			socket.off("close", over);
			stop();
			resolve(sentBytes);
		};
		const stop = start({
			write(piece) {
				if (exchange.isOver || socket.writableLength > maxWaitingBytes) return;
				sentBytes += typeof piece === "string" ? Buffer.byteLength(piece) : piece.length;
				exchange.write(piece);
			},
			end() {
				if (exchange.isOver) return;
				exchange.end("");
				setImmediate(over);
			},
		});
		socket.once("close", over);
	});
}

function countResponse(downstream: DownstreamHttpStats, perListener: ListenerHttpStats, status: number): void {
	for (const stats of [downstream, perListener]) {
		stats.downstream_rq_completed.value++;
		if (status < 300) stats.downstream_rq_2xx.value++;
		else if (status < 500) stats.downstream_rq_4xx.value++;
		else stats.downstream_rq_5xx.value++;
	}
}
