import type { AdminState } from "./admin-state.ts";
import { describeCertificates } from "./certs-command.ts";
import { describeClusters } from "./clusters-command.ts";
import { dumpConfig } from "./config-dump-command.ts";
import { type AdminRequest, type AdminResponse, json, text } from "./request.ts";
import {
	changeLogging,
	describeListeners,
	describeMemory,
	describeReadiness,
	describeRuntime,
	describeServer,
	drainListeners,
	modifyRuntime,
} from "./server-commands.ts";
import { createStatsCommands } from "./stats-commands.ts";

/** One path of the admin port. */
export interface AdminCommand {
	readonly path: string;
	readonly help: string;
	/** Whether it changes something: then POST is required. */
	readonly mutates: boolean;
	/** Parameters with their meaning, for `/help`. */
	readonly parameters: readonly (readonly [name: string, meaning: string])[];
	run(request: AdminRequest): AdminResponse;
}

/** Options of {@link createCommands}. */
export interface CommandDeps {
	/** Milliseconds since the Unix epoch. */
	readonly wall: () => number;
	readonly memory: () => { heapUsed: number; heapTotal: number; rss: number };
}

/** Every command by its path, in the order of `/help`. */
export function createCommands(state: AdminState, deps: CommandDeps): ReadonlyMap<string, AdminCommand> {
	const stats = createStatsCommands(state);
	const get = (
		path: string,
		help: string,
		run: AdminCommand["run"],
		parameters: AdminCommand["parameters"] = [],
	): AdminCommand => ({
		path,
		help,
		mutates: false,
		parameters,
		run,
	});
	const post = (
		path: string,
		help: string,
		run: AdminCommand["run"],
		parameters: AdminCommand["parameters"] = [],
	): AdminCommand => ({
		...get(path, help, run, parameters),
		mutates: true,
	});
	const done = (action: () => void): AdminResponse => {
		action();
		return text("OK\n");
	};
	const statsParameters = [
		["usedonly", "Only include stats that have been written by system since restart"],
		["filter", "Regular expression (Google re2) for filtering stats"],
		["invert_filter", "Invert the filter regex"],
	] as const;
	const commands: AdminCommand[] = [
		get("/", "Admin home page", () => homePage(byPath)),
		get("/certs", "print certs on machine", () => describeCertificates(state, deps.wall())),
		get("/clusters", "upstream cluster status", (request) => describeClusters(state, request), [
			["filter", "Regular expression (Google re2) for filtering clusters by name"],
		]),
		get("/config_dump", "dump current configs", (request) => dumpConfig(state, request), [
			["resource", "The resource to dump"],
			["mask", "The mask to apply, to every element when a resource is given too"],
			["name_regex", "Dump only the configurations whose names match the regex"],
			["include_eds", "Dump endpoints too"],
		]),
		post("/drain_listeners", "drain listeners", (request) => drainListeners(state, request), [
			["graceful", "enter a graceful drain period prior to closing listeners"],
			["skip_exit", "drain the connections but never stop the listeners"],
			["inboundonly", "Drains all inbound listeners"],
		]),
		post("/healthcheck/fail", "cause the server to fail health checks", () =>
			done(() => state.setHealthCheckFailing(true)),
		),
		post("/healthcheck/ok", "cause the server to pass health checks", () =>
			done(() => state.setHealthCheckFailing(false)),
		),
		get("/help", "print out list of admin commands", () => text(helpText(byPath))),
		get("/hot_restart_version", "print the hot restart compatibility version", () => text("disabled\n")),
		get("/init_dump", "dump what is not initialized yet", () => json({})),
		get("/listeners", "print listener info", (request) => describeListeners(state, request), [
			["format", "File format to use; One of (text, json)"],
		]),
		post("/logging", "query/change logging levels", (request) => changeLogging(state, request), [
			["level", "desired logging level; One of (, trace, debug, info, warning, error, critical, off)"],
		]),
		get("/memory", "print current allocation/heap usage", () => describeMemory(deps.memory())),
		post("/quitquitquit", "exit the server", () => done(() => state.quit())),
		get("/ready", "print server state, return 200 if LIVE, otherwise return 503", () => describeReadiness(state)),
		post("/reopen_logs", "reopen access logs", () => done(() => state.reopenLogs())),
		post("/reset_counters", "reset all counters to zero", () => done(() => state.registry.resetCounters())),
		get("/runtime", "print runtime values", () => describeRuntime(state.runtime())),
		post("/runtime_modify", "Adds or modifies runtime values as passed in query parameters", (request) =>
			modifyRuntime(state.runtime(), request),
		),
		get("/server_info", "print server version/status information", () => describeServer(state)),
		get("/stats", "print server stats", stats.stats, [
			...statsParameters,
			["format", "Format to use; One of (text, json, prometheus)"],
			["type", "Stat types to include.; One of (All, Counters, Histograms, Gauges, TextReadouts)"],
			["histogram_buckets", "Histogram bucket display mode; One of (cumulative, disjoint, detailed, summary)"],
		]),
		get("/stats/prometheus", "print server stats in prometheus format", stats.prometheus, statsParameters),
	];
	const byPath: ReadonlyMap<string, AdminCommand> = new Map(commands.map((command) => [command.path, command]));
	return byPath;
}

/** What `/help` and an unknown path answer. */
export function helpText(commands: ReadonlyMap<string, AdminCommand>): string {
	let help = "admin commands are:\n";
	for (const { path, help: what, mutates, parameters } of commands.values()) {
		help += `  ${path}${mutates ? " (POST)" : ""}: ${what}\n`;
		for (const [name, meaning] of parameters) help += `      ${name}: ${meaning}\n`;
	}
	return help;
}

function homePage(commands: ReadonlyMap<string, AdminCommand>): AdminResponse {
	const rows = [...commands.values()].map(({ path, help, mutates }) => {
		const link = mutates
			? `<form action="${path.slice(1)}" method="post"><button>${path.slice(1)}</button></form>`
			: `<a href="${path.slice(1)}">${path.slice(1)}</a>`;
		return `<tr><td>${link}</td><td>${help}</td></tr>`;
	});
	const body = `<!DOCTYPE html>\n<html lang="en">\n<head><title>amime admin</title></head>\n<body>\n<table>\n<thead><tr><th>Command</th><th>Description</th></tr></thead>\n<tbody>\n${rows.join("\n")}\n</tbody>\n</table>\n</body>\n</html>\n`;
	return { status: 200, contentType: "text/html; charset=UTF-8", body };
}
