import { createHash } from "node:crypto";
import type { LocatedProblem } from "../../config/index.ts";
import type { HistoryEntry } from "../../registry/index.ts";
import type { NodeStatus } from "../../xds/server/index.ts";
import { type AdminResponse, listProxies, listWorkloads } from "../admin/index.ts";
import type { ToldFailure } from "../failed-requests/index.ts";
import type { MeshIndex } from "../translate/index.ts";
import { escapeHtml, formatSection } from "./html.ts";
import type { LateCertificate } from "./late-certificates.ts";
import {
	describeCertificates,
	describeChanges,
	describeFailures,
	describeProblems,
	describeProxies,
	describeServices,
	describeWorkloads,
	formatTime,
	type JudgedSection,
} from "./sections.ts";

/** What the page shows. */
export interface StatusView {
	readonly index: MeshIndex | undefined;
	readonly statuses: readonly NodeStatus[];
	readonly problems: readonly LocatedProblem[];
	/** Newest first. */
	readonly failures: readonly ToldFailure[];
	readonly late: readonly LateCertificate[];
	/** Newest first. */
	readonly history: readonly HistoryEntry[];
	/** A change that only some proxies have: its id, by whom and of what. */
	readonly rollout: string | undefined;
	/** Milliseconds since the epoch. */
	readonly now: number;
}

/** Follows the page: takes what is new in place, so that focus, place and what is being copied are kept, and says how old it is while there
 *  is no answer, or what is being copied holds it back. */
const script = `
const every = 5000;
const said = document.getElementById("said");
const age = document.getElementById("age");
let taken = performance.now();
const selector = (element) => ["aria-label", "href"].filter((name) => element?.hasAttribute(name)).map((name) => "[" + name + '="' + CSS.escape(element.getAttribute(name)) + '"]')[0];
async function look() {
	try {
		const answer = await fetch(location.href, { signal: AbortSignal.timeout(every) });
		if (!answer.ok) throw new Error("it answered " + answer.status);
		const page = new DOMParser().parseFromString(await answer.text(), "text/html");
		if (document.getSelection().isCollapsed) {
			for (const id of ["mesh", "at"]) take(document.getElementById(id), page.getElementById(id));
			document.title = page.title;
			taken = performance.now();
		}
		said.textContent = "";
	} catch (error) {
		if (said.textContent === "") said.textContent = "The control plane does not answer; proxies go on with what they have.";
	}
	const seconds = Math.round((performance.now() - taken) / 1000);
	const isOld = said.textContent !== "" || seconds * 1000 > 2 * every;
	age.textContent = isOld ? "What is below is " + (seconds < 120 ? seconds + " s" : Math.floor(seconds / 60) + " min") + " old." : "";
	setTimeout(look, every);
}
function take(old, fresh) {
	if (old.innerHTML === fresh.innerHTML) return;
	const held = old.contains(document.activeElement) && selector(document.activeElement);
	const places = [...old.querySelectorAll(".scroll")].map((region) => [selector(region), region.scrollLeft]);
	old.replaceChildren(...fresh.childNodes);
	for (const [region, left] of places) old.querySelector(region)?.scrollTo({ left });
	if (held) old.querySelector(held)?.focus({ preventScroll: true });
}
setTimeout(look, every);
`;

const style = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; --bad: light-dark(#b00020, #ff8a80); --good: light-dark(#0b6b2e, #7bd88f); }
body { max-width: 72rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
:focus-visible { outline: 2px solid currentColor; outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); vertical-align: top; white-space: pre-line; min-width: 6rem; }
td code { user-select: all; }
.bad, .bad a { color: var(--bad); font-weight: 600; }
.good { color: var(--good); }
#note { position: sticky; top: 0; background: Canvas; color: var(--bad); font-weight: 600; }
`;

const policy = [
	"default-src 'none'",
	`style-src 'sha256-${hash(style)}'`,
	`script-src 'sha256-${hash(script)}'`,
	"connect-src 'self'",
	"img-src data:",
	"base-uri 'none'",
	"form-action 'none'",
	"frame-ancestors 'none'",
].join("; ");

/** The mesh on one page: what is wrong, workloads, services, failed requests, certificates, proxies and changes, the worst first in each. It
 *  follows by itself. */
export function formatStatusPage(view: StatusView): AdminResponse {
	const { index, now } = view;
	const name = index?.mesh.settings.name ?? "amime";
	const sections = [
		describeProblems(view.problems),
		describeWorkloads(listWorkloads(index), index),
		describeServices(index),
		describeFailures(view.failures),
		describeCertificates(view.late),
		describeProxies(listProxies(view.statuses)),
		describeChanges(view.history),
	];
	const bad = sections.filter((section) => section.bad !== undefined).length;
	const body = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<noscript><meta http-equiv="refresh" content="10"></noscript>
<title>${bad === 0 ? "" : `(${bad}) `}amime: ${escapeHtml(name)}</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<p id="note"><span id="said" role="status"></span> <span id="age"></span></p>
<header>
<h1>${escapeHtml(name)}</h1>
<p>As of <time id="at">${formatTime(now)}</time> · <a href="/metrics">metrics</a> · <a href="/openapi.json">admin API</a> · for more: <code>amime status</code>, <code>amime analyze</code>, <code>amime why</code></p>
</header>
<main id="mesh">
${formatSummary(sections, view.rollout)}
${sections.map(formatSection).join("\n")}
</main>
<script>${script}</script>
</body>
</html>
`;
	return { body, contentType: "text/html; charset=utf-8", contentSecurityPolicy: policy };
}

/** What is bad, each with a link to where more is. */
function formatSummary(sections: readonly JudgedSection[], rollout: string | undefined): string {
	const links = sections.flatMap(({ id, bad }) =>
		bad === undefined ? [] : [`<a href="#${id}">${escapeHtml(bad)}</a>`],
	);
	const lines = [
		links.length === 0 ? `<p class="good">No problem is known.</p>` : `<p class="bad">${links.join(", ")}.</p>`,
		...(rollout === undefined
			? []
			: [`<p>A change is being rolled out: ${escapeHtml(rollout)} (<code>amime rollout</code>).</p>`]),
	];
	return lines.join("\n");
}

function hash(text: string): string {
	return createHash("sha256").update(text).digest("base64");
}
