import { closeSync, openSync, writeSync } from "node:fs";
import type { ProxyCommandOptions } from "../cli/index.ts";
import { createLog, describeError, type Log, type LogLevel, MeshError } from "../core/index.ts";
import { createProcessLog } from "./process.ts";

/** The log of a proxy, and the way to open its file anew after rotation. */
export interface ProxyLog {
	readonly log: Log;
	reopen(): void;
}

const logLevels: Readonly<Record<string, LogLevel>> = { warning: "warn", critical: "error" };

/** The log as the flags ask for it: by default that of every other command. */
export function createProxyLog(options: ProxyCommandOptions): ProxyLog {
	const level = logLevels[options.logLevel] ?? (options.logLevel as LogLevel);
	const { logFormat, logPath } = options;
	if (logFormat === undefined && logPath === undefined) {
		return { log: createProcessLog(level), reopen: () => undefined };
	}
	let descriptor = logPath === undefined ? 2 : openLog(logPath);
	const write = (line: string): void => void writeSync(descriptor, line);
	return {
		log: createLog({ level, write, ...(logFormat === undefined ? {} : { format: logFormat }) }),
		reopen() {
			if (logPath === undefined) return;
			const before = descriptor;
			descriptor = openLog(logPath);
			closeSync(before);
		},
	};
}

function openLog(path: string): number {
	try {
		return openSync(path, "a", 0o640);
	} catch (error) {
		throw new MeshError("LOG_UNWRITABLE", `cannot write the log ${path}: ${describeError(error)}`);
	}
}
