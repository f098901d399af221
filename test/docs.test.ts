/** The pages lead somewhere, the door leads to all of them, and what they tell to type can be typed. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { test } from "node:test";
import { createTestHost } from "./support/cli-host.ts";

const project = resolve(import.meta.dirname, "..");
const pages = ["*.md", "docs/**/*.md", "examples/*.md", "examples/*/*.md", "bench/*.md"]
	.flatMap((pattern) => globSync(pattern, { cwd: project }))
	.filter((page) => page !== "CHANGELOG.md")
	.sort();
const read = (page: string): string => readFileSync(join(project, page), "utf8");

test("every link of a page to a file leads to one, and every anchor to a heading", () => {
	const broken = pages.flatMap((page) =>
		[...read(page).matchAll(/\]\((?!https?:|mailto:)([^)\s]*)\)/g)].flatMap(([, link = ""]) => {
			const [path = "", anchor] = link.split("#");
			const target = path === "" ? join(project, page) : resolve(project, dirname(page), path);
			if (!existsSync(target)) return [`${page}: ${link}`];
			if (anchor === undefined || !target.endsWith(".md")) return [];
			return listAnchors(readFileSync(target, "utf8")).includes(anchor) ? [] : [`${page}: ${link}`];
		}),
	);
	assert.deepEqual(broken, []);
});

/** Headings as GitHub makes anchors of them. */
function listAnchors(text: string): string[] {
	return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
		heading
			.toLowerCase()
			.replace(/[^\p{L}\p{N} _-]/gu, "")
			.replaceAll(" ", "-"),
	);
}

test("the door of the documentation leads to every page", () => {
	const door = read("docs/README.md");
	const missing = globSync(["docs/*.md", "docs/reference/*"], { cwd: project })
		.map((page) => relative("docs", page))
		.filter((page) => page !== "README.md" && !door.includes(`](${page})`));
	assert.deepEqual(missing, []);
});

test("every command and option that the pages name exists", async () => {
	const helps = new Map<string, string>();
	const helpOf = async (words: readonly string[]): Promise<string> => {
		const key = words.join(" ");
		const known = helps.get(key);
		if (known !== undefined) return known;
		const { out } = await createTestHost().run(...words, "--help");
		helps.set(key, out);
		return out;
	};
	const commands = [...(await helpOf([])).matchAll(/^ {2}([a-z][a-z-]+)(?: |$)/gm)].map((match) => match[1]!);
	assert.ok(commands.length > 20, commands.join(" "));
	const wrong: string[] = [];
	for (const page of pages)
		for (const line of listCommandLines(read(page))) {
			const [name = "", part = "", ...rest] = line;
			// Prose such as "amime and Envoy", and placeholders.
			if (!commands.includes(name)) {
				if (line.some((word) => word.startsWith("--"))) wrong.push(`${page}: amime ${line.join(" ")}`);
				continue;
			}
			const own = await helpOf([name]);
			const isGroup = new RegExp(`^ {2}${part.replace(/\W/g, ".")}(?: |$)`, "m").test(own) && /^[a-z]/.test(part);
			const help = isGroup ? `${own}${await helpOf([name, part])}` : own;
			const usage = /^Usage: .*/m.exec(own)?.[0] ?? "";
			const takesWords = /[<[](?!options|command)/.test(usage.replace("[options]", ""));
			if (!isGroup && !takesWords && /^[a-z][a-z-]*$/.test(part))
				wrong.push(`${page}: amime ${line.join(" ")}: no ${name} ${part}`);
			for (const word of [part, ...rest]) {
				const option = /^(--[a-z][a-z0-9-]*)/.exec(word)?.[1];
				if (option !== undefined && option !== "--help" && !new RegExp(`${option}(?![a-z-])`).test(help))
					wrong.push(`${page}: amime ${line.join(" ")}: no ${option}`);
			}
		}
	assert.deepEqual(wrong, []);
});

/** What stands behind `amime` in code: blocks line by line, and spans. */
function listCommandLines(text: string): string[][] {
	const blocks = [...text.matchAll(/^```[a-z]*\n([\s\S]*?)^```/gm)].flatMap(([, block = ""]) =>
		block.replaceAll("\\\n", " ").split("\n"),
	);
	const spans = [...text.replace(/^```[\s\S]*?^```/gm, "").matchAll(/`([^`]+)`/g)].map(([, span = ""]) => span);
	return [...blocks, ...spans].flatMap((line) => {
		const words = /^(?:\$ )?(?:npx |bin\/)?amime ([^#|]+)/.exec(line.trim())?.[1];
		return words === undefined
			? []
			: [
					words
						.replace(/'[^']*'/g, "''")
						.trim()
						// Two blanks end a command in the examples of the help.
						.replace(/ {2,}.*$/, "")
						.split(/\s+/),
				];
	});
}
