import type { JudgedExpectation } from "../../explain/index.ts";
import type { Palette } from "./colour.ts";

/** How results of `amime verify` are printed: for people, as JSON, as JUnit's XML, as TAP 13. */
export const verificationFormats = ["table", "json", "junit", "tap"] as const;
export type VerificationFormat = (typeof verificationFormats)[number];

export function formatVerification(
	format: VerificationFormat,
	file: string,
	judged: readonly JudgedExpectation[],
	palette: Palette,
): string {
	switch (format) {
		case "json":
			return `${JSON.stringify(judged, undefined, 2)}\n`;
		case "junit":
			return formatJunit(file, judged);
		case "tap":
			return formatTap(judged);
		case "table":
			return formatLines(judged, palette);
	}
}

function formatLines(judged: readonly JudgedExpectation[], palette: Palette): string {
	const lines = judged.map(({ name, file, line, ok, message }) =>
		ok
			? `${palette.good("ok    ")} ${name}\n`
			: `${palette.bad("FAILED")} ${name} ${palette.dim(`(${file}:${line})`)}\n       ${message}\n`,
	);
	const failed = judged.filter(({ ok }) => !ok).length;
	return `${lines.join("")}${judged.length - failed} of ${judged.length} expectations hold\n`;
}

/** Test Anything Protocol, version 13. */
function formatTap(judged: readonly JudgedExpectation[]): string {
	const lines = judged.map(({ name, file, line, ok, message }, at) => {
		const head = `${ok ? "ok" : "not ok"} ${at + 1} - ${name.replace(/[#\\]/g, "\\$&")}\n`;
		return ok
			? head
			: `${head}  ---\n  message: ${JSON.stringify(message)}\n  at: ${JSON.stringify(`${file}:${line}`)}\n  ...\n`;
	});
	return `TAP version 13\n1..${judged.length}\n${lines.join("")}`;
}

function formatJunit(file: string, judged: readonly JudgedExpectation[]): string {
	const failures = judged.filter(({ ok }) => !ok).length;
	const cases = judged.map(({ name, line, ok, message }) => {
		const head = `    <testcase name="${escapeXml(name)}" classname="${escapeXml(file)}" file="${escapeXml(file)}" line="${line}"`;
		return ok ? `${head}/>\n` : `${head}>\n      <failure message="${escapeXml(message)}"/>\n    </testcase>\n`;
	});
	return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="${judged.length}" failures="${failures}">
  <testsuite name="${escapeXml(file)}" tests="${judged.length}" failures="${failures}">
${cases.join("")}  </testsuite>
</testsuites>
`;
}

const xmlNames: Readonly<Record<string, string>> = { "<": "&lt;", ">": "&gt;", "&": "&amp;", '"': "&quot;" };

/** Control characters, which XML 1.0 cannot have, become question marks. */
function escapeXml(text: string): string {
	return text
		.replace(/[<>&"]/g, (character) => xmlNames[character]!)
		.replace(/[^\t\n\r\x20-\uffff]|[\ufffe\uffff]/g, "?");
}
