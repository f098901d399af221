import type { DropRow, LoadBoard, LoadRow } from "./load-board.ts";

/** The load of one locality of a cluster, of all clients or of one. */
export interface ListedLoad {
	/** Node id; undefined for the sum of all clients. */
	readonly client?: string;
	readonly cluster: string;
	readonly locality: string;
	readonly priority: number;
	/** How many clients told of it. */
	readonly clients: number;
	/** Requests a second. */
	readonly rate: number;
	readonly errorRate: number;
	readonly inProgress: number;
	readonly requests: number;
	readonly errors: number;
	/** Requests that were not sent, a second, by category; only in the first row of a cluster. */
	readonly drops: Readonly<Record<string, number>>;
}

/** What is to be listed. */
export interface LoadSelection {
	/** The whole name of a cluster, or its host: `reviews.shop.svc.cluster.local`. */
	readonly cluster?: string;
	/** A node id, or what it says of the instance, `name.namespace`. */
	readonly client?: string;
	/** Each client for itself. */
	readonly isByClient: boolean;
}

/** Reads `?cluster=`, `?client=` and `?by=client`. */
export function readLoadSelection(query: URLSearchParams): LoadSelection {
	const text = (name: string): string | undefined => query.get(name) || undefined;
	const [cluster, client] = [text("cluster"), text("client")];
	return {
		...(cluster !== undefined && { cluster }),
		...(client !== undefined && { client }),
		isByClient: query.get("by") === "client",
	};
}

/** Sums up what clients told, the busiest first. */
export function listLoad(board: Pick<LoadBoard, "rows" | "drops">, selection: LoadSelection): ListedLoad[] {
	const { isByClient } = selection;
	const isWanted = ({ client, cluster }: { readonly client: string; readonly cluster: string }): boolean =>
		(selection.cluster === undefined || isNamed(cluster, selection.cluster, "|")) &&
		(selection.client === undefined || isNamed(client, selection.client, "~"));
	const clusterKey = ({ client, cluster }: { readonly client: string; readonly cluster: string }): string =>
		JSON.stringify(isByClient ? [cluster, client] : [cluster]);
	const drops = Map.groupBy(board.drops().filter(isWanted), clusterKey);
	const byCluster = Map.groupBy(board.rows().filter(isWanted), clusterKey);
	// A cluster of which everything is dropped has no locality.
	for (const key of drops.keys()) if (!byCluster.has(key)) byCluster.set(key, []);
	const clusters = [...byCluster].map(([key, rows]) => listCluster(rows, drops.get(key) ?? [], isByClient));
	return clusters.sort((a, b) => rateOf(b) - rateOf(a) || (a[0]!.cluster < b[0]!.cluster ? -1 : 1)).flat();
}

/** Whether a name is the wanted one, or has it as one of its parts. */
function isNamed(name: string, wanted: string, separator: string): boolean {
	return name === wanted || name.split(separator).includes(wanted);
}

function rateOf(rows: readonly ListedLoad[]): number {
	return rows.reduce((sum, { rate }) => sum + rate, 0);
}

function listCluster(rows: readonly LoadRow[], drops: readonly DropRow[], isByClient: boolean): ListedLoad[] {
	const places = [...Map.groupBy(rows, ({ locality, priority }) => JSON.stringify([priority, locality])).values()];
	const [{ client, cluster } = drops[0]!] = rows;
	const base = { ...(isByClient && { client }), cluster };
	const listed = places.map((same): ListedLoad => {
		const sum = (figure: "rate" | "errorRate" | "inProgress" | "requests" | "errors"): number =>
			round(same.reduce((total, row) => total + row[figure], 0));
		return {
			...base,
			locality: same[0]!.locality,
			priority: same[0]!.priority,
			clients: new Set(same.map((row) => row.client)).size,
			rate: sum("rate"),
			errorRate: sum("errorRate"),
			inProgress: sum("inProgress"),
			requests: sum("requests"),
			errors: sum("errors"),
			drops: {},
		};
	});
	listed.sort((a, b) => a.priority - b.priority || b.rate - a.rate);
	if (drops.length === 0) return listed;
	const none = { locality: "", priority: 0, clients: new Set(drops.map((row) => row.client)).size };
	const [first = { ...base, ...none, rate: 0, errorRate: 0, inProgress: 0, requests: 0, errors: 0 }] = listed;
	const byCategory = [...Map.groupBy(drops, ({ category }) => category)];
	const rates = byCategory.map(([category, same]) => [category, round(same.reduce((sum, { rate }) => sum + rate, 0))]);
	return [{ ...first, drops: Object.fromEntries(rates) as Record<string, number> }, ...listed.slice(1)];
}

/** Thousandths say enough. */
function round(value: number): number {
	return Math.round(value * 1_000) / 1_000;
}
