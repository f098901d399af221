import { type Command, Option } from "commander";
import { MeshError } from "../../core/index.ts";
import { type CliContext, withExamples } from "../context.ts";
import type { ProxyCommandOptions } from "../host.ts";
import { createChoiceOption, parseCount } from "../parse-arguments.ts";

/** Envoy's names of log levels. */
const levels = ["trace", "debug", "info", "warning", "warn", "error", "critical", "off"];

interface Flags {
	readonly configPath?: string;
	readonly configYaml?: string;
	readonly mode: string;
	readonly concurrency?: number;
	readonly serviceNode?: string;
	readonly serviceCluster?: string;
	readonly serviceZone?: string;
	readonly drainTimeS: number;
	readonly parentShutdownTimeS?: number;
	readonly logLevel: string;
	readonly state?: string;
}

/** `amime proxy`: the data plane, on Envoy's bootstrap file and with Envoy's flags. */
export function addProxyCommand(program: Command, context: CliContext): void {
	const command = program
		.command("proxy")
		.description("run the proxy on an Envoy bootstrap file; takes Envoy's flags")
		.option("-c, --config-path <file>", "bootstrap file, YAML or JSON")
		.option("--config-yaml <text>", "bootstrap as text, merged over the file")
		.addOption(
			createChoiceOption("--mode <mode>", "serve, or check the configuration and end", ["serve", "validate"], "serve"),
		)
		.option("--concurrency <count>", "accepted for Envoy's sake: one event loop serves", parseCount)
		.option("--service-node <id>", "node id, over the one in the bootstrap")
		.option("--service-cluster <name>", "node cluster, over the one in the bootstrap")
		.option("--service-zone <name>", "zone of the node, over the one in the bootstrap")
		.option("--drain-time-s <seconds>", "how long a listener that goes away drains", parseCount, 600)
		.option("--parent-shutdown-time-s <seconds>", "accepted for Envoy's sake", parseCount)
		.addOption(createChoiceOption("-l, --log-level <level>", "lowest level logged", levels, "info"))
		.option(
			"--state <folder>",
			"keep the last good configuration here, to serve from after a restart without control plane",
		)
		.action(async (flags: Flags) => {
			if (flags.configPath === undefined && flags.configYaml === undefined) {
				throw new MeshError("BOOTSTRAP_MISSING", "no bootstrap given: name one with -c FILE or --config-yaml TEXT");
			}
			context.setExitCode(await context.host.runProxy(toOptions(flags)));
		});
	for (const flag of harmlessFlags) command.addOption(new Option(flag, "accepted for Envoy's sake").hideHelp());
	withExamples(command, [
		["amime proxy -c envoy.yaml", "serve what the file says"],
		["amime proxy -c envoy.yaml --mode validate", "check it and end"],
	]);
}

/** Flags of Envoy that change nothing here. */
const harmlessFlags = [
	"--base-id <id>",
	"--base-id-path <file>",
	"--use-dynamic-base-id",
	"--restart-epoch <epoch>",
	"--disable-hot-restart",
	"--skip-hot-restart-on-no-parent",
	"--skip-hot-restart-parent-stats",
	"--enable-core-dump",
	"--enable-mutex-tracing",
	"--enable-fine-grain-logging",
	"--cpuset-threads",
	"--allow-unknown-static-fields",
	"--reject-unknown-dynamic-fields",
	"--ignore-unknown-dynamic-fields",
	"--skip-deprecated-logs",
	"--local-address-ip-version <version>",
	"--log-format <format>",
	"--log-format-escaped",
	"--log-format-prefix-with-location <value>",
	"--component-log-level <levels>",
	"--file-flush-interval-msec <ms>",
	"--file-flush-min-size-kb <kb>",
	"--drain-strategy <strategy>",
	"--bootstrap-version <version>",
	"--socket-path <path>",
	"--socket-mode <mode>",
	"--stats-tag <tag>",
	"--disable-extensions <names>",
	"--log-path <file>",
];

function toOptions(flags: Flags): ProxyCommandOptions {
	const { drainTimeS, parentShutdownTimeS, mode, ...same } = flags;
	return {
		...same,
		mode: mode === "validate" ? "validate" : "serve",
		drainTimeSeconds: drainTimeS,
		...(parentShutdownTimeS === undefined ? {} : { parentShutdownTimeSeconds: parentShutdownTimeS }),
	};
}
