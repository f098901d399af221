import { type Log, type LogLevel, logLevels } from "../../core/index.ts";
import { type AdminRequest, type AdminResponse, text } from "./request.ts";

/** Envoy's loggers, so that scripts made for it go on working. */
const loggerNames =
	"a2a admin ai_protocol_manager alternate_protocols_cache aws assert backtrace basic_auth cache_filter client config connection conn_handler compression credential_injector decompression dns dubbo envoy_bug ext_authz ext_proc rocketmq file filter forward_proxy geolocation grpc happy_eyeballs hc health_checker http http2 hystrix init io jwt json_rpc kafka key_value_store lua local_rate_limit main matcher mcp misc mongo multi_connection notification oauth2 quic quic_stream pool rate_limit_quota rbac rds redis router runtime stats secret sse tap testing thrift tracing upstream udp wasm websocket golang stats_sinks dynamic_modules ip_tagging".split(
		" ",
	);

const levelNames = ["trace", "debug", "info", "warning", "error", "critical", "off"] as const;
type LevelName = (typeof levelNames)[number];

/** What is wrong with `name:level,name:level`, as `--component-log-level` takes it. */
export function findLevelProblem(levels: string): string | undefined {
	for (const part of levels.split(",")) {
		const [name = "", level = ""] = part.split(":");
		if (!loggerNames.includes(name)) return `invalid component specified '${name}'`;
		if (level !== "warn" && !levelNames.some((known) => known === level))
			return `invalid log level specified '${level}'`;
	}
	return undefined;
}

const usage =
	"\nusage: /logging?<name>=<level> (change single level)\n" +
	"usage: /logging?paths=name1:level1,name2:level2,... (change multiple levels)\n" +
	"usage: /logging?level=<level> (change all levels)\n" +
	"usage: /logging?group=<group_name>:<level> (change group of loggers)\n" +
	"levels: trace debug info warning error critical off \n";

/** `POST /logging`: shows and changes levels. The process has one log; it writes what the most talkative logger would. */
export function createLoggingCommand(log: Log): (request: AdminRequest) => AdminResponse {
	const levels = new Map<string, LevelName>();
	const list = (): string => {
		const lines = loggerNames.map((name) => `  ${name}: ${levels.get(name) ?? nameOf(log.level)}\n`);
		return `active loggers:\n${lines.join("")}\n`;
	};
	const apply = (changes: readonly (readonly [name: string, level: LevelName])[]): void => {
		if (levels.size === 0) for (const name of loggerNames) levels.set(name, nameOf(log.level));
		for (const [name, level] of changes) levels.set(name, level);
		const ranks = [...levels.values()].map((level) => levelNames.indexOf(level));
		log.setLevel(ownLevel(levelNames[Math.min(...ranks)]!));
	};
	const change = ({ query }: AdminRequest): string | undefined => {
		const [parameter, ...others] = [...query];
		if (parameter === undefined) return undefined;
		if (others.length > 0) return "invalid number of parameters";
		const [name, value] = parameter;
		if (value === "") return undefined;
		if (name === "group") return "group parameter requires fine-grain logging to be enabled";
		if (name === "level") {
			const level = readLevel(value);
			if (level === undefined) return "unknown logger level";
			apply(loggerNames.map((logger) => [logger, level]));
			return undefined;
		}
		return changeLoggers(name === "paths" ? value.split(",").map(splitPair) : [[name, value]]);
	};
	const changeLoggers = (pairs: readonly (readonly [name: string, level: string])[]): string | undefined => {
		if (pairs.some(([name, level]) => name === "" || level === "")) return "empty logger name or empty logger level";
		const changes: [string, LevelName][] = [];
		for (const [name, levelName] of pairs) {
			const level = readLevel(levelName);
			if (level === undefined) return "unknown logger level";
			if (!loggerNames.includes(name)) return "unknown logger name";
			changes.push([name, level]);
		}
		apply(changes);
		return undefined;
	};
	return (request) => {
		const problem = change(request);
		return problem === undefined ? text(list()) : text(`error: ${problem}\n${usage}${list()}`, 400);
	};
}

function splitPair(text: string): [string, string] {
	const colon = text.indexOf(":");
	return colon === -1 ? [text, ""] : [text.slice(0, colon), text.slice(colon + 1)];
}

function readLevel(name: string): LevelName | undefined {
	return levelNames.find((level) => level === name);
}

function nameOf(level: LogLevel): LevelName {
	return level === "warn" ? "warning" : level;
}

function ownLevel(name: LevelName): LogLevel {
	const own = name === "warning" ? "warn" : name === "critical" ? "error" : name;
	return logLevels.find((level) => level === own) ?? "info";
}
