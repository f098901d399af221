import type { WorkloadInstance } from "../../model/index.ts";
import type { Palette } from "./colour.ts";
import { formatTable } from "./table.ts";

/** What `amime up` shows when the mesh serves. */
export interface UpReport {
	readonly workloads: readonly UpWorkload[];
	readonly urls: UpUrls;
	/** State folder, as people should type it. */
	readonly state: string;
	/** How the command line is called here: `amime`, or `npx amime` in a checkout. */
	readonly command: string;
	/** `--state …` when the command line would not find the mesh without it. */
	readonly stateOption: string;
}

export interface UpWorkload {
	readonly namespace: string;
	readonly name: string;
	readonly pattern: string;
	readonly sidecar: string;
	readonly identity: string;
	readonly instances: readonly WorkloadInstance[];
}

export interface UpUrls {
	/** Pages for people: a workload's name and the address. */
	readonly pages: readonly { readonly workload: string; readonly url: string }[];
	readonly controlPlane: string;
	readonly metrics: string;
}

/** The table of workloads, the addresses, and what to try, once there is something to try it on. */
export function formatUpReport(report: UpReport, isReady: boolean, palette: Palette): string {
	const last = isReady ? formatHints(report, palette) : formatWaiting(report, palette);
	return [formatWorkloads(report, palette), formatUrls(report, palette), last].join("\n");
}

/** Which replicas are not there yet. */
function formatWaiting({ workloads }: UpReport, palette: Palette): string {
	const late = workloads.flatMap(({ instances }) => instances.filter(({ health }) => health !== "ready"));
	const names = late.map(({ name, health }) => `${name} (${paintHealth(health, palette)})`);
	const what = names.length === 0 ? "the proxies have not taken everything yet" : `not ready: ${names.join(", ")}`;
	return `Still starting, ${what}. Ctrl-C stops the mesh.\n`;
}

function formatWorkloads(report: UpReport, palette: Palette): string {
	if (report.workloads.length === 0) return "no Workload in the folder: nothing runs beside the control plane\n";
	const rows = report.workloads.flatMap((workload) => {
		const hasProxy = workload.pattern === "sidecar" || workload.pattern === "gateway";
		const pattern = hasProxy ? `${workload.pattern} (${workload.sidecar})` : workload.pattern;
		const head = [`${workload.namespace}/${workload.name}`, pattern, workload.identity];
		if (workload.instances.length === 0) return [[...head, "-", palette.dim("no replicas")]];
		return workload.instances.map((instance, index) => [
			...(index === 0 ? head : ["", "", ""]),
			formatPorts(instance),
			paintHealth(instance.health, palette),
		]);
	});
	return formatTable(["WORKLOAD", "PATTERN", "IDENTITY", "PORTS", "STATE"], rows);
}

function formatPorts(instance: WorkloadInstance): string {
	const ports = instance.ports.map(({ name, appPort, meshPort }) =>
		appPort === meshPort ? `${name} ${appPort}` : `${name} ${appPort}, mesh ${meshPort}`,
	);
	for (const { port, listenPort } of instance.gatewayPorts ?? [])
		ports.push(port === listenPort ? String(port) : `${port} on ${listenPort}`);
	if (instance.adminPort !== undefined) ports.push(`admin ${instance.adminPort}`);
	return ports.length === 0 ? "-" : ports.join(", ");
}

function formatUrls(report: UpReport, palette: Palette): string {
	const { pages, controlPlane, metrics } = report.urls;
	const rows = [
		...pages.map(({ workload, url }) => [`Page of ${workload}`, palette.strong(url)]),
		["Control plane", `${controlPlane}  ${palette.dim(`(token in ${report.state}/control.json)`)}`],
		["Metrics", `${metrics}  ${palette.dim("and /stats/prometheus on each admin port")}`],
	];
	const width = Math.max(...rows.map(([name]) => name!.length));
	return rows.map(([name, value]) => `${name!.padEnd(width)}  ${value}\n`).join("");
}

function formatHints(report: UpReport, palette: Palette): string {
	const page = report.urls.pages[0];
	const own = `${report.command} %${report.stateOption}`;
	const hints = [
		page === undefined ? own.replace("%", "get") : `curl ${page.url}`,
		own.replace("%", "status"),
		...(report.workloads.some(({ pattern }) => pattern === "gateway") ? [own.replace("%", "gateways")] : []),
		own.replace("%", "routes"),
	];
	return `Try next (Ctrl-C stops the mesh):\n${hints.map((hint) => `  ${palette.good(hint)}\n`).join("")}`;
}

function paintHealth(health: string, palette: Palette): string {
	if (health === "ready") return palette.good(health);
	return health === "unready" ? palette.bad(health) : palette.warn(health);
}
