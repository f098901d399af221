import type { Clock } from "./clock.ts";
import { systemClock } from "./clock.ts";

/** Severities in rising order. */
export const logLevels = ["trace", "debug", "info", "warn", "error", "off"] as const;
export type LogLevel = (typeof logLevels)[number];

export type LogFields = Readonly<Record<string, unknown>>;

/** A structured log: one event a line. `scope` names the room, e.g. `xds/server`. */
export interface Log {
	readonly level: LogLevel;
	trace(event: string, fields?: LogFields): void;
	debug(event: string, fields?: LogFields): void;
	info(event: string, fields?: LogFields): void;
	warn(event: string, fields?: LogFields): void;
	error(event: string, fields?: LogFields): void;
	/** Whether a line of this level would be written: ask before building costly fields. */
	isEnabled(level: LogLevel): boolean;
	/** A log of the same sink for a narrower scope. */
	child(scope: string, fields?: LogFields): Log;
	/** Changes the level of this log and of every child of the same root. */
	setLevel(level: LogLevel): void;
}

/** Options of a root log. */
export interface LogOptions {
	/** Lowest level written; `info` by default. */
	readonly level?: LogLevel;
	/** `pretty` for a terminal, `json` for machines; `json` by default. */
	readonly format?: "pretty" | "json";
	/** Whether pretty lines are coloured; true by default. */
	readonly colour?: boolean;
	/** Where lines go, newline included. */
	readonly write: (line: string) => void;
	readonly clock?: Clock;
}

const colours: Record<LogLevel, string> = {
	trace: "\x1b[90m",
	debug: "\x1b[90m",
	info: "\x1b[36m",
	warn: "\x1b[33m",
	error: "\x1b[31m",
	off: "",
};

/** Creates the root of a process's log. */
export function createLog(options: LogOptions): Log {
	const root = { level: options.level ?? "info" };
	const clock = options.clock ?? systemClock;
	const format = options.format !== "pretty" ? formatJson : options.colour === false ? formatPlain : formatPretty;
	return createChild(root, "", {}, (level, scope, event, fields) =>
		options.write(format(new Date(clock.wall()), level, scope, event, fields)),
	);
}

/** A log that writes nothing, for tests and libraries. */
export const silentLog: Log = createLog({ level: "off", write: () => undefined });

type Sink = (level: LogLevel, scope: string, event: string, fields: LogFields) => void;

function createChild(root: { level: LogLevel }, scope: string, fixed: LogFields, sink: Sink): Log {
	const isEnabled = (level: LogLevel): boolean => logLevels.indexOf(level) >= logLevels.indexOf(root.level);
	const emit = (level: LogLevel) => (event: string, fields?: LogFields) => {
		if (isEnabled(level)) sink(level, scope, event, fields === undefined ? fixed : { ...fixed, ...fields });
	};
	return {
		get level() {
			return root.level;
		},
		trace: emit("trace"),
		debug: emit("debug"),
		info: emit("info"),
		warn: emit("warn"),
		error: emit("error"),
		isEnabled,
		child: (name, fields) => createChild(root, scope === "" ? name : `${scope}/${name}`, { ...fixed, ...fields }, sink),
		setLevel(level) {
			root.level = level;
		},
	};
}

function formatJson(time: Date, level: LogLevel, scope: string, event: string, fields: LogFields): string {
	return `${JSON.stringify({ time: time.toISOString(), level, scope, event, ...fields })}\n`;
}

function formatPlain(time: Date, level: LogLevel, scope: string, event: string, fields: LogFields): string {
	return formatPretty(time, level, scope, event, fields).replace(/\x1b\[\d+m/g, "");
}

function formatPretty(time: Date, level: LogLevel, scope: string, event: string, fields: LogFields): string {
	const clockTime = time.toISOString().slice(11, 23);
	const tail = Object.entries(fields)
		.map(([key, value]) => ` \x1b[90m${key}=\x1b[0m${typeof value === "string" ? value : JSON.stringify(value)}`)
		.join("");
	return `\x1b[90m${clockTime}\x1b[0m ${colours[level]}${level.padEnd(5)}\x1b[0m ${scope === "" ? "" : `${scope}: `}${event}${tail}\n`;
}
