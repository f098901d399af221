import { getHeader } from "../../core/index.ts";
import type { RequestHead, StreamInfo } from "../format/stream-info.ts";
import { matchRequestHeaders } from "../matcher/match.ts";
import { emptyRuntime, getRuntimeNumber, type Runtime } from "../runtime/runtime.ts";
import { hashRequest } from "./hash.ts";
import type {
	ClusterSpecifier,
	HashPolicy,
	RouteConfig,
	RouteMatch,
	RouteTableConfig,
	VirtualHostConfig,
} from "./route-config.ts";
import { createRouteEntry, createTlsRedirectEntry, type RouteEntry, type RouteTable } from "./route-entry.ts";
import { RouteIndex } from "./route-index.ts";
import { matchBesidesPath, matchRoute } from "./route-match.ts";
import { VirtualHostIndex } from "./virtual-host-index.ts";

/** Compiles a route configuration.
 *  @throws never: the configuration was validated */
export function createRouteTable(config: RouteTableConfig, runtime: Runtime = emptyRuntime): RouteTable {
	return new CompiledRouteTable(config, runtime);
}

class CompiledRouteTable implements RouteTable {
	readonly name: string;
	readonly clusterNames: ReadonlySet<string>;
	readonly internalOnlyHeaders: readonly string[];
	private readonly hosts = new VirtualHostIndex<CompiledVirtualHost>();
	private readonly hostsByName = new Map<string, CompiledVirtualHost>();
	private readonly only: CompiledVirtualHost | undefined;
	private readonly ignorePort: boolean;
	private readonly ignorePathParameters: boolean;
	private readonly virtualHostHeader: string;
	private readonly runtime: Runtime;

	constructor(config: RouteTableConfig, runtime: Runtime) {
		this.name = config.name;
		this.internalOnlyHeaders = config.internalOnlyHeaders;
		this.runtime = runtime;
		this.ignorePort = config.ignorePortInHostMatching;
		this.ignorePathParameters = config.ignorePathParameters;
		this.virtualHostHeader = config.virtualHostHeader;
		for (const host of config.virtualHosts) {
			const compiled = new CompiledVirtualHost(config, host);
			this.hostsByName.set(host.name, compiled);
			for (const domain of host.domains) this.hosts.add(domain, compiled);
		}
		this.only = this.hosts.only;
		this.clusterNames = collectClusterNames(config);
	}

	match(request: RequestHead, stream: StreamInfo, random: number): RouteEntry | undefined {
		const host = this.only ?? this.findHost(this.virtualHostName(request));
		if (host === undefined) return undefined;
		if (host.requireTls !== "none") {
			const redirect = host.redirectToTls(request);
			if (redirect !== undefined) return redirect === "no-route" ? undefined : redirect;
		}
		const path = cutPath(request.path, this.ignorePathParameters);
		const lowerPath = host.needsLowerPath ? path.toLowerCase() : path;
		const { routes, index } = host;
		index?.open(path, lowerPath);
		for (let place = 0; ; place++) {
			const number = index === undefined ? place : index.next();
			const route = routes[number];
			if (route === undefined) return undefined;
			const { match } = route;
			const isTaken =
				route.isFoundByPath && path !== ""
					? matchBesidesPath(match, request, stream, random, this.runtime)
					: matchRoute(match, path, lowerPath, request, stream, random, this.runtime);
			if (!isTaken) continue;
			return route.weighted === undefined ? route.entry : route.weighted.pick(request, stream, random, this.runtime);
		}
	}

	matchVirtualCluster(request: RequestHead, entry: RouteEntry): string {
		const clusters = this.hostsByName.get(entry.virtualHostName)?.config.virtualClusters;
		if (clusters === undefined) return "";
		for (const cluster of clusters) if (matchRequestHeaders(cluster.headers, request)) return cluster.name;
		return "";
	}

	private virtualHostName(request: RequestHead): string {
		if (this.virtualHostHeader === "") return request.authority;
		return getHeader(request.headers, this.virtualHostHeader) ?? "";
	}

	private findHost(authority: string): CompiledVirtualHost | undefined {
		const host = this.ignorePort ? cutPort(authority) : authority;
		return this.hosts.find(host.toLowerCase());
	}
}

/** Virtual hosts with fewer routes are read from the first on. */
const indexedFrom = 8;

interface CompiledRoute {
	readonly match: RouteMatch;
	/** Whether the index gives it for paths that it takes and for no other. */
	readonly isFoundByPath: boolean;
	/** For everything but weighted clusters. */
	readonly entry: RouteEntry;
	readonly weighted: WeightedEntries | undefined;
}

class CompiledVirtualHost {
	readonly config: VirtualHostConfig;
	readonly routes: readonly CompiledRoute[];
	/** Where to look first; undefined where a look at every route is as quick. */
	readonly index: RouteIndex | undefined;
	readonly requireTls: VirtualHostConfig["requireTls"];
	/** Whether a route ignores case. */
	readonly needsLowerPath: boolean;
	private readonly tlsRedirect: RouteEntry;

	constructor(table: RouteTableConfig, config: VirtualHostConfig) {
		this.config = config;
		this.requireTls = config.requireTls;
		const isIndexed = config.routes.length >= indexedFrom;
		this.routes = config.routes.map((route) => ({
			match: route.match,
			isFoundByPath: isIndexed && (route.match.path.kind === "prefix" || route.match.path.kind === "exact"),
			entry: createRouteEntry(table, config, route, undefined),
			weighted: createWeightedEntries(table, config, route),
		}));
		this.index = isIndexed ? new RouteIndex(config.routes.map(({ match }) => match.path)) : undefined;
		this.needsLowerPath = config.routes.some(({ match }) => "ignoreCase" in match.path && match.path.ignoreCase);
		this.tlsRedirect = createTlsRedirectEntry(table, config);
	}

	/** The redirect when the request came in plain text; `no-route` when that cannot be told. */
	redirectToTls(request: RequestHead): RouteEntry | "no-route" | undefined {
		const scheme = getHeader(request.headers, "x-forwarded-proto");
		if (scheme === undefined) return "no-route";
		if (scheme === "https") return undefined;
		if (this.requireTls === "external-only" && getHeader(request.headers, "x-envoy-internal") === "true")
			return undefined;
		return this.tlsRedirect;
	}
}

function createWeightedEntries(
	table: RouteTableConfig,
	host: VirtualHostConfig,
	route: RouteConfig,
): WeightedEntries | undefined {
	if (route.action.kind !== "forward" || route.action.cluster.kind !== "weighted") return undefined;
	const { cluster } = route.action;
	return new WeightedEntries(
		cluster,
		cluster.clusters.map((weighted) => createRouteEntry(table, host, route, weighted)),
		route.action.hashPolicies,
	);
}

class WeightedEntries {
	private readonly specifier: ClusterSpecifier & { readonly kind: "weighted" };
	private readonly entries: readonly RouteEntry[];
	/** Those of the route when the hash chooses the cluster too. */
	private readonly hashPolicies: readonly HashPolicy[];

	constructor(
		specifier: ClusterSpecifier & { readonly kind: "weighted" },
		entries: readonly RouteEntry[],
		hashPolicies: readonly HashPolicy[],
	) {
		this.hashPolicies = specifier.usesHashPolicy ? hashPolicies : [];
		this.specifier = specifier;
		this.entries = entries;
	}

	pick(request: RequestHead, stream: StreamInfo, random: number, runtime: Runtime): RouteEntry | undefined {
		const { clusters, runtimeKeyPrefix, totalWeight } = this.specifier;
		const total = runtimeKeyPrefix === "" ? totalWeight : this.sumWeights(runtime);
		let left = this.readHeader(request, total) ?? this.readHash(request, stream, total) ?? Math.floor(random * total);
		for (let index = 0; index < clusters.length; index++) {
			const weight = this.weightOf(index, runtime);
			if (left < weight) return this.entries[index];
			left -= weight;
		}
		return this.entries.at(-1);
	}

	private readHeader(request: RequestHead, total: number): number | undefined {
		if (this.specifier.randomValueHeader === "" || total === 0) return undefined;
		const text = getHeader(request.headers, this.specifier.randomValueHeader);
		if (text === undefined || !/^\d{1,20}$/.test(text)) return undefined;
		return Number(BigInt(text) % BigInt(total));
	}

	private readHash(request: RequestHead, stream: StreamInfo, total: number): number | undefined {
		if (this.hashPolicies.length === 0 || total === 0) return undefined;
		const hash = hashRequest(this.hashPolicies, request, stream, undefined);
		return hash === undefined ? undefined : Number(hash % BigInt(total));
	}

	private weightOf(index: number, runtime: Runtime): number {
		const cluster = this.specifier.clusters[index]!;
		const prefix = this.specifier.runtimeKeyPrefix;
		return prefix === "" ? cluster.weight : getRuntimeNumber(runtime, `${prefix}.${cluster.name}`, cluster.weight);
	}

	private sumWeights(runtime: Runtime): number {
		let sum = 0;
		for (let index = 0; index < this.specifier.clusters.length; index++) sum += this.weightOf(index, runtime);
		return sum;
	}
}

/** The path without query and fragment, and without path parameters when they do not count. */
function cutPath(path: string, ignoreParameters: boolean): string {
	for (let index = 0; index < path.length; index++) {
		const code = path.charCodeAt(index);
		if (code === 63 /* ? */ || code === 35 /* # */ || (ignoreParameters && code === 59) /* ; */)
			return path.slice(0, index);
	}
	return path;
}

/** A host up to its last colon, whatever follows: Envoy does not look whether it is a number when it ignores ports. */
function cutPort(host: string): string {
	const colon = host.lastIndexOf(":");
	return colon === -1 || host.endsWith("]") ? host : host.slice(0, colon);
}

/** A host without its port; an IPv6 literal keeps its brackets. */
export function withoutPort(host: string): string {
	const colon = host.lastIndexOf(":");
	if (colon === -1 || host.endsWith("]")) return host;
	for (let index = colon + 1; index < host.length; index++) {
		const code = host.charCodeAt(index);
		if (code < 48 || code > 57) return host;
	}
	return host.slice(0, colon);
}

function collectClusterNames(config: RouteTableConfig): ReadonlySet<string> {
	const names = new Set<string>();
	for (const host of config.virtualHosts) {
		for (const { action } of host.routes) {
			if (action.kind !== "forward") continue;
			if (action.cluster.kind === "name") names.add(action.cluster.name);
			if (action.cluster.kind === "weighted")
				for (const { name } of action.cluster.clusters) if (name !== "") names.add(name);
			for (const { cluster } of action.mirrorPolicies) if (cluster !== "") names.add(cluster);
		}
	}
	return names;
}
