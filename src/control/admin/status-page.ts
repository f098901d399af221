import { formatProblem, type LocatedProblem } from "../../config/index.ts";
import type { NodeStatus } from "../../xds/server/index.ts";
import type { MeshIndex } from "../translate/index.ts";
import { listProxies, listWorkloads } from "./status-endpoints.ts";

/** The mesh on one page of plain HTML: workloads, proxies with what they have, problems. */
export function formatStatusPage(
	index: MeshIndex | undefined,
	statuses: readonly NodeStatus[],
	problems: readonly LocatedProblem[],
): string {
	const workloads = listWorkloads(index).map(({ namespace, name, pattern, replicas, ready, ...workload }) => [
		`${namespace}/${name}`,
		pattern === "sidecar" ? `sidecar (${workload.sidecar})` : pattern,
		workload.identity ?? "",
		`${ready}/${replicas} ready`,
	]);
	const proxies = listProxies(statuses).map(({ instance, nodeId, userAgent, types }) => [
		instance ?? nodeId,
		userAgent,
		types
			.map(
				({ typeUrl, state, reason }) =>
					`${typeUrl.slice(typeUrl.lastIndexOf(".") + 1)}: ${state}${reason === undefined ? "" : ` (${reason})`}`,
			)
			.join("\n"),
	]);
	return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="10">
<title>amime: ${escapeHtml(index?.mesh.settings.name ?? "")}</title>
<style>
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); vertical-align: top; white-space: pre-line; overflow-wrap: anywhere; }
</style>
</head>
<body>
<h1>${escapeHtml(index?.mesh.settings.name ?? "amime")}</h1>
<h2>Workloads</h2>
${formatTable(["Workload", "Pattern", "Identity", "State"], workloads, "No workload is declared.")}
<h2>Proxies</h2>
${formatTable(["Proxy", "Program", "Resources"], proxies, "No proxy is connected.")}
<h2>Problems</h2>
${formatTable(
	["Problem"],
	problems.map((problem) => [formatProblem(problem)]),
	"None.",
)}
</body>
</html>
`;
}

function formatTable(head: readonly string[], rows: readonly (readonly string[])[], empty: string): string {
	if (rows.length === 0) return `<p>${escapeHtml(empty)}</p>`;
	const formatRow = (tag: string, cells: readonly string[]): string =>
		`<tr>${cells.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join("")}</tr>`;
	return `<table>\n<thead>${formatRow("th", head)}</thead>\n<tbody>\n${rows.map((row) => formatRow("td", row)).join("\n")}\n</tbody>\n</table>`;
}

function escapeHtml(text: string): string {
	return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
