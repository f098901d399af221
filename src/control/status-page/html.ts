/** Rows of a table that are shown; the command line has them all. */
const maxRows = 500;

/** A cell: text, told as bad where it is; with a `command` to copy below. */
export type Cell = string | { readonly text: string; readonly isBad?: boolean; readonly command?: string };

/** A part of the page under a heading. */
export interface Section {
	/** The anchor, too. */
	readonly id: string;
	readonly title: string;
	readonly head: readonly string[];
	readonly rows: readonly (readonly Cell[])[];
	/** What stands in the place of a table without rows. */
	readonly empty: string;
}

export function formatSection({ id, title, head, rows, empty }: Section): string {
	return `<section aria-labelledby="${id}">\n<h2 id="${id}">${escapeHtml(title)}</h2>\n${formatTable(title, head, rows, empty)}</section>`;
}

function formatTable(name: string, head: Section["head"], rows: Section["rows"], empty: string): string {
	if (rows.length === 0) return `<p>${escapeHtml(empty)}</p>\n`;
	const shown = rows.slice(0, maxRows).map((cells) => `<tr>${cells.map(formatCell).join("")}</tr>`);
	const more = rows.length > maxRows ? `<p>and ${rows.length - maxRows} more</p>\n` : "";
	const heads = head.map((cell) => `<th scope="col">${escapeHtml(cell)}</th>`).join("");
	// A region that may scroll can be reached by the keyboard.
	return `<div class="scroll" role="region" aria-label="${escapeHtml(name)}" tabindex="0">
<table>
<thead><tr>${heads}</tr></thead>
<tbody>
${shown.join("\n")}
</tbody>
</table>
</div>
${more}`;
}

function formatCell(cell: Cell): string {
	if (typeof cell === "string") return `<td>${escapeHtml(cell)}</td>`;
	const { text, isBad = false, command } = cell;
	const more = command === undefined ? "" : `\n<code>${escapeHtml(command)}</code>`;
	return `<td${isBad ? ' class="bad"' : ""}>${escapeHtml(text)}${more}</td>`;
}

/** Letters that turn the direction of what follows them: they would show the page's own words in another order. */
const directions = /[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Text as it may stand in an element or an attribute. */
export function escapeHtml(text: string): string {
	return text
		.replaceAll(directions, "\ufffd")
		.replaceAll("&", "&amp;")
		.replaceAll("<", "&lt;")
		.replaceAll(">", "&gt;")
		.replaceAll('"', "&quot;");
}

export function count(number: number, one: string, many = `${one}s`): string {
	return `${number} ${number === 1 ? one : many}`;
}
