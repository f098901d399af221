import type { Clock } from "../../core/index.ts";
import type { AdminState } from "./admin-state.ts";
import { describeCertificates } from "./certs-command.ts";
import { describeClusters } from "./clusters-command.ts";
import { dumpConfig } from "./config-dump-command.ts";
import { describeFailedRequests } from "./failed-requests-command.ts";
import { createHomePage } from "./home-page.ts";
import { createLoggingCommand } from "./logging-command.ts";
import { switchAllocationProfiler, switchCpuProfiler, unavailable } from "./profiler-commands.ts";
import { type AdminRequest, type AdminResponse, json, text } from "./request.ts";
import {
	describeListeners,
	describeMemory,
	describeReadiness,
	describeRuntime,
	describeServer,
	drainListeners,
	modifyRuntime,
} from "./server-commands.ts";
import { createRecentLookups, createStatsCommands } from "./stats-commands.ts";
import { createTapCommand } from "./tap-command.ts";

/** A query parameter of a command. */
export interface AdminParameter {
	readonly name: string;
	readonly help: string;
	/** What it may be; undefined when it is free text, empty when its presence is what counts. */
	readonly choices?: readonly string[];
}

/** One path of the admin port. */
export interface AdminCommand {
	readonly path: string;
	readonly help: string;
	/** Whether it changes something: then POST is required. */
	readonly mutates: boolean;
	readonly parameters: readonly AdminParameter[];
	/** Whether it is there at the moment; always by default. */
	readonly isThere?: () => boolean;
	/** amime's own: scripts compare the list of commands with Envoy's, so it is left out there. */
	readonly isUnlisted?: boolean;
	run(request: AdminRequest): AdminResponse;
}

/** Options of {@link createCommands}. */
export interface CommandDeps {
	/** Milliseconds since the Unix epoch. */
	readonly wall: () => number;
	readonly clock: Clock;
	readonly memory: () => { heapUsed: number; heapTotal: number; rss: number };
}

const yesOrNo = ["y", "n"];
const levels = ["", "trace", "debug", "info", "warning", "error", "critical", "off"];

const statsFilters: readonly AdminParameter[] = [
	{ name: "filter", help: "Regular expression (Google re2) for filtering stats" },
	{ name: "invert_filter", help: "Invert the filter regex", choices: [] },
];
const usedOnly: AdminParameter = {
	name: "usedonly",
	help: "Only include stats that have been written by system since restart",
	choices: [],
};

/** Every command by its path, in the order of `/help`. The words are Envoy's where the meaning is. */
export function createCommands(state: AdminState, deps: CommandDeps): ReadonlyMap<string, AdminCommand> {
	const stats = createStatsCommands(state);
	const lookups = createRecentLookups();
	const tap = createTapCommand(state, deps.clock);
	const changeLogging = createLoggingCommand(state.log);
	type Run = AdminCommand["run"];
	const get = (path: string, help: string, run: Run, parameters: readonly AdminParameter[] = []): AdminCommand => ({
		path,
		help,
		mutates: false,
		parameters,
		run,
	});
	const post = (path: string, help: string, run: Run, parameters: readonly AdminParameter[] = []): AdminCommand => ({
		...get(path, help, run, parameters),
		mutates: true,
	});
	const done = (action: () => void): AdminResponse => {
		action();
		return text("OK\n");
	};
	const commands: AdminCommand[] = [
		get("/", "Admin home page", () => createHomePage(byPath)),
		post(
			"/allocprofiler",
			"enable/disable the allocation profiler (if supported)",
			(request) => switchAllocationProfiler(request),
			[{ name: "enable", help: "enable/disable the allocation profiler", choices: yesOrNo }],
		),
		get("/certs", "print certs on machine", () => describeCertificates(state, deps.wall())),
		get("/clusters", "upstream cluster status", (request) => describeClusters(state, request), [
			{ name: "filter", help: "Regular expression (Google re2) for filtering clusters by name" },
		]),
		get("/config_dump", "dump current Envoy configs", (request) => dumpConfig(state, request), [
			{ name: "resource", help: "The resource to dump" },
			{
				name: "mask",
				help: "The mask to apply. When both resource and mask are specified, the mask is applied to every element in the desired repeated field so that only a subset of fields are returned. The mask is parsed as a Protobuf::FieldMask",
			},
			{
				name: "name_regex",
				help: "Dump only the currently loaded configurations whose names match the specified regex. Can be used with both resource and mask query parameters.",
			},
			{
				name: "include_eds",
				help: "Dump currently loaded configuration including EDS. See the response definition for more information",
				choices: [],
			},
		]),
		get("/contention", "dump current Envoy mutex contention stats (if enabled)", () =>
			text("Mutex contention tracing is not enabled. To enable, run Envoy with flag --enable-mutex-tracing."),
		),
		post("/cpuprofiler", "enable/disable the CPU profiler", (request) => switchCpuProfiler(request), [
			{ name: "enable", help: "enables the CPU profiler", choices: yesOrNo },
		]),
		post("/drain_listeners", "drain listeners", (request) => drainListeners(state, request), [
			{
				name: "graceful",
				help: "When draining listeners, enter a graceful drain period prior to closing listeners. This behaviour and duration is configurable via server options or CLI",
				choices: [],
			},
			{
				name: "skip_exit",
				help: "When draining listeners, drain the connections but never stop the listeners. The graceful parameter has no effect when this is set, since the drain period only delays stopping the listeners",
				choices: [],
			},
			{
				name: "inboundonly",
				help: "Drains all inbound listeners. traffic_direction field in envoy_v3_api_msg_config.listener.v3.Listener is used to determine whether a listener is inbound or outbound.",
				choices: [],
			},
		]),
		post("/healthcheck/fail", "cause the server to fail health checks", () =>
			done(() => state.setHealthCheckFailing(true)),
		),
		post("/healthcheck/ok", "cause the server to pass health checks", () =>
			done(() => state.setHealthCheckFailing(false)),
		),
		get("/heap_dump", "dump current Envoy heap (if supported)", () => unavailable("heap dump")),
		post("/heapprofiler", "enable/disable the heap profiler", () => unavailable("heap profiler"), [
			{ name: "enable", help: "enable/disable the heap profiler", choices: yesOrNo },
		]),
		get("/help", "print out list of admin commands", () => text(helpText(byPath))),
		get("/hot_restart_version", "print the hot restart compatibility version", () =>
			text(state.serverInfo().hotRestartVersion),
		),
		get("/init_dump", "dump current Envoy init manager information (experimental)", () => json({}), [
			{
				name: "mask",
				help: "The desired component to dump unready targets. The mask is parsed as a Protobuf::FieldMask. For example, get the unready targets of all listeners with /init_dump?mask=listener`",
			},
		]),
		get("/listeners", "print listener info", (request) => describeListeners(state, request), [
			{ name: "format", help: "File format to use", choices: ["text", "json"] },
		]),
		post("/logging", "query/change logging levels", changeLogging, [
			{
				name: "paths",
				help: "Change multiple logging levels by setting to <logger_name1>:<desired_level1>,<logger_name2>:<desired_level2>. If fine grain logging is enabled, use __FILE__ or a glob experision as the logger name. For example, source/common*:warning",
			},
			{
				name: "group",
				help: "Change given logger group to desired level, set to <logger_group_name>:<desired_level>. logger_group_name must be a logger name.",
			},
			{ name: "level", help: "desired logging level, this will change all loggers's level", choices: levels },
		]),
		get("/memory", "print current allocation/heap usage", () => describeMemory(deps.memory())),
		get("/memory/tcmalloc", "print TCMalloc stats", () => ({
			...unavailable("TCMalloc"),
			contentType: "text/plain",
		})),
		get("/peak_heap_dump", "dump peak Envoy heap (if supported)", () => unavailable("heap dump")),
		post("/quitquitquit", "exit the server", () => done(() => state.quit())),
		get("/ready", "print server state, return 200 if LIVE, otherwise return 503", () => describeReadiness(state)),
		post("/reopen_logs", "reopen access logs", () => done(() => state.reopenLogs())),
		post("/reset_counters", "reset all counters to zero", () => done(() => state.registry.resetCounters())),
		get("/runtime", "print runtime values", () => describeRuntime(state.runtime())),
		post(
			"/runtime_modify",
			"Adds or modifies runtime values as passed in query parameters. To delete a previously added key, use an empty string as the value. Note that deletion only applies to overrides added via this endpoint; values loaded from disk can be modified via override but not deleted. E.g. ?key1=value1&key2=value2...",
			(request) => modifyRuntime(state.runtime(), request),
		),
		get("/server_info", "print server version/status information", () => describeServer(state)),
		get("/stats", "print server stats", stats.stats, [
			usedOnly,
			...statsFilters,
			{ name: "format", help: "Format to use", choices: ["html", "active-html", "text", "json"] },
			{
				name: "type",
				help: "Stat types to include.",
				choices: ["All", "Counters", "Histograms", "Gauges", "TextReadouts"],
			},
			{
				name: "histogram_buckets",
				help: "Histogram bucket display mode",
				choices: ["cumulative", "disjoint", "detailed", "summary"],
			},
		]),
		get("/stats/prometheus", "print server stats in prometheus format", stats.prometheus, [
			usedOnly,
			{
				name: "text_readouts",
				help: "Render text_readouts as new gaugues with value 0 (increases Prometheus data size)",
				choices: [],
			},
			...statsFilters,
			{ name: "histogram_buckets", help: "Histogram bucket display mode", choices: ["cumulative", "summary"] },
		]),
		get("/stats/recentlookups", "Show recent stat-name lookups", () => text(lookups.describe())),
		post("/stats/recentlookups/clear", "clear list of stat-name lookups and counter", () => text("OK\n")),
		post("/stats/recentlookups/disable", "disable recording of reset stat-name lookup names", () =>
			done(() => lookups.enable(false)),
		),
		post("/stats/recentlookups/enable", "enable recording of reset stat-name lookup names", () =>
			done(() => lookups.enable(true)),
		),
		{
			...post("/tap", "tap filter control", (request) => tap(request)),
			isThere: () => state.taps.ids().size > 0,
		},
		{
			...get("/failed_requests", "print the last requests that failed, as lines of JSON, newest first", (request) =>
				describeFailedRequests(state, request),
			),
			isUnlisted: true,
		},
	];
	const byPath: ReadonlyMap<string, AdminCommand> = new Map(commands.map((command) => [command.path, command]));
	return byPath;
}

/** What `/help` and an unknown path answer. */
export function helpText(commands: ReadonlyMap<string, AdminCommand>): string {
	let help = "admin commands are:\n";
	for (const { path, help: what, isUnlisted, isThere, mutates, parameters } of commands.values()) {
		if (isUnlisted === true || isThere?.() === false) continue;
		help += `  ${path}${mutates ? " (POST)" : ""}: ${what}\n`;
		for (const { name, help: meaning, choices = [] } of parameters) {
			help += `      ${name}: ${meaning}${choices.length === 0 ? "" : `; One of (${choices.join(", ")})`}\n`;
		}
	}
	return help;
}
