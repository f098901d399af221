/** The figures of one peer, by their column. */
export interface Row {
	readonly name: string;
	readonly values: Readonly<Record<string, number>>;
}

/** A figure that must reach or stay below a bound. */
export interface Check {
	readonly what: string;
	/** Undefined when a peer is missing. */
	readonly value: number | undefined;
	readonly bound: number;
	readonly kind: "at-least" | "at-most";
}

export interface Outcome {
	readonly rows: readonly Row[];
	readonly checks: readonly Check[];
}

export function holds({ value, bound, kind }: Check): boolean {
	return value === undefined || (kind === "at-least" ? value >= bound : value <= bound);
}

/** A table for people, the bounds with their figures, and one JSON line for programs. */
export function formatReport(
	bench: "proxy" | "control-plane",
	scenario: { readonly name: string; readonly title: string },
	method: string,
	{ rows, checks }: Outcome,
): string {
	const columns = [...new Set(rows.flatMap(({ values }) => Object.keys(values)))];
	const nameWidth = Math.max(14, ...rows.map(({ name }) => name.length + 1));
	const valueWidth = Math.max(12, ...columns.map((column) => column.length + 1));
	const lines = [
		`\n${scenario.title} (${method})`,
		"".padEnd(nameWidth) + columns.map((column) => column.padStart(valueWidth)).join(""),
		...rows.map(
			({ name, values }) =>
				name.padEnd(nameWidth) + columns.map((column) => formatValue(values[column]).padStart(valueWidth)).join(""),
		),
		...checks.map((check) => {
			const bound = `${check.kind === "at-least" ? "≥" : "≤"} ${check.bound}`;
			const verdict = check.value === undefined ? "not measured" : holds(check) ? "holds" : "MISSED";
			return `  ${check.what}: ${formatValue(check.value)} (must be ${bound}) ${verdict}`;
		}),
	];
	const figures = new Map(rows.map(({ name, values }) => [name, mapValues(values)]));
	const json = {
		bench,
		scenario: scenario.name,
		...Object.fromEntries(figures),
		// Of several lines of one proxy the first is its own.
		...Object.fromEntries(["amime", "envoy"].map((peer) => [peer, findPeer(figures, peer)])),
		ratio: round(checks[0]?.value),
		checks: checks.map((check) => ({ ...check, value: round(check.value), holds: holds(check) })),
	};
	return `${lines.join("\n")}\n${JSON.stringify(json)}\n`;
}

function formatValue(value: number | undefined): string {
	if (value === undefined || Number.isNaN(value)) return "-";
	return Math.abs(value) >= 1000 ? value.toFixed(0) : value.toFixed(2);
}

function findPeer<Figures>(figures: ReadonlyMap<string, Figures>, peer: string): Figures | undefined {
	return figures.get(peer) ?? [...figures].find(([name]) => name.startsWith(`${peer} `))?.[1];
}

/** Column titles as names: `req/s` is `rps`, `p99 ms` is `p99_ms`. */
function mapValues(values: Readonly<Record<string, number>>): Record<string, number | undefined> {
	return Object.fromEntries(
		Object.entries(values).map(([key, value]) => [key === "req/s" ? "rps" : key.replaceAll(" ", "_"), round(value)]),
	);
}

function round(value: number | undefined): number | undefined {
	return value === undefined ? undefined : Math.round(value * 100) / 100;
}
