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
	/** `pretty` for a terminal, `json` for machines, else a pattern as Envoy's `--log-format` takes it; `json` by default. */
	readonly format?: string;
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
	const format = chooseFormat(options);
	return createChild(root, "", {}, (level, scope, event, fields) =>
		options.write(format(new Date(clock.wall()), level, scope, event, fields)),
	);
}

function chooseFormat({ colour, format }: LogOptions): typeof formatJson {
	if (format === "pretty") return colour === false ? formatPlain : formatPretty;
	return format === undefined || format === "json" ? formatJson : createPatternFormat(format);
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

const shortLevels: Record<LogLevel, string> = { trace: "T", debug: "D", info: "I", warn: "W", error: "E", off: "O" };

/** Patterns of Envoy's log lines (spdlog's): `%v` the message, `%l` `%L` the level, `%n` the scope, `%P` the process, and the time. */
function createPatternFormat(pattern: string): typeof formatJson {
	return (time, level, scope, event, fields) => {
		const pad = (value: number, width = 2): string => String(value).padStart(width, "0");
		const tail = Object.entries(fields)
			.map(([key, value]) => ` ${key}=${typeof value === "string" ? value : JSON.stringify(value)}`)
			.join("");
		const parts: Readonly<Record<string, () => string>> = {
			v: () => event + tail,
			_: () => JSON.stringify(event + tail).slice(1, -1),
			j: () => JSON.stringify(event + tail).slice(1, -1),
			l: () => (level === "warn" ? "warning" : level),
			L: () => shortLevels[level],
			n: () => scope,
			P: () => String(process.pid),
			t: () => String(process.pid),
			Y: () => String(time.getFullYear()),
			C: () => pad(time.getFullYear() % 100),
			m: () => pad(time.getMonth() + 1),
			d: () => pad(time.getDate()),
			H: () => pad(time.getHours()),
			M: () => pad(time.getMinutes()),
			S: () => pad(time.getSeconds()),
			e: () => pad(time.getMilliseconds(), 3),
			f: () => `${pad(time.getMilliseconds(), 3)}000`,
			F: () => `${pad(time.getMilliseconds(), 3)}000000`,
			E: () => String(Math.floor(time.getTime() / 1000)),
			T: () => `${pad(time.getHours())}:${pad(time.getMinutes())}:${pad(time.getSeconds())}`,
			D: () => `${pad(time.getMonth() + 1)}/${pad(time.getDate())}/${pad(time.getFullYear() % 100)}`,
			z: () => "+00:00",
			"%": () => "%",
		};
		return `${pattern.replace(/%(?:-?\d+)?([A-Za-z%_@^$])/g, (_match, key: string) => parts[key]?.() ?? "")}\n`;
	};
}
