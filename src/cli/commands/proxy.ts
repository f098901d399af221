import { type Command, Option } from "commander";
import { hotRestartVersion, MeshError } from "../../core/index.ts";
import { type CliContext, withExamples } from "../context.ts";
import type { ProxyCommandOptions } from "../host.ts";
import { collectTag, createChoiceOption, parseCount } from "../parse-arguments.ts";

/** Envoy's names of log levels. */
const levels = ["trace", "debug", "info", "warning", "warn", "error", "critical", "off"];

interface Flags {
	readonly configPath?: string;
	readonly configYaml?: string;
	readonly mode: ProxyCommandOptions["mode"];
	readonly concurrency?: number;
	readonly serviceNode?: string;
	readonly serviceCluster?: string;
	readonly serviceZone?: string;
	readonly drainTimeS: number;
	readonly drainStrategy: ProxyCommandOptions["drainStrategy"];
	readonly parentShutdownTimeS: number;
	readonly restartEpoch: number;
	readonly baseId: number;
	readonly baseIdPath?: string;
	readonly useDynamicBaseId?: boolean;
	readonly disableHotRestart?: boolean;
	readonly hotRestartVersion?: boolean;
	readonly version?: boolean;
	readonly skipHotRestartOnNoParent?: boolean;
	readonly logLevel: string;
	readonly componentLogLevel?: string;
	readonly logFormat?: string;
	readonly logPath?: string;
	readonly adminAddressPath?: string;
	readonly allowUnknownStaticFields?: boolean;
	readonly allowUnknownFields?: boolean;
	readonly rejectUnknownDynamicFields?: boolean;
	readonly ignoreUnknownDynamicFields?: boolean;
	readonly fileFlushIntervalMsec: number;
	readonly fileFlushMinSizeKb: number;
	readonly statsTag: readonly string[];
	readonly state?: string;
	readonly localAddressIpVersion?: string;
	readonly socketPath?: string;
	readonly disableExtensions?: string;
	readonly cpusetThreads?: boolean;
	readonly enableCoreDump?: boolean;
	readonly enableFineGrainLogging?: boolean;
	readonly enableMutexTracing?: boolean;
	readonly logFormatEscaped?: boolean;
	readonly skipDeprecatedLogs?: boolean;
	readonly skipHotRestartParentStats?: boolean;
}

/** `amime proxy`: the data plane, on Envoy's bootstrap file and with Envoy's flags. */
export function addProxyCommand(program: Command, context: CliContext): void {
	const command = program
		.command("proxy")
		.description("run the proxy on an Envoy bootstrap file; takes Envoy's flags")
		.option("-c, --config-path <file>", "bootstrap file: YAML, JSON, or by its name .pb, .pb_text")
		.option("--config-yaml <text>", "bootstrap as text, merged over the file")
		.addOption(
			createChoiceOption(
				"--mode <mode>",
				"serve, or check the configuration and end",
				["serve", "validate", "init_only"],
				"serve",
			),
		)
		.option("--concurrency <count>", "event loops that serve, each a thread when there are several", parseCount)
		.option("--service-node <id>", "node id, over the one in the bootstrap")
		.option("--service-cluster <name>", "node cluster, over the one in the bootstrap")
		.option("--service-zone <name>", "zone of the node, over the one in the bootstrap")
		.option("--drain-time-s <seconds>", "how long what goes away drains", parseCount, 600)
		.addOption(
			createChoiceOption(
				"--drain-strategy <strategy>",
				"let connections go over the drain time, or with their next response",
				["gradual", "immediate"],
				"gradual",
			),
		)
		.option("--parent-shutdown-time-s <seconds>", "after a hot restart, when the old process ends", parseCount, 900)
		.option("--restart-epoch <epoch>", "0, then one more with every hot restart", parseCount, 0)
		.option("--base-id <id>", "tells proxies of one machine apart that hot restart", parseCount, 0)
		.option("--use-dynamic-base-id", "take a base id that is free")
		.option("--base-id-path <file>", "write the base id there")
		.option("--disable-hot-restart", "be no parent and have none")
		.option("--skip-hot-restart-on-no-parent", "start as epoch 0 would when there is no parent")
		.option("--hot-restart-version", "print what scripts compare before a hot restart, and end")
		.option("--version", "print the version, and end")
		.addOption(createChoiceOption("-l, --log-level <level>", "lowest level logged", levels, "info"))
		.option("--component-log-level <levels>", "levels of parts: name:level,name:level")
		.option("--log-format <pattern>", "pattern of log lines, as Envoy's")
		.option("--log-path <file>", "log to this file")
		.option("--admin-address-path <file>", "write the admin port's address there")
		.option("--allow-unknown-static-fields", "pass over fields of the bootstrap that nobody knows")
		.addOption(new Option("--allow-unknown-fields", "the same").hideHelp())
		.option("--reject-unknown-dynamic-fields", "refuse resources with fields that nobody knows")
		.option("--ignore-unknown-dynamic-fields", "say nothing of such fields")
		.option("--file-flush-interval-msec <ms>", "longest that access logs keep a line", parseCount, 10_000)
		.option("--file-flush-min-size-kb <kb>", "size at which access logs are written at once", parseCount, 64)
		.option("--stats-tag <tag>", "name:value, a tag of every statistic", collectTag, [])
		.option(
			"--state <folder>",
			"keep the last good configuration here, to serve from after a restart without control plane",
		)
		.action(async (flags: Flags) => {
			const { host } = context;
			if (flags.version === true) return void host.out.write(`amime  version: ${host.version}\n`);
			if (flags.hotRestartVersion === true) {
				return void host.out.write(`${flags.disableHotRestart === true ? "disabled" : hotRestartVersion}\n`);
			}
			if (flags.configPath === undefined && flags.configYaml === undefined) {
				throw new MeshError("BOOTSTRAP_MISSING", "no bootstrap given: name one with -c FILE or --config-yaml TEXT");
			}
			context.setExitCode(await host.runProxy(toOptions(flags)));
		});
	command.addOption(
		createChoiceOption(
			"--local-address-ip-version <version>",
			"accepted for Envoy's sake",
			["v4", "v6"],
			"v4",
		).hideHelp(),
	);
	for (const flag of harmlessFlags) command.addOption(new Option(flag, "accepted for Envoy's sake").hideHelp());
	withExamples(command, [
		["amime proxy -c envoy.yaml", "serve what the file says"],
		["amime proxy -c envoy.yaml --mode validate", "check it and end"],
	]);
}

/** Flags of Envoy that change nothing here. */
const harmlessFlags = [
	"--skip-hot-restart-parent-stats",
	"--enable-core-dump",
	"--enable-mutex-tracing",
	"--enable-fine-grain-logging",
	"--cpuset-threads",
	"--skip-deprecated-logs",
	"--log-format-escaped",
	"--log-format-prefix-with-location <value>",
	"--bootstrap-version <version>",
	"--socket-path <path>",
	"--socket-mode <mode>",
	"--disable-extensions <names>",
];

function toOptions(flags: Flags): ProxyCommandOptions {
	const { configPath, configYaml, concurrency, serviceCluster, serviceNode, serviceZone, state } = flags;
	const { adminAddressPath, baseIdPath, componentLogLevel, logFormat, logPath } = flags;
	return {
		...dropUnset({ configPath, configYaml, concurrency, serviceCluster, serviceNode, serviceZone, state }),
		...dropUnset({ adminAddressPath, componentLogLevel, logFormat, logPath }),
		mode: flags.mode,
		drainTimeSeconds: flags.drainTimeS,
		drainStrategy: flags.drainStrategy,
		parentShutdownTimeSeconds: flags.parentShutdownTimeS,
		restartEpoch: flags.restartEpoch,
		hotRestart: {
			...dropUnset({ baseIdPath }),
			enabled: flags.disableHotRestart !== true,
			baseId: flags.baseId,
			isBaseIdDynamic: flags.useDynamicBaseId === true,
			skipsMissingParent: flags.skipHotRestartOnNoParent === true,
		},
		logLevel: flags.logLevel,
		allowsUnknownStaticFields: flags.allowUnknownStaticFields === true || flags.allowUnknownFields === true,
		refusesUnknownDynamicFields: flags.rejectUnknownDynamicFields === true,
		ignoresUnknownDynamicFields: flags.ignoreUnknownDynamicFields === true,
		fileFlushIntervalMs: flags.fileFlushIntervalMsec,
		fileFlushMinSizeKb: flags.fileFlushMinSizeKb,
		statsTags: flags.statsTag,
		harmless: describeHarmless(flags),
	};
}

/** What was said by flags that change nothing, with the names of `/server_info`. */
function describeHarmless(flags: Flags): Readonly<Record<string, unknown>> {
	return dropUnset({
		local_address_ip_version: flags.localAddressIpVersion,
		socket_path: flags.socketPath,
		disabled_extensions: flags.disableExtensions?.split(","),
		cpuset_threads: flags.cpusetThreads,
		enable_core_dump: flags.enableCoreDump,
		enable_fine_grain_logging: flags.enableFineGrainLogging,
		enable_mutex_tracing: flags.enableMutexTracing,
		log_format_escaped: flags.logFormatEscaped,
		skip_deprecated_logs: flags.skipDeprecatedLogs,
		skip_hot_restart_parent_stats: flags.skipHotRestartParentStats,
	});
}

/** Without what was not given. */
function dropUnset<T extends Readonly<Record<string, unknown>>>(values: T): { [Key in keyof T]?: NonNullable<T[Key]> } {
	return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
		[Key in keyof T]?: NonNullable<T[Key]>;
	};
}
