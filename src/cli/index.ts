/** The command line: what can be typed, what is asked of a running mesh, and how answers look.
 *  Starts nothing itself and reads neither environment nor arguments: src/main gives it a host.
 *  Talks to a mesh only through the control plane's admin API. */
export { formatAuthorityArguments, splitCommand } from "./commands/authority-options.ts";
export type {
	AgentCommandOptions,
	CliHost,
	ControlPlaneCommandOptions,
	Pkcs11CommandOptions,
	ProxyCommandOptions,
	TextSink,
	UpCommandOptions,
} from "./host.ts";
export type { AdminApi, ControlFile } from "./mesh/admin-api.ts";
export { createPalette, type Palette } from "./output/colour.ts";
export { formatProblem } from "./output/problems.ts";
export { formatTable } from "./output/table.ts";
export { formatUpReport, type UpReport, type UpWorkload } from "./output/up-report.ts";
export { type CommandHelp, formatFailure, listCommandHelp, runCli } from "./program.ts";
