import { spawn } from "node:child_process";
import { connect } from "node:net";
import type { Readable, Writable } from "node:stream";
import {
	type BackoffConfig,
	type Clock,
	createBackoff,
	describeError,
	type Log,
	MeshError,
	type Random,
	type Timer,
} from "../../core/index.ts";
import { maxLineBytes, type PluginAnswer, type PluginMethod, parseAnswer } from "./protocol.ts";
import { readLines } from "./read-lines.ts";

/** Where a key plugin is: a program that speaks on its standard input and output, or a unix socket of one that runs already. */
export type KeyPluginPlace =
	| { readonly kind: "command"; readonly program: string; readonly args: readonly string[] }
	| { readonly kind: "socket"; readonly path: string };

export interface PluginConnectionOptions {
	readonly place: KeyPluginPlace;
	readonly clock: Clock;
	readonly random: Random;
	readonly log: Log;
	/** Longest time of an answer; a plugin that takes longer is ended. 10 s by default. */
	readonly timeoutMs?: number;
}

/** Asks a key plugin, and starts it again when it has ended. While it is away requests fail at once, so that whoever comes meanwhile neither
 *  waits nor hammers it. */
export interface PluginConnection {
	/** @throws MeshError `KEY_PLUGIN_UNAVAILABLE`, `KEY_PLUGIN_REFUSED` */
	request(method: PluginMethod, fields?: Readonly<Record<string, string>>): Promise<Readonly<Record<string, unknown>>>;
	close(): void;
}

interface Call {
	resolve(result: Readonly<Record<string, unknown>>): void;
	reject(error: MeshError): void;
	readonly timer: Timer;
}

/** A plugin that runs. */
interface Session {
	readonly output: Writable;
	readonly calls: Map<number, Call>;
	end(): void;
}

const defaultTimeoutMs = 10_000;
/** Devices sign one after the other; more than these would only wait. */
const maxCalls = 256;
const retry: BackoffConfig = { baseMs: 500, maxMs: 30_000 };
/** The floor keeps full jitter from starting programs one after the other. */
const minRetryMs = 250;
const maxQuotedLetters = 300;

export function createPluginConnection(options: PluginConnectionOptions): PluginConnection {
	const { place, clock, random } = options;
	const log = options.log.child("key-plugin");
	const name = place.kind === "command" ? place.program : place.path;
	let session: Session | undefined;
	let away: { readonly until: number; readonly reason: string } | undefined;
	const backoff = createBackoff(retry, random, minRetryMs);
	let count = 0;
	let isClosed = false;

	function onLost(lost: Session, reason: string): void {
		if (session !== lost) return;
		session = undefined;
		const delayMs = backoff.next();
		away = { until: clock.now() + delayMs, reason };
		lost.end();
		if (!isClosed) log.error("key plugin is away", { plugin: name, problem: reason, retryInMs: delayMs });
		for (const call of lost.calls.values()) {
			call.timer.cancel();
			call.reject(unavailable(name, reason));
		}
		lost.calls.clear();
	}

	function onAnswer(current: Session, line: string): void {
		const answer = parseAnswer(line);
		if (answer === undefined) {
			onLost(current, `it said '${line.slice(0, 80)}', which is no answer`);
			return;
		}
		const call = current.calls.get(answer.id);
		// Whoever asked has given up.
		if (call === undefined) return;
		current.calls.delete(answer.id);
		call.timer.cancel();
		settle(call, answer);
	}

	function settle(call: Call, answer: PluginAnswer): void {
		if ("error" in answer) {
			const { code, message } = answer.error;
			const words = message.slice(0, maxQuotedLetters);
			call.reject(code === "unavailable" ? unavailable(name, words) : refused(name, words));
			return;
		}
		if (away !== undefined) log.info("key plugin is back", { plugin: name });
		away = undefined;
		backoff.reset();
		call.resolve(answer.result);
	}

	function open(): Session {
		const begin = place.kind === "command" ? startProgram : openSocket;
		const opened: Session = begin(place as never, {
			onLine: (line) => onAnswer(opened, line),
			onWords: (line) => log.warn("key plugin says", { plugin: name, line: line.slice(0, maxQuotedLetters) }),
			onEnd: (reason) => onLost(opened, reason),
		});
		return opened;
	}

	return {
		request(method, fields = {}) {
			if (isClosed) return Promise.reject(unavailable(name, "it is closed"));
			if (session === undefined && away !== undefined && clock.now() < away.until)
				return Promise.reject(unavailable(name, away.reason));
			session ??= open();
			const current = session;
			if (current.calls.size >= maxCalls)
				return Promise.reject(unavailable(name, `${maxCalls} requests wait for it already`));
			const { promise, resolve, reject } = Promise.withResolvers<Readonly<Record<string, unknown>>>();
			const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
			const timer = clock.setTimer(timeoutMs, () => onLost(current, `no answer within ${timeoutMs} ms`), {
				unref: true,
			});
			const id = ++count;
			current.calls.set(id, { resolve, reject, timer });
			current.output.write(`${JSON.stringify({ id, method, ...fields })}\n`);
			return promise;
		},
		close() {
			isClosed = true;
			if (session !== undefined) onLost(session, "it is closed");
		},
	};
}

interface SessionEvents {
	onLine(line: string): void;
	/** What a program says on its standard error. */
	onWords(line: string): void;
	onEnd(reason: string): void;
}

function startProgram({ program, args }: Extract<KeyPluginPlace, { kind: "command" }>, events: SessionEvents): Session {
	const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
	let said = "";
	child.on("error", (error: NodeJS.ErrnoException) =>
		events.onEnd(error.code === "ENOENT" ? "there is no such program" : describeError(error)),
	);
	child.on("close", (code, signal) =>
		events.onEnd(`it ended with ${signal ?? `code ${code}`}${said === "" ? "" : `: ${said}`}`),
	);
	readLines(
		child.stderr,
		maxLineBytes,
		(line) => {
			said = line.trim().slice(0, maxQuotedLetters);
			events.onWords(line);
		},
		() => undefined,
	);
	return createSession(child.stdin, child.stdout, events, () => {
		child.stdin.end();
		// One that hangs does not read its input either.
		child.kill("SIGKILL");
	});
}

function openSocket({ path }: Extract<KeyPluginPlace, { kind: "socket" }>, events: SessionEvents): Session {
	const socket = connect(path);
	socket.on("error", (error) => events.onEnd(describeError(error)));
	socket.on("close", () => events.onEnd("it closed the connection"));
	return createSession(socket, socket, events, () => socket.destroy());
}

function createSession(output: Writable, input: Readable, events: SessionEvents, end: () => void): Session {
	output.on("error", (error) => events.onEnd(describeError(error)));
	readLines(input, maxLineBytes, events.onLine, () =>
		events.onEnd(`it said a line of more than ${maxLineBytes} bytes`),
	);
	return { output, calls: new Map(), end };
}

function unavailable(name: string, reason: string): MeshError {
	return new MeshError(
		"KEY_PLUGIN_UNAVAILABLE",
		`key plugin ${name} is away (${reason}): certificates that were signed are good still; it is asked again by itself`,
	);
}

function refused(name: string, reason: string): MeshError {
	return new MeshError("KEY_PLUGIN_REFUSED", `key plugin ${name}: ${reason}`);
}
