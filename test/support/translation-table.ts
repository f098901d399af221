import { createOfflineWorld, type Explanation, evaluate, type Query, type World } from "../../src/explain/index.ts";
import { parseObjects } from "./control-mesh.ts";

/** One case: a mesh, and calls with what becomes of them, both as one line each. */
export interface TranslationCase {
	readonly name: string;
	/** Beside the common services of the table. */
	readonly config: string;
	/** `web -> reviews GET /a x-user=jason` to the line of {@link describeCall}. */
	readonly calls: Readonly<Record<string, string>>;
	/** Faults of its documents, each of which leaves something out; none by default. */
	readonly faults?: number;
	/** What else the client is, or has. */
	readonly with?: Partial<Query>;
}

/** The world of documents. */
export function openWorld(...documents: readonly string[]): World {
	return createOfflineWorld(parseObjects(...documents));
}

/** Sends a call through the world's proxies. The date is 2026-01-01. */
export function simulateCall(world: World, call: string, more: Partial<Query> = {}): Explanation {
	const match = /^(\S+) -> (\S+)(?: ([A-Z]+))?(?: (\/\S*))?((?: \S+=\S*)*)$/.exec(call);
	if (match === null) throw new Error(`no call: ${call}`);
	const [, from = "", to = "", method = "GET", path = "/", headers = ""] = match;
	const pairs = headers
		.split(" ")
		.filter((text) => text !== "")
		.map((text): [string, string] => [text.slice(0, text.indexOf("=")), text.slice(text.indexOf("=") + 1)]);
	return evaluate(world, { from, to, method, path, headers: pairs, ...more }, Date.UTC(2026, 0, 1) / 1000);
}

/** Where a call ends, in one line: clusters with their shares and what is rewritten, or the end with the object that decided. */
export function describeCall(explanation: Explanation): string {
	const { outcome, status, flags, because, destinations, outbound } = explanation;
	const route = outbound?.http?.route;
	const by =
		because[0] === undefined
			? ""
			: ` by ${because[0].kind} ${because[0].name}${because[0].path === "" ? "" : ` ${because[0].path}`}`;
	if (outcome === "denied") return `denied ${status}${by}`;
	if (outcome === "unroutable") return `unroutable ${status}${flags === undefined ? "" : ` ${flags}`}${by}`;
	if (outcome === "answered")
		return `answered ${status}${route?.location === undefined ? "" : ` ${route.location}`}${by}`;
	const clusters = destinations.map(
		({ cluster, percent }) => `${shorten(cluster)}${percent === 100 ? "" : ` ${percent}`}`,
	);
	const changes = [
		...(route?.rewritten?.path === undefined ? [] : [`path ${route.rewritten.path}`]),
		...(route?.rewritten?.host === undefined ? [] : [`host ${route.rewritten.host}`]),
		...(route?.requestHeaders ?? []),
		...(route?.responseHeaders ?? []).map((text) => `answer ${text}`),
		...(route?.faults ?? []),
		...(route?.mirrors ?? []).map(({ cluster, percent }) => `mirror ${shorten(cluster)} ${percent}`),
	];
	return `${clusters.join(", ")}${changes.map((change) => `; ${change}`).join("")}${by}`;
}

/** `outbound|80|v1|reviews.shop.svc.cluster.local` as `reviews.shop:80[v1]`. */
function shorten(cluster: string): string {
	const [direction, port, subset, host = ""] = cluster.split("|");
	if (direction !== "outbound") return cluster;
	return `${host.replace(".svc.cluster.local", "")}:${port}${subset === "" ? "" : `[${subset}]`}`;
}
