import { type LogLevel, logLevels } from "../../core/index.ts";
import type { AdminRuntime, AdminState } from "./admin-state.ts";
import { addressJson, formatAddress } from "./clusters-command.ts";
import { type AdminRequest, type AdminResponse, json, text } from "./request.ts";

/** `/ready`: 200 only while the proxy serves. */
export function describeReadiness(state: AdminState): AdminResponse {
	const readiness = state.readiness();
	return text(`${readiness}\n`, readiness === "LIVE" ? 200 : 503);
}

/** `/server_info`. */
export function describeServer(state: AdminState): AdminResponse {
	const info = state.serverInfo();
	const uptime = `${Math.floor(info.uptimeSeconds)}s`;
	return json({
		version: info.version,
		state: state.readiness(),
		uptime_current_epoch: uptime,
		uptime_all_epochs: uptime,
		hot_restart_version: "disabled",
		command_line_options: {
			concurrency: info.concurrency,
			config_path: info.configPath,
			log_level: info.logLevel === "warn" ? "warning" : info.logLevel,
			service_cluster: info.serviceCluster,
			service_node: info.serviceNode,
			drain_time: `${info.drainTimeSeconds}s`,
			mode: "Serve",
			restart_epoch: info.restartEpoch,
		},
		node: nodeJson(state),
	});
}

function nodeJson(state: AdminState): Record<string, unknown> {
	const { node } = state.config.bootstrap;
	return {
		id: node?.id ?? "",
		cluster: node?.cluster ?? "",
		...(node?.metadata === undefined ? {} : { metadata: node.metadata }),
	};
}

/** `/listeners`: names and where they listen. */
export function describeListeners(state: AdminState, request: AdminRequest): AdminResponse {
	const listeners = state.listeners();
	if (request.query.get("format") !== "json") {
		return text(
			listeners.map(({ name, addresses }) => `${name}::${addresses.map(formatAddress).join(",")}\n`).join(""),
		);
	}
	return json({
		listener_statuses: listeners.map(({ name, addresses }) => {
			const [own, ...additional] = addresses.map(addressJson);
			return {
				name,
				...(own === undefined ? {} : { local_address: own }),
				...(additional.length === 0 ? {} : { additional_local_addresses: additional }),
			};
		}),
	});
}

/** `/memory`: what Node knows of it. */
export function describeMemory(memory: { heapUsed: number; heapTotal: number; rss: number }): AdminResponse {
	return json({
		allocated: String(memory.heapUsed),
		heap_size: String(memory.heapTotal),
		pageheap_unmapped: "0",
		pageheap_free: String(memory.heapTotal - memory.heapUsed),
		total_thread_cache: "0",
		total_physical_bytes: String(memory.rss),
	});
}

const loggingUsage =
	"\nusage: /logging?<name>=<level> (change single level)\n" +
	"usage: /logging?paths=name1:level1,name2:level2,... (change multiple levels)\n" +
	"usage: /logging?level=<level> (change all levels)\n" +
	"levels: trace debug info warning error critical off \n";

/** The log has one level for all its scopes; it goes by this name. */
const loggerName = "amime";

/** `POST /logging`: shows the level, and changes it. */
export function changeLogging(state: AdminState, request: AdminRequest): AdminResponse {
	const parameters = [...request.query];
	const fail = (problem: string): AdminResponse => text(`error: ${problem}\n${loggingUsage}${loggers(state)}`, 400);
	if (parameters.length > 1) return fail("invalid number of parameters");
	for (const [name, value] of parameters) {
		const changes = name === "paths" ? value.split(",").map((pair) => pair.split(":")) : [[name, value]];
		for (const [logger, levelName] of changes) {
			if (logger !== "level" && logger !== loggerName) return fail("unknown logger name");
			const level = readLevel(levelName ?? "");
			if (level === undefined) return fail("unknown logger level");
			if (level !== "") state.log.setLevel(level);
		}
	}
	return text(loggers(state));
}

function loggers(state: AdminState): string {
	const { level } = state.log;
	return `active loggers:\n  ${loggerName}: ${level === "warn" ? "warning" : level}\n\n`;
}

/** Envoy's names; empty changes nothing. */
function readLevel(name: string): LogLevel | "" | undefined {
	if (name === "") return "";
	const own = name === "warning" ? "warn" : name === "critical" ? "error" : name;
	return logLevels.find((level) => level === own);
}

/** `/runtime`: every key with its value in each layer, and the one that counts. */
export function describeRuntime(runtime: AdminRuntime): AdminResponse {
	const keys = [...new Set(runtime.layers.flatMap((layer) => [...layer.values.keys()]))].sort();
	return json({
		entries: Object.fromEntries(
			keys.map((key) => {
				const values = runtime.layers.map((layer) => layer.values.get(key) ?? "");
				return [key, { final_value: values.findLast((value) => value !== "") ?? "", layer_values: values }];
			}),
		),
		layers: runtime.layers.map((layer) => layer.name),
	});
}

/** `POST /runtime_modify?key=value`. */
export function modifyRuntime(runtime: AdminRuntime, request: AdminRequest): AdminResponse {
	if (request.query.size === 0) {
		return text(
			"usage: /runtime_modify?key1=value1&key2=value2&keyN=valueN\n" +
				"       or send the parameters as form values\n" +
				"use an empty value to remove a previously added override",
			400,
		);
	}
	if (runtime.modify === undefined) return text("No admin layer specified", 503);
	runtime.modify(new Map(request.query));
	return text("OK\n");
}

/** `POST /drain_listeners`. */
export function drainListeners(state: AdminState, request: AdminRequest): AdminResponse {
	state.drainListeners({
		graceful: request.query.has("graceful"),
		inboundOnly: request.query.has("inboundonly"),
		skipExit: request.query.has("skip_exit"),
	});
	return text("OK\n");
}
