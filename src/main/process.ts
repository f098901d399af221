import { createLog, type Log, type LogLevel } from "../core/index.ts";

/** The log of this process, on standard error: for people on a terminal, JSON otherwise. */
export function createProcessLog(level: LogLevel): Log {
	// A parent whose terminal shows what this process says asks for the form that people read.
	const isAsked = process.env["AMIME_LOG_FORMAT"] === "pretty";
	return createLog({
		level,
		format: isAsked || process.stderr.isTTY === true ? "pretty" : "json",
		colour: allowsColour() && (isAsked || process.stderr.isTTY === true),
		write: (line) => process.stderr.write(line),
	});
}

/** Whether the user has nothing against colours (https://no-color.org). */
export function allowsColour(): boolean {
	const value = process.env["NO_COLOR"];
	return value === undefined || value === "";
}

/** Resolves with the first signal that asks this process to end. */
export function waitForSignal(
	signals: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"],
): Promise<NodeJS.Signals> {
	const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
	for (const signal of signals) process.once(signal, resolve);
	return promise;
}
