import { holds, type Outcome, type Scenario } from "./scenario.ts";

const nameWidth = 14;
const valueWidth = 12;

/** A table for people, the bounds with their figures, and one JSON line for programs. */
export function formatReport(scenario: Scenario, method: string, { rows, checks }: Outcome): string {
	const columns = [...new Set(rows.flatMap(({ values }) => Object.keys(values)))];
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
	const json = {
		bench: "proxy",
		scenario: scenario.name,
		...Object.fromEntries(rows.map(({ name, values }) => [name, mapValues(values)])),
		checks: checks.map((check) => ({ ...check, value: round(check.value), holds: holds(check) })),
	};
	return `${lines.join("\n")}\n${JSON.stringify(json)}\n`;
}

function formatValue(value: number | undefined): string {
	if (value === undefined || Number.isNaN(value)) return "-";
	return Math.abs(value) >= 1000 ? value.toFixed(0) : value.toFixed(2);
}

function mapValues(values: Readonly<Record<string, number>>): Record<string, number | undefined> {
	return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, round(value)]));
}

function round(value: number | undefined): number | undefined {
	return value === undefined ? undefined : Math.round(value * 100) / 100;
}
