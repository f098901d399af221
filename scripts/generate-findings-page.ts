/** Writes docs/reference/findings.md from the table of findings of `amime analyze`. */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { type FindingCode, findingTable } from "../src/control/analysis/index.ts";

/** Where the page is. */
export const findingsPath = resolve(import.meta.dirname, "../docs/reference/findings.md");

/** The text of the page. */
export function formatFindingsPage(): string {
	const codes = (Object.keys(findingTable) as FindingCode[]).sort();
	return [
		"# Findings of `amime analyze`",
		"",
		"<!-- Written by scripts/generate-findings-page.ts from src/control/analysis/finding-table.ts; a test compares. -->",
		"",
		"`amime analyze -f DIR` judges a folder without a running mesh, `amime analyze` the mesh that runs (`GET /v1/analysis` of the admin",
		"API). Each finding has a code, which does not change, the object, its file and line, and the field. `--fail-on` says from which",
		"severity on the command ends with 1: `error` (the default), `warning`, `info`, `never`.",
		"",
		"- **error**: something does not take effect as it is written.",
		"- **warning**: it does, and most likely not what was meant.",
		"- **info**: worth knowing, on a migration above all.",
		"",
		"| code | severity | what it means | what to do |",
		"|---|---|---|---|",
		...codes.map((code) => {
			const { severity, meaning, fix } = findingTable[code];
			return `| \`${code}\` | ${severity} | ${meaning} | ${fix} |`;
		}),
		"",
	].join("\n");
}

if (import.meta.main) writeFileSync(findingsPath, formatFindingsPage());
