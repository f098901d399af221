import type { SupervisorEvent } from "../agent/supervise/index.ts";
import { formatProblem, type Palette, type UpReport } from "../cli/index.ts";
import { assertNever } from "../core/index.ts";

/** Prints what a supervisor tells: lines for people, or one JSON object a line. */
export interface UpPrinter {
	tell(event: SupervisorEvent): void;
	/** The report, for machines. */
	tellReady(report: UpReport, isReady: boolean): void;
}

export function createUpPrinter(options: {
	readonly isJson: boolean;
	readonly palette: Palette;
	readonly write: (text: string) => void;
}): UpPrinter {
	const { palette, write } = options;
	const colours = new Map<string, number>();
	let width = 0;

	function prefix(source: string): string {
		if (!colours.has(source)) colours.set(source, colours.size);
		width = Math.max(width, source.length);
		return palette.distinct(colours.get(source)!)(`${source.padEnd(width)} |`);
	}

	return {
		tell(event) {
			if (options.isJson) {
				write(`${JSON.stringify(toJson(event))}\n`);
				return;
			}
			if (event.kind === "output") {
				write(`${prefix(event.source)} ${event.line}\n`);
				return;
			}
			const text = describe(event, palette);
			if (text !== undefined) write(`${palette.strong("amime")}: ${text}\n`);
		},
		tellReady(report, isReady) {
			const { workloads, urls, state } = report;
			write(`${JSON.stringify({ event: "ready", ready: isReady, workloads, urls, state })}\n`);
		},
	};
}

function toJson(event: SupervisorEvent): object {
	const { kind, ...rest } = event;
	if ("instance" in event && event.instance !== undefined) {
		return { event: kind, ...rest, instance: `${event.instance.namespace}/${event.instance.name}` };
	}
	return { event: kind, ...rest };
}

/** One line for people; undefined for what they need not hear. */
function describe(event: Exclude<SupervisorEvent, { readonly kind: "output" }>, palette: Palette): string | undefined {
	switch (event.kind) {
		case "health":
			if (event.health === "draining") return undefined;
			return `${event.instance.name} is ${event.health === "ready" ? palette.good("ready") : palette.warn(event.health)}`;
		case "overdue":
			return palette.warn(`${nameProcess(event)} does not end: it is killed`);
		case "exited": {
			const who = nameProcess(event);
			const again = event.restartInMs > 0 ? `; starting it again in ${(event.restartInMs / 1000).toFixed(1)} s` : "";
			const said = event.lastLines.map((line) => `\n  ${palette.dim(line)}`).join("");
			return `${palette.bad(`${who} ended`)}: ${event.detail}${again}${said}`;
		}
		case "control-plane-ready":
			return `the control plane is ${event.isRestart ? "back" : palette.good("ready")}`;
		case "port-moved":
			return palette.warn(`port ${event.from} is taken: ${event.what} is on ${event.to}`);
		case "cleaned":
			return palette.warn(`ended ${event.processes} processes that an earlier run had left behind`);
		case "workload":
			return `${event.pattern === "gateway" ? "gateway" : "workload"} ${event.workload} ${event.change}`;
		case "problems":
			if (event.problems.length === 0) return palette.good("the config has no problems any more");
			return event.problems
				.map((problem) => `${palette.bad("problem")} ${formatProblem(problem)}`)
				.join(`\n${palette.strong("amime")}: `);
		case "stopping":
			return "stopping (Ctrl-C again ends everything at once)";
		default:
			return assertNever(event);
	}
}

function nameProcess(event: Extract<SupervisorEvent, { readonly kind: "exited" | "overdue" }>): string {
	if (event.instance === undefined) return "the control plane";
	const hasApplication = event.instance.pattern !== "gateway";
	return event.process === "sidecar" && hasApplication ? `the sidecar of ${event.instance.name}` : event.instance.name;
}
