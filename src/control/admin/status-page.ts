import { createHash } from "node:crypto";
import { formatProblem, type LocatedProblem } from "../../config/index.ts";
import type { NodeStatus } from "../../xds/server/index.ts";
import type { MeshIndex } from "../translate/index.ts";
import type { AdminResponse } from "./router.ts";
import { type ListedProxy, listProxies, listWorkloads } from "./status-endpoints.ts";

/** Rows of a table that are shown; the command line has them all. */
const maxRows = 500;
/** Follows the page: takes what is new in place, so that focus and place are kept, and says since when there has been no answer. */
const script = `
const every = 5000;
const note = document.getElementById("note");
async function look() {
	try {
		const answer = await fetch(location.href, { signal: AbortSignal.timeout(every) });
		if (!answer.ok) throw new Error("it answered " + answer.status);
		const page = new DOMParser().parseFromString(await answer.text(), "text/html");
		for (const id of ["mesh", "at"]) {
			const [old, fresh] = [document.getElementById(id), page.getElementById(id)];
			if (old.innerHTML === fresh.innerHTML) continue;
			const held = old.contains(document.activeElement) && document.activeElement.getAttribute("aria-label");
			old.replaceChildren(...fresh.childNodes);
			if (held) old.querySelector('[aria-label="' + held + '"]')?.focus({ preventScroll: true });
		}
		document.title = page.title;
		note.textContent = "";
	} catch (error) {
		if (note.textContent === "") note.textContent = "The control plane does not answer. What is below is old; proxies go on with what they have.";
	}
	setTimeout(look, every);
}
setTimeout(look, every);
`;
const scriptHash = createHash("sha256").update(script).digest("base64");

/** The mesh on one page of plain HTML: what is wrong, workloads, and proxies with what they have, the worst first. It follows by itself.
 *  @param now milliseconds since the epoch */
export function formatStatusPage(
	index: MeshIndex | undefined,
	statuses: readonly NodeStatus[],
	problems: readonly LocatedProblem[],
	now: number,
): AdminResponse {
	const workloads = listWorkloads(index).sort((a, b) => Number(b.ready < b.replicas) - Number(a.ready < a.replicas));
	const proxies = listProxies(statuses).sort((a, b) => rankOf(b) - rankOf(a));
	const name = index?.mesh.settings.name ?? "amime";
	const refused = proxies.filter((proxy) => rankOf(proxy) === 2).length;
	const unready = workloads.filter(({ ready, replicas }) => ready < replicas).length;
	const bad = [
		...(problems.length === 0 ? [] : [count(problems.length, "problem")]),
		...(refused === 0 ? [] : [`${count(refused, "proxy", "proxies")} refused configuration`]),
		...(unready === 0 ? [] : [`${count(unready, "workload")} not ready`]),
	];
	const body = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<noscript><meta http-equiv="refresh" content="10"></noscript>
<title>${bad.length === 0 ? "" : `(${bad.length}) `}amime: ${escapeHtml(name)}</title>
<style>
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; --bad: light-dark(#b00020, #ff8a80); --good: light-dark(#0b6b2e, #7bd88f); }
body { max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
.scroll { overflow-x: auto; }
.scroll:focus-visible { outline: 2px solid currentColor; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); vertical-align: top; white-space: pre-line; overflow-wrap: anywhere; min-width: 6rem; }
.bad { color: var(--bad); font-weight: 600; }
.good { color: var(--good); }
#note { position: sticky; top: 0; background: Canvas; color: var(--bad); font-weight: 600; }
</style>
</head>
<body>
<p id="note" role="status"></p>
<header>
<h1>${escapeHtml(name)}</h1>
<p>As of <time id="at">${new Date(now).toISOString().replace(/\.\d+Z$/, "Z")}</time> · <a href="/metrics">metrics</a> · <a href="/openapi.json">admin API</a> · for more: <code>amime status</code>, <code>amime analyze</code>, <code>amime why</code></p>
</header>
<main id="mesh">
<p class="${bad.length === 0 ? "good" : "bad"}">${bad.length === 0 ? "No problem is known." : escapeHtml(`${bad.join(", ")}.`)}</p>
<h2>Problems</h2>
${formatTable(
	"Problems",
	["Problem"],
	problems.map((problem) => [{ text: formatProblem(problem), isBad: problem.severity === "error" }]),
	"None.",
)}
<h2>Workloads</h2>
${formatTable(
	"Workloads",
	["Workload", "State", "Pattern", "Identity"],
	workloads.map(({ namespace, name: own, pattern, replicas, ready, ...workload }) => [
		`${namespace}/${own}`,
		{ text: `${ready}/${replicas} ready`, isBad: ready < replicas },
		pattern === "sidecar" ? `sidecar (${workload.sidecar})` : pattern,
		workload.identity ?? "",
	]),
	describeNoWorkloads(index),
)}
<h2>Proxies</h2>
${formatTable(
	"Proxies",
	["Proxy", "State", "Program"],
	proxies.map((proxy) => [
		proxy.instance ?? proxy.nodeId,
		{ text: describeTypes(proxy), isBad: rankOf(proxy) === 2 },
		proxy.userAgent,
	]),
	"No proxy is connected.",
)}
</main>
<script>${script}</script>
</body>
</html>
`;
	const contentSecurityPolicy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${scriptHash}'; connect-src 'self'; frame-ancestors 'none'`;
	return { body, contentType: "text/html; charset=utf-8", contentSecurityPolicy };
}

/** 2 for a proxy that refused something, 1 for one that has not answered yet. */
function rankOf({ types }: ListedProxy): number {
	return Math.max(0, ...types.map(({ state }) => (state === "NACKED" ? 2 : state === "STALE" ? 1 : 0)));
}

/** What is not in sync, type by type, then how much is. */
function describeTypes({ types }: ListedProxy): string {
	const others = types
		.filter(({ state }) => state !== "SYNCED")
		.map(
			({ typeUrl, state, reason }) =>
				`${typeUrl.slice(typeUrl.lastIndexOf(".") + 1)}: ${state}${reason === undefined ? "" : ` (${reason})`}`,
		);
	const synced = types.filter(({ state }) => state === "SYNCED");
	const resources = synced.reduce((sum, type) => sum + type.resources, 0);
	const rest = `${count(resources, "resource")} in sync`;
	return [...others, ...(synced.length === 0 && others.length > 0 ? [] : [rest])].join("\n");
}

function describeNoWorkloads(index: MeshIndex | undefined): string {
	if (index === undefined) return "The control plane has no mesh yet.";
	const { services, instances } = index;
	return `No workload is declared. The mesh has ${count(services.length, "service")} and ${count(instances.length, "instance")}.`;
}

function count(number: number, one: string, many = `${one}s`): string {
	return `${number} ${number === 1 ? one : many}`;
}

type Cell = string | { readonly text: string; readonly isBad: boolean };

function formatTable(name: string, head: readonly string[], rows: readonly (readonly Cell[])[], empty: string): string {
	if (rows.length === 0) return `<p>${escapeHtml(empty)}</p>`;
	const shown = rows.slice(0, maxRows).map((cells) => `<tr>${cells.map(formatCell).join("")}</tr>`);
	const more = rows.length > maxRows ? `<p>and ${rows.length - maxRows} more</p>\n` : "";
	const heads = head.map((cell) => `<th scope="col">${escapeHtml(cell)}</th>`).join("");
	// A region that may scroll can be reached by the keyboard.
	return `<div class="scroll" role="region" aria-label="${name}" tabindex="0">
<table>
<thead><tr>${heads}</tr></thead>
<tbody>
${shown.join("\n")}
</tbody>
</table>
</div>
${more}`;
}

function formatCell(cell: Cell): string {
	if (typeof cell === "string") return `<td>${escapeHtml(cell)}</td>`;
	return `<td${cell.isBad ? ' class="bad"' : ""}>${escapeHtml(cell.text)}</td>`;
}

function escapeHtml(text: string): string {
	return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
