import type { LimitStatus } from "../mesh/admin-api.ts";
import type { Palette } from "./colour.ts";
import { formatTable } from "./table.ts";

const units: Readonly<Record<number, string>> = { 1: "s", 60: "min", 3600: "h", 86400: "d" };

/** Limits, a line a budget; with `showsLeases` a line a lease. Local limits have a line of their own: proxies count them. */
export function formatLimits(limits: readonly LimitStatus[], palette: Palette, showsLeases: boolean): string {
	if (limits.length === 0) return "no rate limits\n";
	const head = showsLeases
		? ["LIMIT", "KEY", "PROXY", "ASKED/s", "LEASE/s", "BURST", "STREAM"]
		: ["LIMIT", "SCOPE", "RATE", "KEY", "ASKED/s", "PASSED", "LIMITED", "LEFT", "LEASES"];
	const rows = limits.flatMap((limit) => (showsLeases ? leaseRows(limit, palette) : budgetRows(limit, palette)));
	return rows.length === 0 ? "no leases\n" : formatTable(head, rows);
}

function nameOf({ namespace, policy, limit }: LimitStatus): string {
	return `${namespace}/${policy}/${limit}`;
}

function budgetRows(limit: LimitStatus, palette: Palette): string[][] {
	const rate = `${limit.requests}/${units[limit.unitSeconds] ?? `${limit.unitSeconds}s`}`;
	const scope = limit.isDryRun ? `${limit.scope} (dry run)` : limit.scope;
	const start = [nameOf(limit), scope, rate];
	if (limit.budgets.length === 0) return [[...start, limit.keys.join(", "), "", "", "", "", ""]];
	const rows = limit.budgets.map((budget) => {
		const limited = limit.isDryRun ? budget.wouldLimit : budget.limited;
		return [
			...start,
			budget.values.join(", "),
			String(budget.demand),
			String(budget.allowed),
			limited > 0 ? palette.warn(String(limited)) : "0",
			String(budget.available),
			String(budget.leases.length),
		];
	});
	return limit.more === 0 ? rows : [...rows, [...start, `and ${limit.more} more`]];
}

function leaseRows(limit: LimitStatus, palette: Palette): string[][] {
	return limit.budgets.flatMap((budget) =>
		budget.leases.map(({ proxy, demand, rate, burst, isConnected }) => [
			nameOf(limit),
			budget.values.join(", "),
			proxy,
			String(demand),
			rate === undefined ? "any" : String(rate),
			burst === undefined ? "" : String(burst),
			isConnected ? palette.good("open") : palette.bad("lost"),
		]),
	);
}
