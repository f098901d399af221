import type { Locality } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import type { ClusterStats, UpstreamLocalityStats } from "../../api/gen/envoy/config/endpoint/v3/load_report_pb.js";
import type { Millis } from "../../core/index.ts";

/** What one client told of one locality of one cluster. */
export interface LoadRow {
	/** The node id of the client. */
	readonly client: string;
	readonly cluster: string;
	/** `region/zone/subZone` without what is empty at its end; empty for endpoints without a locality. */
	readonly locality: string;
	/** 0 is used first. */
	readonly priority: number;
	/** Requests sent a second in the newest interval. */
	readonly rate: number;
	/** Requests that failed a second in the newest interval. */
	readonly errorRate: number;
	readonly inProgress: number;
	/** Since its stream began. */
	readonly requests: number;
	readonly errors: number;
}

/** Requests that one client did not send, by the category it gave them. */
export interface DropRow {
	readonly client: string;
	readonly cluster: string;
	/** Empty for those without. */
	readonly category: string;
	readonly rate: number;
	readonly dropped: number;
}

export interface LoadBoardOptions {
	/** Localities and drop categories that are remembered, of all clients; 100,000 by default. */
	readonly maxRows?: number;
	/** How long a cluster that is no longer told of is remembered; five minutes by default. */
	readonly keptMs?: number;
}

/** Longer names are nobody's. */
const maxNameLength = 1_024;
const defaultMaxRows = 100_000;
const defaultKeptMs = 300_000;

interface Figures {
	rate: number;
	errorRate: number;
	inProgress: number;
	requests: number;
	errors: number;
}

interface ClusterLoad {
	reportedAt: Millis;
	readonly localities: Map<string, Figures & { readonly locality: string; readonly priority: number }>;
	readonly drops: Map<string, { rate: number; dropped: number }>;
}

/** One client's stream. */
export interface LoadReporter {
	readonly client: string;
	readonly clusters: Map<string, ClusterLoad>;
}

/** What clients told of their load, while they are connected. */
export class LoadBoard {
	readonly #maxRows: number;
	readonly #keptMs: number;
	readonly #reporters = new Set<LoadReporter>();
	#size = 0;

	constructor({ maxRows = defaultMaxRows, keptMs = defaultKeptMs }: LoadBoardOptions = {}) {
		this.#maxRows = maxRows;
		this.#keptMs = keptMs;
	}

	/** How many rows there are. */
	get size(): number {
		return this.#size;
	}

	/** A client begins to report. Several streams of one client add up: threads of a proxy report each for itself. */
	open(client: string): LoadReporter {
		const reporter = { client, clusters: new Map() };
		this.#reporters.add(reporter);
		return reporter;
	}

	/** Its stream is over. */
	close(reporter: LoadReporter): void {
		if (!this.#reporters.delete(reporter)) return;
		for (const load of reporter.clusters.values()) this.#size -= sizeOf(load);
	}

	/** Takes in a report.
	 *  @returns rows that there was no room for */
	report(reporter: LoadReporter, stats: readonly ClusterStats[], now: Millis): number {
		let refused = 0;
		for (const cluster of stats) refused += this.#take(reporter, cluster, now);
		for (const [name, load] of reporter.clusters) {
			if (now - load.reportedAt <= this.#keptMs) continue;
			reporter.clusters.delete(name);
			this.#size -= sizeOf(load);
		}
		return refused;
	}

	rows(): LoadRow[] {
		return [...this.#reporters].flatMap(({ client, clusters }) =>
			[...clusters].flatMap(([cluster, { localities }]) =>
				[...localities.values()].map((figures) => ({ client, cluster, ...figures })),
			),
		);
	}

	drops(): DropRow[] {
		return [...this.#reporters].flatMap(({ client, clusters }) =>
			[...clusters].flatMap(([cluster, { drops }]) =>
				[...drops].map(([category, figures]) => ({ client, cluster, category, ...figures })),
			),
		);
	}

	#take({ clusters }: LoadReporter, stats: ClusterStats, now: Millis): number {
		const { clusterName: name, upstreamLocalityStats } = stats;
		if (name === "" || name.length > maxNameLength) return 1;
		const seconds = readSeconds(stats);
		const dropped = readDrops(stats);
		let load = clusters.get(name);
		if (load === undefined && upstreamLocalityStats.length === 0 && dropped.length === 0) return 0;
		load ??= { reportedAt: now, localities: new Map(), drops: new Map() };
		load.reportedAt = now;
		// What is not told of had nothing to tell.
		for (const figures of load.localities.values()) Object.assign(figures, { rate: 0, errorRate: 0, inProgress: 0 });
		for (const figures of load.drops.values()) figures.rate = 0;
		let refused = 0;
		for (const told of upstreamLocalityStats) if (!this.#addLocality(load, told, seconds)) refused++;
		for (const [category, count] of dropped) if (!this.#addDrops(load, category, count, seconds)) refused++;
		if (sizeOf(load) > 0) clusters.set(name, load);
		return refused;
	}

	#addLocality({ localities }: ClusterLoad, told: UpstreamLocalityStats, seconds: number): boolean {
		const locality = formatLocality(told.locality);
		const key = `${told.priority} ${locality}`;
		let figures = localities.get(key);
		if (figures === undefined) {
			if (this.#size >= this.#maxRows || locality.length > maxNameLength) return false;
			figures = {
				...{ locality, priority: told.priority },
				...{ rate: 0, errorRate: 0, inProgress: 0, requests: 0, errors: 0 },
			};
			localities.set(key, figures);
			this.#size++;
		}
		const errors = Number(told.totalErrorRequests);
		// Clients older than the count of what was issued only tell what has ended.
		const requests = Number(told.totalIssuedRequests) || Number(told.totalSuccessfulRequests) + errors;
		figures.requests += requests;
		figures.errors += errors;
		figures.rate += requests / seconds;
		figures.errorRate += errors / seconds;
		figures.inProgress += Number(told.totalRequestsInProgress);
		return true;
	}

	#addDrops({ drops }: ClusterLoad, category: string, count: number, seconds: number): boolean {
		let figures = drops.get(category);
		if (figures === undefined) {
			if (this.#size >= this.#maxRows) return false;
			figures = { rate: 0, dropped: 0 };
			drops.set(category, figures);
			this.#size++;
		}
		figures.dropped += count;
		figures.rate += count / seconds;
		return true;
	}
}

function sizeOf({ localities, drops }: ClusterLoad): number {
	return localities.size + drops.size;
}

/** The interval that a client has measured; a second when it says none. */
function readSeconds({ loadReportInterval: interval }: ClusterStats): number {
	const seconds = interval === undefined ? 0 : Number(interval.seconds) + interval.nanos / 1e9;
	return seconds > 0 ? seconds : 1;
}

/** Drops by category; what of the total none of them counts, such as circuit breaking, under the empty one. */
function readDrops({ totalDroppedRequests, droppedRequests }: ClusterStats): [category: string, count: number][] {
	const drops = droppedRequests.flatMap(({ category, droppedCount }): [string, number][] =>
		category.length > maxNameLength || droppedCount === 0n ? [] : [[category, Number(droppedCount)]],
	);
	const counted = drops.reduce((sum, [, count]) => sum + count, 0);
	const others = Number(totalDroppedRequests) - counted;
	return others > 0 ? [...drops, ["", others]] : drops;
}

function formatLocality(locality: Locality | undefined): string {
	const { region = "", zone = "", subZone = "" } = locality ?? {};
	return [region, zone, subZone].join("/").replace(/\/+$/, "");
}
