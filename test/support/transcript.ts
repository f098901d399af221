import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";

/** Runs every transcript of a folder as a test. A transcript is text: lines that start with `> ` are commands, the indented lines
 *  below are what they answer, `#` starts a comment; the first comment names the test. `UPDATE=1` rewrites the answers. */
export function testTranscripts(folder: string, open: () => (command: string) => readonly string[]): void {
	for (const name of readdirSync(folder).filter((entry) => entry.endsWith(".txt"))) {
		const path = join(folder, name);
		const text = readFileSync(path, "utf8");
		test(`${basename(name, ".txt")}: ${text.match(/^# *(.*)/)?.[1] ?? ""}`, () => {
			const played = play(text, open());
			if (process.env["UPDATE"] === "1") writeFileSync(path, played);
			else assert.equal(played, text, `${name} differs; look at it, then rewrite it with UPDATE=1`);
		});
	}
}

function play(text: string, execute: (command: string) => readonly string[]): string {
	const lines: string[] = [];
	for (const line of text.split("\n")) {
		if (line.startsWith("  ")) continue;
		lines.push(line);
		if (line.startsWith("> ")) lines.push(...execute(line.slice(2)).map((answer) => `  ${answer}`));
	}
	return lines.join("\n");
}

/** Splits a command into words and `key=value` pairs; quotes keep spaces together. */
export function parseCommand(command: string): {
	readonly words: readonly string[];
	readonly pairs: ReadonlyMap<string, string>;
} {
	const words: string[] = [];
	const pairs = new Map<string, string>();
	for (const [token] of command.matchAll(/(?:[^\s"]|"[^"]*")+/g)) {
		const plain = token.replaceAll('"', "");
		const equals = plain.indexOf("=");
		if (equals === -1) words.push(plain);
		else pairs.set(plain.slice(0, equals), plain.slice(equals + 1));
	}
	return { words, pairs };
}
