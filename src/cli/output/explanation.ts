import type {
	DestinationExplanation,
	EndpointExplanation,
	Explanation,
	HopExplanation,
	PolicyExplanation,
	RouteExplanation,
	WorkloadExplanation,
} from "../../explain/index.ts";
import type { Palette } from "./colour.ts";

type Ref = Explanation["because"][number];

/** Routes passed over, rules and endpoints that are shown; JSON has them all. */
const maxShown = 8;

/** An explanation for people: what the source's proxy does, then each destination, then the end. */
export function formatExplanation(explanation: Explanation, palette: Palette): string {
	const page = new Page(palette);
	const { source, target, outbound, destinations, query } = explanation;
	const { method = "GET", path = "/" } = query;
	page.line(
		0,
		"call",
		`${method === "TCP" ? "connection" : `${method} ${path}`} from ${source.description}${source.identity === undefined ? "" : ` (${source.identity})`}`,
		source.object,
	);
	page.line(0, "to", `${target.host}:${target.port}`, target.object);
	if (outbound !== undefined) formatHop(outbound, page, 0);
	for (const destination of destinations) formatDestination(destination, page);
	formatEnd(explanation, page, palette);
	return page.text;
}

class Page {
	text = "";
	readonly #palette: Palette;

	constructor(palette: Palette) {
		this.#palette = palette;
	}

	line(depth: number, label: string, value: string, ...refs: readonly (Ref | undefined)[]): void {
		const places = refs.flatMap((ref) => (ref === undefined ? [] : [this.#palette.dim(formatRef(ref))]));
		const head = `${"  ".repeat(depth)}${label}`.padEnd(16);
		this.text += `${[`${head} ${value}`, ...places].join("  ").trimEnd()}\n`;
	}
}

/** `HTTPRoute shop/reviews spec.rules[0] (routes.yaml:15)`. */
export function formatRef({ kind, namespace, name, file, line, path }: Ref): string {
	const place = line === 0 ? file : `${file}:${line}`;
	return `${kind} ${namespace}/${name}${path === "" ? "" : ` ${path}`} (${place})`;
}

function formatHop(hop: HopExplanation, page: Page, depth: number): void {
	const chain = hop.filterChain === "" ? "" : `, filter chain ${hop.filterChain}`;
	page.line(depth, "listener", `${hop.listener}${chain} of ${hop.proxy}${hop.tls === undefined ? "" : `; ${hop.tls}`}`);
	if (hop.tokens !== undefined) {
		const { status, requirement, objects, isSignatureUnchecked } = hop.tokens;
		page.line(
			depth,
			"token",
			`${status}; wanted: ${requirement}${isSignatureUnchecked === true ? "; the signature was not checked: its keys are elsewhere" : ""}`,
			...objects,
		);
	}
	for (const policy of hop.policies) formatPolicy(policy, page, depth);
	if (hop.http !== undefined) {
		const { routeConfiguration, normalizedPath, virtualHost, route, passedOver } = hop.http;
		if (normalizedPath !== undefined) page.line(depth, "path", `${normalizedPath}, after normalisation`);
		page.line(depth, "virtual host", `${virtualHost ?? "none"} of ${routeConfiguration}`);
		for (const { name, object, failed } of passedOver.slice(-maxShown))
			page.line(
				depth,
				"passed over",
				`${object === undefined ? `${name === "" ? "a route" : name}: ` : ""}wants ${failed.join(" and ")}`,
				object,
			);
		if (route !== undefined) formatRoute(route, page, depth);
	}
	for (const { cluster, percent } of hop.tcp?.clusters ?? [])
		page.line(depth, "passes on", `${cluster}${percent === 100 ? "" : ` ${percent} %`}`);
	for (const note of hop.notes) page.line(depth, "note", note);
}

function formatPolicy(
	{ action, isDryRun, verdict, object, policy, rules }: PolicyExplanation,
	page: Page,
	depth: number,
): void {
	const dry = isDryRun ? " (dry run)" : "";
	const told = isDryRun && verdict === "denied" ? "would have been denied" : verdict;
	page.line(depth, "policy", `${action}${dry}: ${told}${policy === undefined ? "" : ` by ${policy}`}`, object);
	if (policy !== undefined) return;
	for (const rule of rules.slice(0, maxShown))
		page.line(depth + 1, "rule", `wants ${rule.failed.join(" and ")}`, rule.object);
}

function formatRoute(route: RouteExplanation, page: Page, depth: number): void {
	page.line(depth, "route", route.match === "" ? route.name : route.match, route.object);
	const facts: readonly (readonly [string, string | undefined])[] = [
		["redirect", route.location === undefined ? undefined : `${route.status} ${route.location}`],
		["answer", route.action === "direct-response" ? String(route.status) : undefined],
		["rewrite", describeRewrite(route)],
		["request", joined(route.requestHeaders)],
		["response", joined(route.responseHeaders)],
		["timeout", route.timeoutMs === undefined || route.timeoutMs === 0 ? undefined : `${route.timeoutMs} ms`],
		["retries", describeRetries(route)],
		["faults", joined(route.faults)],
		["mirrors", joined(route.mirrors.map(({ cluster, percent }) => `${cluster} ${percent} %`))],
		[
			"weights",
			route.weights.length < 2
				? undefined
				: joined(route.weights.map(({ cluster, percent }) => `${cluster} ${percent} %`)),
		],
	];
	for (const [label, value] of facts) if (value !== undefined) page.line(depth + 1, label, value);
}

function joined(texts: readonly string[]): string | undefined {
	return texts.length === 0 ? undefined : texts.join(", ");
}

function describeRewrite({ rewritten }: RouteExplanation): string | undefined {
	if (rewritten === undefined) return undefined;
	const { path, host } = rewritten;
	return joined([...(path === undefined ? [] : [`path ${path}`]), ...(host === undefined ? [] : [`host ${host}`])]);
}

function describeRetries({ retries }: RouteExplanation): string | undefined {
	if (retries === undefined) return undefined;
	const each = retries.perTryTimeoutMs === undefined ? "" : `, ${retries.perTryTimeoutMs} ms each`;
	return `${retries.attempts} on ${retries.on.join(", ")}${each}`;
}

function formatDestination(destination: DestinationExplanation, page: Page): void {
	const { cluster, percent, objects, discovery, endpoints, workloads } = destination;
	const share = percent === 100 ? "" : ` (${percent} %)`;
	page.line(0, "cluster", `${cluster}${share}${discovery === undefined ? "" : `, ${discovery}`}`, ...objects);
	const ordered = [...endpoints].sort((a, b) => b.share - a.share);
	for (const endpoint of ordered.slice(0, maxShown)) page.line(1, "endpoint", describeEndpoint(endpoint));
	if (ordered.length > maxShown) page.line(1, "", `and ${ordered.length - maxShown} more`);
	for (const workload of workloads) formatWorkload(workload, page);
}

function describeEndpoint({ address, health, locality, priority, share, instance }: EndpointExplanation): string {
	const parts = [
		instance === undefined ? address : `${address} ${instance}`,
		health,
		...(locality === "" ? [] : [locality]),
		...(priority === 0 ? [] : [`priority ${priority}`]),
		`${share} %`,
	];
	return parts.join(", ");
}

function formatWorkload({ workload, tls, inbound }: WorkloadExplanation, page: Page): void {
	page.line(1, "workload", workload);
	const { mode, serverName, expected, serverMode, objects } = tls;
	const facts = [
		mode,
		...(serverName === undefined ? [] : [`SNI ${serverName}`]),
		...(expected.length === 0 ? [] : [`expects ${expected.slice(0, maxShown).join(" or ")}`]),
		...(serverMode === undefined ? [] : [`the server is ${serverMode}`]),
	];
	page.line(1, "transport", facts.join("; "), ...objects);
	if (inbound !== undefined) formatHop(inbound, page, 1);
}

function formatEnd(explanation: Explanation, page: Page, palette: Palette): void {
	const { outcome, summary, status, flags, fix, because } = explanation;
	const paint = outcome === "reached" ? palette.good : outcome === "answered" ? palette.warn : palette.bad;
	const answer =
		outcome === "reached" || status === undefined
			? ""
			: status === 0
				? ", the connection is closed"
				: `, status ${status}`;
	const flag = flags === undefined || flags === "-" ? "" : ` ${flags}`;
	page.line(0, "outcome", `${paint(outcome)}${answer}${flag}`);
	page.line(0, "why", summary);
	if (outcome !== "reached") for (const ref of because.slice(0, maxShown)) page.line(0, "object", formatRef(ref));
	if (fix !== undefined) page.line(0, "fix", fix);
}
