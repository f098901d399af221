import { findNearest, type HeaderList } from "../core/index.ts";
import type { ConnectionFacts, RequestHead } from "../engine/format/index.ts";
import { RetryOn, type RetryPolicy } from "../engine/retry/index.ts";
import {
	computeRedirect,
	createRouteTable,
	type ForwardAction,
	prepareRequest,
	type RouteConfig,
	type RouteEntry,
	type RouteTableConfig,
	resolveClusterName,
	type VirtualHostConfig,
	VirtualHostIndex,
	withoutPort,
} from "../engine/router/index.ts";
import { computeShare, emptyRuntime } from "../engine/runtime/index.ts";
import type { HttpConnectionManagerConfig } from "../proxy/runtime-config/index.ts";
import { describeMatch } from "./describe.ts";
import type { Ending, HttpExplanation, RouteExplanation, RouteMiss } from "./explanation.ts";
import { type FilterContext, type FilterResult, runFilters } from "./http-filters.ts";
import { type PreparedRequest, prepareHead } from "./http-request.ts";
import { findMisses } from "./route-misses.ts";

/** A cluster that may get a request, and the request as it would. */
export interface HttpTarget {
	readonly cluster: string;
	readonly percent: number;
	readonly request: RequestHead;
	readonly action: ForwardAction;
}

/** What a connection manager does with a request. */
export interface HttpResult {
	readonly explanation: HttpExplanation;
	readonly filters: FilterResult;
	readonly targets: readonly HttpTarget[];
	/** Where the request goes nowhere from here. */
	readonly end?: Ending;
}

/** Sends a request through a connection manager: normalisation, route, filters, rewrites. */
export function simulateHttp(
	config: HttpConnectionManagerConfig,
	given: RequestHead,
	connection: ConnectionFacts,
	context: FilterContext,
): HttpResult {
	const prepared = prepareHead(given, connection, config);
	const { request, refusal } = prepared;
	const routeConfiguration = config.routes.kind === "inline" ? config.routes.table.name : config.routes.name;
	const head = {
		routeConfiguration,
		...(request.path !== given.path && { normalizedPath: request.path }),
	};
	const none: FilterResult = { policies: [], faults: [], notes: [], isRouteStale: false };
	const stop = (
		end: Ending,
		passedOver: readonly RouteMiss[] = [],
		filters = none,
		more: Partial<HttpExplanation> = {},
	): HttpResult => ({
		explanation: { ...head, passedOver, ...more },
		filters,
		targets: [],
		end,
	});
	if (refusal !== undefined)
		return stop({ outcome: "denied", status: refusal.status, summary: `refused: ${refusal.reason}`, because: [] });
	const table = config.routes.kind === "inline" ? config.routes.table : context.proxy.routes(config.routes.name);
	if (table === undefined)
		return stop({
			outcome: "unroutable",
			status: 404,
			flags: "NR",
			summary: `the proxy has no route configuration ${routeConfiguration}`,
			because: [],
		});
	return new RoutedRequest(table, prepared, config, context, head).run(stop);
}

type Stop = (
	end: Ending,
	passedOver?: readonly RouteMiss[],
	filters?: FilterResult,
	more?: Partial<HttpExplanation>,
) => HttpResult;

class RoutedRequest {
	readonly #table: RouteTableConfig;
	readonly #prepared: PreparedRequest;
	readonly #manager: HttpConnectionManagerConfig;
	readonly #context: FilterContext;
	readonly #head: Pick<HttpExplanation, "routeConfiguration" | "normalizedPath">;
	readonly #routes: ReturnType<typeof createRouteTable>;

	constructor(
		table: RouteTableConfig,
		prepared: PreparedRequest,
		manager: HttpConnectionManagerConfig,
		context: FilterContext,
		head: Pick<HttpExplanation, "routeConfiguration" | "normalizedPath">,
	) {
		this.#table = table;
		this.#prepared = prepared;
		this.#manager = manager;
		this.#context = context;
		this.#head = head;
		this.#routes = createRouteTable(table);
	}

	run(stop: Stop): HttpResult {
		const { request } = this.#prepared;
		const host = this.#findHost();
		const filters = runFilters(this.#manager.filters, this.#prepared, this.#match(0), this.#context);
		const at = host === undefined ? {} : { virtualHost: host.name };
		// Filters run before it matters whether there is a route; only then has a token been read that routes may ask for.
		const entry = this.#match(0);
		const passedOver = host === undefined ? [] : this.#findPassedOver(host, entry);
		if (filters.end !== undefined) {
			const route =
				host === undefined || entry === undefined
					? undefined
					: this.#explain(host, entry, this.#findTargets(host, entry), filters);
			const end =
				route?.object === undefined || filters.end.because.length > 0
					? filters.end
					: { ...filters.end, because: [route.object] };
			return stop(end, passedOver, filters, { ...at, ...(route !== undefined && { route }) });
		}
		if (host === undefined) return stop(this.#noHost(), [], filters);
		if (entry === undefined) return stop(noRoute(request, host, passedOver), passedOver, filters, at);
		const targets = this.#findTargets(host, entry);
		const route = this.#explain(host, entry, targets, filters);
		const end = endOf(route, entry, request.authority);
		return {
			explanation: { ...this.#head, ...at, route, passedOver },
			filters,
			targets: end === undefined ? targets : [],
			...(end !== undefined && { end }),
		};
	}

	#match(random: number): RouteEntry | undefined {
		return this.#routes.match(this.#prepared.request, this.#prepared.stream, random);
	}

	#findHost(): VirtualHostConfig | undefined {
		const index = new VirtualHostIndex<VirtualHostConfig>();
		for (const host of this.#table.virtualHosts) for (const domain of host.domains) index.add(domain, host);
		const { authority } = this.#prepared.request;
		return index.find((this.#table.ignorePortInHostMatching ? withoutPort(authority) : authority).toLowerCase());
	}

	#noHost(): Ending {
		const { authority } = this.#prepared.request;
		const domains = this.#table.virtualHosts.flatMap((host) => host.domains);
		const nearest = findNearest(authority, domains);
		return {
			outcome: "unroutable",
			status: 404,
			flags: "NR",
			summary: `no virtual host of ${this.#table.name} takes the host ${authority}`,
			fix:
				nearest === undefined
					? `give a route, a Service or a ServiceEntry the host ${authority}`
					: `did you mean '${nearest}'?`,
			because: [],
		};
	}

	/** The routes before the one that took the request: all of them where none did. */
	#findPassedOver(host: VirtualHostConfig, entry: RouteEntry | undefined): RouteMiss[] {
		const misses: RouteMiss[] = [];
		const isTunnel = this.#prepared.request.method === "CONNECT";
		for (const route of host.routes) {
			// Every host of a forward proxy has a route for tunnels: no near miss of a request.
			if (route.match.path.kind === "connect" && !isTunnel) continue;
			const failed = findMisses(route.match, this.#prepared.request, this.#prepared.stream, 0);
			if (failed.length === 0 && entry !== undefined) break;
			const object = this.#objectOf(route, host);
			misses.push({ name: route.name, ...(object !== undefined && { object }), failed });
		}
		return misses;
	}

	#objectOf({ name, metadata }: Pick<RouteConfig, "name" | "metadata">, host: VirtualHostConfig) {
		return this.#context.provenance.ofRoute({ name, metadata, virtualHost: host.name });
	}

	/** Every cluster that a weighted route may pick, by the engine's own pick. */
	#findTargets(host: VirtualHostConfig, first: RouteEntry): HttpTarget[] {
		const route = this.#routeOf(host);
		if (first.action.kind !== "forward") return [];
		if (route?.action.kind !== "forward" || route.action.cluster.kind !== "weighted") return [this.#target(first, 100)];
		const { clusters, totalWeight } = route.action.cluster;
		const found = new Map<RouteEntry, number>();
		let before = 0;
		for (const { weight } of clusters) {
			const picked = weight === 0 ? undefined : this.#match((before + weight / 2) / totalWeight);
			before += weight;
			if (picked !== undefined) found.set(picked, (found.get(picked) ?? 0) + (100 * weight) / totalWeight);
		}
		return [...found].map(([entry, percent]) => this.#target(entry, Number(percent.toFixed(2))));
	}

	#routeOf(host: VirtualHostConfig): RouteConfig | undefined {
		const { request, stream } = this.#prepared;
		return host.routes.find(({ match }) => findMisses(match, request, stream, 0).length === 0);
	}

	#target(entry: RouteEntry, percent: number): HttpTarget {
		const { stream } = this.#prepared;
		const action = entry.action as ForwardAction;
		const request: RequestHead = { ...this.#prepared.request, headers: [...this.#prepared.request.headers] };
		const cluster = resolveClusterName(action, request);
		prepareRequest(entry, request, { ...stream, request }, { insertOriginalPath: false });
		return { cluster, percent, request, action };
	}

	#explain(
		host: VirtualHostConfig,
		entry: RouteEntry,
		targets: readonly HttpTarget[],
		filters: FilterResult,
	): RouteExplanation {
		const route = this.#routeOf(host);
		const object = this.#objectOf(entry, host);
		const { action } = entry;
		const { request, stream } = this.#prepared;
		const first = targets[0]?.request;
		return {
			name: entry.name,
			...(object !== undefined && { object }),
			match: route === undefined ? "" : describeMatch(route.match),
			action: action.kind === "non-forwarding" ? "other" : action.kind,
			...(action.kind === "redirect" && {
				status: action.status,
				location: computeRedirect(action, { ...request, headers: [...request.headers] }, stream, {
					insertOriginalPath: false,
				}),
			}),
			...(action.kind === "direct-response" && { status: action.status, body: new TextDecoder().decode(action.body) }),
			weights: targets.map(({ cluster, percent }) => ({ cluster, percent })),
			...(first !== undefined &&
				(first.path !== request.path || first.authority !== request.authority) && {
					rewritten: {
						...(first.path !== request.path && { path: first.path }),
						...(first.authority !== request.authority && { host: first.authority }),
					},
				}),
			requestHeaders: first === undefined ? [] : compareHeaders(request.headers, first.headers),
			responseHeaders: describeResponseHeaders(entry, this.#prepared),
			...(action.kind === "forward" && { timeoutMs: action.timeoutMs, ...describeRetries(action.retryPolicy) }),
			faults: filters.faults,
			mirrors:
				action.kind !== "forward"
					? []
					: action.mirrorPolicies.map(({ cluster, fraction }) => ({
							cluster,
							percent: fraction === undefined ? 100 : Number((computeShare(fraction, emptyRuntime) * 100).toFixed(4)),
						})),
		};
	}
}

const maxWanted = 5;

function noRoute(request: RequestHead, host: VirtualHostConfig, misses: readonly RouteMiss[]): Ending {
	const [nearest] = [...misses].sort((a, b) => distanceOf(a) - distanceOf(b));
	const none = `no route of ${host.name} takes ${request.method} ${request.path}`;
	const fix = "add a rule that takes this request, or one without matches at the end";
	const end = { outcome: "unroutable" as const, status: 404, flags: "NR", fix };
	if (nearest === undefined) return { ...end, summary: none, because: [] };
	const because = nearest.object === undefined ? [] : [nearest.object];
	// Of routes for other paths none is nearer than the others.
	if (misses.length > 1 && nearest.failed.some(isOfPath)) {
		const paths = new Set(misses.flatMap(({ failed }) => failed.filter(isOfPath).map(wantedOf)));
		const more = paths.size > maxWanted ? ` and ${paths.size - maxWanted} more` : "";
		return {
			...end,
			summary: `${none}: its routes are for ${[...paths].slice(0, maxWanted).join(", ")}${more}`,
			because,
		};
	}
	const { kind, namespace, name, path } = nearest.object ?? { kind: "", namespace: "", name: "", path: "" };
	const where = nearest.object === undefined ? nearest.name : `${kind} ${namespace}/${name} ${path}`;
	return { ...end, summary: `${none}; the nearest, ${where}, wants ${nearest.failed.join(" and ")}`, because };
}

function isOfPath(miss: string): boolean {
	return miss.startsWith("path ");
}

/** A condition without what there was in place of what it wants. */
function wantedOf(miss: string): string {
	return miss.replace(/, not .*$/s, "");
}

/** How far a route is from taking a request: one for another path is further than one for other methods or headers. */
function distanceOf({ failed }: RouteMiss): number {
	return failed.length + (failed.some(isOfPath) ? failed.length + 2 : 0);
}

/** Virtual hosts that translation makes for hosts that no object describes. */
const unknownHosts = new Set(["unknown_host", "block_all"]);

/** The end of a request that a route answers itself. */
function endOf(
	{ status = 0, object, location, body = "" }: RouteExplanation,
	{ action, virtualHostName }: RouteEntry,
	authority: string,
): Ending | undefined {
	const because = object === undefined ? [] : [object];
	if (unknownHosts.has(virtualHostName) && action.kind === "direct-response")
		return {
			outcome: "unroutable",
			status,
			summary: `the host ${authority} is no service that the proxy knows`,
			fix: `give a route, a Service or a ServiceEntry the host ${authority}`,
			because,
		};
	switch (action.kind) {
		case "redirect":
			return { outcome: "answered", status, summary: `the route redirects to ${location} (${status})`, because };
		case "direct-response": {
			// Routes of the Gateway API answer nothing themselves: this stands for backends that cannot be used.
			const isBroken = object?.kind === "HTTPRoute" || object?.kind === "GRPCRoute";
			if (!isBroken)
				return { outcome: "answered", status, summary: `the route answers itself with ${status}`, because };
			// The body says why, behind the rule.
			const why = body.slice(body.indexOf(": ") + 2).trim();
			return {
				outcome: "unroutable",
				status,
				summary: `the route has no backend that can be used (${status})${why === "" ? "" : `: ${why}`}`,
				fix: "name a Service that exists, or grant the reference",
				because,
			};
		}
		case "non-forwarding":
			return { outcome: "unroutable", status: 404, summary: "the route forwards nothing", because };
		case "forward":
			return undefined;
	}
}

function describeRetries(policy: RetryPolicy | undefined): Pick<RouteExplanation, "retries"> {
	if (policy === undefined || policy.numRetries === 0) return {};
	const on = Object.entries(RetryOn)
		.filter(([, bit]) => (policy.retryOn & bit) !== 0)
		.map(([name]) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`));
	const { numRetries, perTryTimeoutMs, retriableStatusCodes } = policy;
	return {
		retries: {
			attempts: numRetries,
			on: [...on, ...retriableStatusCodes.map(String)],
			...(perTryTimeoutMs > 0 && { perTryTimeoutMs }),
		},
	};
}

function describeResponseHeaders(entry: RouteEntry, { stream }: PreparedRequest): string[] {
	if (entry.responseHeaders.isEmpty) return [];
	const headers: HeaderList = [];
	entry.responseHeaders.apply(headers, stream);
	return compareHeaders([], headers);
}

/** What is another value, new or gone. */
function compareHeaders(before: HeaderList, after: HeaderList): string[] {
	const read = (list: HeaderList): Map<string, string> => {
		const values = new Map<string, string>();
		for (let at = 0; at < list.length; at += 2) {
			const known = values.get(list[at]!);
			values.set(list[at]!, known === undefined ? list[at + 1]! : `${known}, ${list[at + 1]}`);
		}
		return values;
	};
	const old = read(before);
	const fresh = read(after);
	return [
		...[...fresh].filter(([name, value]) => old.get(name) !== value).map(([name, value]) => `set ${name}: ${value}`),
		...[...old.keys()].filter((name) => !fresh.has(name)).map((name) => `remove ${name}`),
	];
}
