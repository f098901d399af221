/** The formats of `-o`. */
export const outputFormats = ["table", "json", "yaml"] as const;
export type OutputFormat = (typeof outputFormats)[number];

/** Renders `value` as JSON or YAML, or as the table that `toTable` makes. */
export async function render(format: OutputFormat, value: unknown, toTable: () => string): Promise<string> {
	if (format === "table") return toTable();
	if (format === "json") return `${JSON.stringify(value, undefined, 2)}\n`;
	return formatYaml(value);
}

/** `value` as a YAML document. */
export async function formatYaml(value: unknown): Promise<string> {
	const { stringify } = await import("yaml");
	// Quotes what older readers of YAML would take for something else, such as yes and 0123.
	return stringify(value, { version: "1.1", compat: null });
}
