import type { LoadStatus } from "../mesh/admin-api.ts";
import type { Palette } from "./colour.ts";
import { formatTable } from "./table.ts";

/** Load, a line a locality of a cluster; of a client where each is shown for itself. */
export function formatLoad(load: readonly LoadStatus[], palette: Palette): string {
	if (load.length === 0) return "nobody reports load yet\n";
	const isByClient = load[0]!.client !== undefined;
	const head = [
		"CLUSTER",
		isByClient ? "CLIENT" : "CLIENTS",
		"LOCALITY",
		"REQ/s",
		"ERR/s",
		"IN FLIGHT",
		"REQUESTS",
		"ERRORS",
		"DROPPED/s",
	];
	const rows = load.map((row) => [
		row.cluster,
		row.client === undefined ? String(row.clients) : (row.client.split("~")[2] ?? row.client),
		row.priority === 0 ? row.locality || "-" : `${row.locality || "-"} (priority ${row.priority})`,
		String(row.rate),
		row.errorRate > 0 ? palette.bad(String(row.errorRate)) : "0",
		String(row.inProgress),
		String(row.requests),
		String(row.errors),
		formatDrops(row.drops, palette),
	]);
	return formatTable(head, rows);
}

function formatDrops(drops: LoadStatus["drops"], palette: Palette): string {
	const named = Object.entries(drops).filter(([, rate]) => rate > 0);
	if (named.length === 0) return "0";
	return palette.warn(
		named.map(([category, rate]) => (category === "" ? String(rate) : `${rate} ${category}`)).join(", "),
	);
}
