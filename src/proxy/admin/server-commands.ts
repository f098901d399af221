import type { AdminRuntime, AdminServerInfo, AdminState } from "./admin-state.ts";
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
		hot_restart_version: info.hotRestartVersion,
		command_line_options: describeOptions(info),
		node: describeNode(state, info),
		hot_restart_initializing: false,
	});
}

/** The flags, with Envoy's names and the values that they have when nobody sets them. */
function describeOptions(info: AdminServerInfo): Record<string, unknown> {
	return {
		base_id: "0",
		concurrency: info.concurrency,
		config_path: info.configPath,
		config_yaml: "",
		allow_unknown_static_fields: false,
		admin_address_path: "",
		local_address_ip_version: "v4",
		log_level: info.logLevel === "warn" ? "warning" : info.logLevel,
		component_log_level: "",
		log_format: "",
		log_path: "",
		log_stacktrace_single_entry: false,
		service_cluster: info.serviceCluster,
		service_node: info.serviceNode,
		service_zone: info.serviceZone,
		file_flush_interval: "10s",
		file_flush_min_size: 0,
		drain_time: `${info.drainTimeSeconds}s`,
		parent_shutdown_time: "900s",
		mode: "Serve",
		disable_hot_restart: info.hotRestartVersion === "disabled",
		enable_mutex_tracing: false,
		restart_epoch: info.restartEpoch,
		cpuset_threads: false,
		reject_unknown_dynamic_fields: false,
		log_format_escaped: false,
		disabled_extensions: [],
		ignore_unknown_dynamic_fields: false,
		use_dynamic_base_id: false,
		base_id_path: "",
		drain_strategy: "Gradual",
		enable_fine_grain_logging: false,
		socket_path: "@envoy_domain_socket",
		socket_mode: 0,
		enable_core_dump: false,
		stats_tag: [],
		skip_deprecated_logs: false,
		skip_hot_restart_on_no_parent: false,
		skip_hot_restart_parent_stats: false,
		...info.shownFlags,
	};
}

function describeNode(state: AdminState, info: AdminServerInfo): Record<string, unknown> {
	const { node } = state.config.bootstrap;
	const { region = "", zone = "", subZone = "" } = node?.locality ?? {};
	return {
		id: node?.id ?? "",
		cluster: node?.cluster ?? "",
		...(node?.metadata === undefined ? {} : { metadata: node.metadata }),
		...(node?.locality === undefined ? {} : { locality: { region, zone, sub_zone: subZone } }),
		user_agent_name: "amime",
		user_agent_version: info.version,
		extensions: [],
		client_features: [],
		listening_addresses: [],
		dynamic_parameters: {},
	};
}

/** `/listeners`: names and where they listen. */
export function describeListeners(state: AdminState, request: AdminRequest): AdminResponse {
	const listeners = state.listeners();
	if (request.query.get("format") !== "json") {
		return text(
			listeners
				.flatMap(({ name, addresses }) => addresses.map((address) => `${name}::${formatAddress(address)}\n`))
				.join(""),
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
