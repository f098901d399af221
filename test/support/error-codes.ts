import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";

const project = resolve(import.meta.dirname, "../..");

/** The codes of every MeshError that src makes, with the files that make them: the texts in capitals among the arguments of
 *  `new MeshError(…)` and of its subclasses, and what is assigned to a `code`. */
export function findErrorCodes(): Map<string, string[]> {
	const files = listFiles(join(project, "src")).map((path) => ({ path, text: readFileSync(path, "utf8") }));
	const classes = files.flatMap(({ text }) =>
		[...text.matchAll(/class (\w+) extends MeshError/g)].map((match) => match[1]!),
	);
	const call = new RegExp(`new (?:MeshError|${classes.join("|")})\\(`, "g");
	const codes = new Map<string, string[]>();
	for (const { path, text } of files) {
		const calls = [...text.matchAll(call)].map((match) => cutArguments(text, match.index + match[0].length));
		const assigned = calls.length > 0 ? [...text.matchAll(/const code = [^;]+;/g)].map((match) => match[0]) : [];
		for (const [, code] of [...calls, ...assigned].join("\n").matchAll(/"([A-Z][A-Z0-9_]{4,})"/g)) {
			const makers = codes.get(code!) ?? [];
			if (!makers.includes(relative(project, path))) makers.push(relative(project, path));
			codes.set(code!, makers);
		}
	}
	return codes;
}

function listFiles(folder: string): string[] {
	return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
		const path = join(folder, entry.name);
		if (entry.isDirectory()) return entry.name === "gen" ? [] : listFiles(path);
		return path.endsWith(".ts") && !path.endsWith(".test.ts") ? [path] : [];
	});
}

/** The text from `start` to the parenthesis that closes the call. */
function cutArguments(text: string, start: number): string {
	let depth = 1;
	let at = start;
	for (; at < text.length && depth > 0; at++) {
		if (text[at] === "(") depth++;
		else if (text[at] === ")") depth--;
	}
	return text.slice(start, at);
}
