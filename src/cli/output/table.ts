import { stripColour } from "./colour.ts";

/** A table in columns as wide as their widest cell, two spaces apart; cells may be coloured. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
	const all = [head, ...rows];
	const widths = head.map((_, column) => Math.max(...all.map((row) => measure(row[column] ?? ""))));
	return all.map((row) => `${formatRow(row, widths)}\n`).join("");
}

function formatRow(row: readonly string[], widths: readonly number[]): string {
	return widths
		.map((width, column) => {
			const cell = row[column] ?? "";
			return cell + " ".repeat(width - measure(cell));
		})
		.join("  ")
		.trimEnd();
}

function measure(cell: string): number {
	return [...stripColour(cell)].length;
}
