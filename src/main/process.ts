import { createLog, type Log, type LogLevel } from "../core/index.ts";

/** The log of this process, on standard error: for people on a terminal, JSON otherwise. */
export function createProcessLog(level: LogLevel): Log {
	return createLog({
		level,
		format: process.stderr.isTTY === true ? "pretty" : "json",
		write: (line) => process.stderr.write(line),
	});
}

/** Resolves with the first signal that asks this process to end. */
export function waitForSignal(): Promise<NodeJS.Signals> {
	const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
	for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, resolve);
	return promise;
}
