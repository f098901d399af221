import type { FailureStatus } from "../mesh/admin-api.ts";
import type { LoggedRequest } from "../mesh/proxy-logs.ts";
import type { Palette } from "./colour.ts";
import { formatRef } from "./explanation.ts";
import { formatTable } from "./table.ts";

/** What `amime why` is told. */
export interface ToldFailures {
	/** In the order of time. */
	readonly items: readonly FailureStatus[];
	/** Instances whose proxies keep no list: stock Envoys, or out of reach. */
	readonly silent: readonly string[];
}

/** A row a failure, then their reasons, the most frequent first. */
export function formatFailureList(failures: readonly FailureStatus[], isDryRun: boolean): string {
	if (failures.length === 0) return isDryRun ? "no request would have been denied\n" : "no request has failed\n";
	const rows = failures.map((failure) => [
		failure.time,
		failure.proxy,
		nameRequest(failure),
		String(failure.status),
		failure.flags ?? "-",
		(isDryRun ? describeTried(failure) : shorten(describeDetails(failure))) ?? "-",
		failure.request_id ?? "-",
	]);
	const head = ["TIME", "PROXY", "REQUEST", "STATUS", "FLAGS", isDryRun ? "POLICY" : "DETAILS", "REQUEST ID"];
	return formatTable(head, rows) + (isDryRun ? "" : formatReasons(failures));
}

const maxReasons = 8;

/** For those that have no request id, and whoever does not want to ask about each. */
function formatReasons(failures: readonly FailureStatus[]): string {
	const told = failures.filter(
		({ fault, explanation, flags }) => fault !== null && explanation.length > 0 && flags !== "DR",
	);
	// Of reasons that are as frequent, the newest first.
	const groups = [...Map.groupBy(told, nameReason).values()].reverse();
	const lines = groups
		.sort((a, b) => b.length - a.length)
		.slice(0, maxReasons)
		.map((same) => {
			const { explanation, fix, objects } = same.at(-1)!;
			const [object] = objects;
			return [
				`${same.length} × ${explanation[0]}`,
				...(object === undefined ? [] : [`    object  ${formatRef(object)}`]),
				...(fix === null ? [] : [`    fix     ${fix}`]),
			].join("\n");
		});
	if (lines.length === 0) return "";
	const more = groups.length > maxReasons ? `\nand ${groups.length - maxReasons} more reasons` : "";
	return `\n${lines.join("\n")}${more}\n`;
}

/** Durations, counts and ports of clients make no reason another one. */
function nameReason({ explanation: [first = ""], objects }: FailureStatus): string {
	return [first.replace(/\d+/g, "0"), ...objects.slice(0, 1).map(formatRef)].join(" ");
}

const maxDetails = 56;

/** Details of TLS fill a screen; `-v` and `-o json` have all of them. */
function shorten(details: string | null): string | null {
	return details !== null && details.length > maxDetails ? `${details.slice(0, maxDetails - 1)}…` : details;
}

/** Whose turn it is, in words. */
const faults: Readonly<Record<string, string>> = {
	caller: "the caller's",
	application: "the application's",
	configuration: "the mesh configuration's",
	policy: "nobody's: a policy says so",
	network: "the network's, or the endpoint's",
};

const maxObjects = 3;

/** The answer about one request: what happened and why, then what each proxy saw of it in a line, or with everything it knows. */
export function formatFailureStory(
	id: string,
	failures: readonly FailureStatus[],
	palette: Palette,
	isVerbose: boolean,
): string {
	if (failures.length === 0)
		return `no proxy knows a failed request ${id}: each keeps its last 1000 failures, and nothing of requests that went well\n`;
	const hops = isVerbose
		? failures.map((failure) => formatFacts(failure, palette)).join("\n")
		: formatHops(failures, palette);
	return `${formatAnswer(findCause(failures), failures[0]!, palette)}\n${hops}`;
}

/** The failure that made the others: not one that was passed on, nor one whose caller had given up; of those left the last, nearest to the
 *  application. */
function findCause(failures: readonly FailureStatus[]): FailureStatus {
	const own = failures.filter(({ fault, flags }) => fault !== null && !/\b(DR|DC)\b/.test(flags ?? ""));
	return own.at(-1) ?? failures.find(({ fault }) => fault !== null) ?? failures.at(-1)!;
}

function formatAnswer(cause: FailureStatus, first: FailureStatus, { bad, dim, strong }: Palette): string {
	const { explanation, fault, fix, objects } = cause;
	const head = `${strong(nameRequest(first))} from ${first.caller ?? first.remote_address ?? "?"}: ${bad(String(first.status || "no answer"))}, because of ${strong(cause.proxy)}`;
	const shown = objects.slice(0, maxObjects).map(formatRef);
	const more = objects.length > maxObjects ? [`and ${objects.length - maxObjects} more`] : [];
	const lines: (readonly [string, readonly string[]])[] = [
		["why", explanation],
		["fault", fault === null ? [] : [faults[fault] ?? fault]],
		["objects", [...shown, ...more]],
		["fix", fix === null ? [] : [fix]],
	];
	const text = lines.flatMap(([name, values]) =>
		values.map((value, at) => `  ${dim((at === 0 ? name : "").padEnd(8))} ${value}`),
	);
	return `${[head, ...text].join("\n")}\n`;
}

/** One line a proxy and kind of failure; tries of one request are counted. */
function formatHops(failures: readonly FailureStatus[], { dim }: Palette): string {
	const groups = Map.groupBy(failures, ({ proxy, status, flags, details }) =>
		[proxy, status, flags, details].join(" "),
	);
	const rows = [...groups.values()].map((same) => {
		const { proxy, status, flags, time, duration_ms: duration } = same[0]!;
		const to = describeEndpoint(same[0]!);
		return [
			proxy,
			[status, flags ?? "-", shorten(describeDetails(same[0]!)) ?? ""].join(" ").trim(),
			`${time}, ${duration ?? "?"} ms${same.length > 1 ? `, ${same.length} times` : ""}`,
			to === null ? "" : `to ${to}`,
		];
	});
	const lines = formatTable(["PROXY", "ANSWER", "TIME", ""], rows).trimEnd().split("\n");
	return `${lines.map((line, at) => (at === 0 ? dim(line) : line)).join("\n")}\n`;
}

function formatFacts(failure: FailureStatus, { bad, dim, strong }: Palette): string {
	const isBad = failure.status >= 400 || failure.status === 0;
	const status = isBad ? bad(String(failure.status)) : String(failure.status);
	const facts: [string, unknown][] = [
		["time", `${failure.time}, took ${failure.duration_ms ?? "?"} ms`],
		["caller", failure.caller ?? failure.remote_address],
		["flags", failure.flags],
		["details", failure.details],
		["dry run", failure.would_deny === null ? null : `would have been denied by ${failure.would_deny}`],
		["audited", failure.audited],
		["lacking", failure.reason?.split(" | ").join("\n           ")],
		["route", [failure.route, failure.route_config].filter((part) => part !== null).join("  ")],
		["cluster", failure.upstream_cluster],
		["endpoint", describeEndpoint(failure)],
		["failure", failure.upstream_failure],
		["objects", failure.objects.map(formatRef).join("\n           ")],
	];
	const lines = facts.flatMap(([name, value]) =>
		value === null || value === undefined || value === "" ? [] : [`  ${dim(name.padEnd(8))} ${String(value)}`],
	);
	const why = failure.explanation.map((sentence) => `  => ${sentence}`);
	return `${[`${strong(failure.proxy)}  ${nameRequest(failure)}  ${status}`, ...lines, ...why].join("\n")}\n`;
}

/** What proxies wrote beside the flags; of connections the most telling. */
function describeDetails(failure: FailureStatus): string | null {
	const { details, termination_details: ended, caller_failure: caller, upstream_failure: upstream, method } = failure;
	return details ?? ended ?? caller ?? (method === null ? upstream : null);
}

function nameRequest({
	method,
	authority,
	path,
	remote_address: from,
	local_address: to,
	status,
}: FailureStatus): string {
	if (method === null && status === 0 && from !== null)
		return `connection from ${from}${typeof to === "string" ? ` to ${to}` : ""}`;
	return `${method ?? "-"} ${authority ?? ""}${path ?? ""}`;
}

function describeTried({ would_deny: wouldDeny, audited }: FailureStatus): string | null {
	return wouldDeny === null ? audited : `would have been denied by ${wouldDeny}`;
}

function describeEndpoint({ callee, upstream_attempts: attempts, upstream_host: host }: FailureStatus): string | null {
	if (host === null) return null;
	const tries = attempts !== null && attempts > 1 ? `, ${attempts} attempts` : "";
	return `${host}${callee === null ? "" : ` (${callee})`}${tries}`;
}

/** What the logs of proxies say that cannot be asked.
 *  @param isAlone nothing stands before it */
export function formatLoggedFailures(logged: readonly LoggedRequest[], isAlone: boolean): string {
	if (logged.length === 0) return "";
	const rows = logged.map(({ time, proxy, request, authority, status, flags, details, id }) => [
		...[time, proxy, request.replace(" ", ` ${authority ?? ""}`), status, flags],
		...[details ?? "-", id],
	]);
	const head = ["TIME", "PROXY", "REQUEST", "STATUS", "FLAGS", "DETAILS", "REQUEST ID"];
	return `${isAlone ? "" : "\n"}in the access logs of proxies that cannot be asked:\n${formatTable(head, rows)}`;
}

/** The proxies that could not be asked. */
export function formatSilentProxies(silent: readonly string[]): string {
	if (silent.length === 0) return "";
	return `\nnot asked: ${silent.join(", ")} (a stock Envoy keeps no list of failures: its answers say why in x-amime-reason, and its access log has each; or the proxy is not there, see its log in the state folder; or its admin port is out of the reach of the control plane)\n`;
}
