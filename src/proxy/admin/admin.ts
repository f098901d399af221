import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
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
import { createAdminLog } from "./admin-log.ts";
import type { AdminAddress, AdminState } from "./admin-state.ts";
import { createCommands, helpText } from "./commands.ts";
import { trackConnections } from "./connections.ts";
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

	const answer = async (message: IncomingMessage): Promise<AdminResponse> => {
		const { allowedPaths } = options;
		const target = message.url ?? "/";
		if (allowedPaths !== undefined && !allowedPaths.some((matcher) => matchString(matcher, target))) {
			return text(`request to path ${target} not allowed`, 403);
		}
		const request = await readAdminRequest(message);
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
	const handle = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
		const startedAt = clock.now();
		const writeLog = log.begin(message);
		downstream.downstream_rq_total.value++;
		downstream.downstream_rq_http1_total.value++;
		downstream.downstream_rq_active.value++;
		let result: AdminResponse;
		let sentBytes: number;
		const refusal = refuseRequest(message);
		if (refusal === undefined) {
			try {
				result = await answer(message);
			} catch (error) {
				state.log.error("admin request failed", { path: message.url, error: describeError(error) });
				result = text(`${describeError(error)}\n`, 500);
			}
			sentBytes = await send(response, result, clock);
		} else {
			result = text(refusal.body, refusal.status);
			sentBytes = refusal.body.length;
			message.resume();
			sendRefusal(response, refusal);
		}
		writeLog(result, sentBytes);
		downstream.downstream_rq_active.value--;
		downstream.downstream_rq_time.record(clock.now() - startedAt);
		countResponse(downstream, perListener, result.status);
	};
	const server = createServer({ requireHostHeader: false }, (message, response) => void handle(message, response));
	trackConnections(server, { http: downstream, listener, thread }, clock);
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
				server.closeAllConnections();
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
async function send(response: ServerResponse, result: AdminResponse, clock: Clock): Promise<number> {
	// Node says what HTTP/1.1 means anyway; Envoy does not.
	response.removeHeader("connection");
	const headers = [
		...(result.headers ?? []),
		["content-type", result.contentType] as const,
		["cache-control", "no-cache, max-age=0"] as const,
		["x-content-type-options", "nosniff"] as const,
		["server", "envoy"] as const,
		["transfer-encoding", "chunked"] as const,
		...(response.shouldKeepAlive ? [] : [["connection", "close"] as const]),
	];
	response.writeHead(result.status, headers.flat());
	if (result.stream !== undefined) return await sendStream(response, result.stream);
	if (typeof result.body === "string") {
		response.end(result.body);
		return Buffer.byteLength(result.body);
	}
	let sentBytes = 0;
	let kept = "";
	let sliceEnd = clock.now() + sliceMs;
	for (const piece of result.body) {
		kept += piece;
		sentBytes += Buffer.byteLength(piece);
		if (clock.now() < sliceEnd) continue;
		if (kept !== "" && !response.write(kept)) await drained(response);
		else await new Promise((resolve) => setImmediate(resolve));
		if (response.destroyed) return sentBytes;
		kept = "";
		sliceEnd = clock.now() + sliceMs;
	}
	response.end(kept);
	return sentBytes;
}

/** What a slow reader of a stream may leave waiting. */
const maxWaitingBytes = 8 * 1024 * 1024;

/** Sends what comes until it ends, or the reader is gone. */
function sendStream(response: ServerResponse, start: NonNullable<AdminResponse["stream"]>): Promise<number> {
	response.flushHeaders();
	return new Promise((resolve) => {
		let sentBytes = 0;
		const stop = start({
			write(piece) {
				if (response.writableEnded || response.writableLength > maxWaitingBytes) return;
				sentBytes += Buffer.byteLength(piece);
				response.write(piece);
			},
			end: () => void response.end(),
		});
		response.once("close", () => {
			stop();
			resolve(sentBytes);
		});
	});
}

/** Waits until a slow reader has read on, or is gone. */
function drained(response: ServerResponse): Promise<void> {
	return new Promise((resolve) => {
		const done = (): void => {
			response.off("drain", done);
			response.off("close", done);
			resolve();
		};
		response.once("drain", done);
		response.once("close", done);
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
