import { readFileSync, statSync } from "node:fs";
import { parse } from "yaml";
import { MeshError } from "../../core/index.ts";
import type { AccessToken, Role } from "./access.ts";

const roles: readonly string[] = ["viewer", "editor", "admin"] satisfies Role[];
const minTokenLength = 16;

/** Reads a file of tokens: a list of `{name, role, token}` in YAML or JSON, readable by its owner only.
 *  @throws MeshError `TOKENS_INVALID` with every problem; no token is ever in it */
export function readTokensFile(file: string): AccessToken[] {
	const text = readPrivateFile(file);
	const value = parseText(file, text);
	if (!Array.isArray(value) || value.length === 0)
		throw invalid(file, ["it is no list: write - {name: ann, role: editor, token: …}"]);
	const problems = value.flatMap((item: unknown, position) => findProblems(item, position));
	const names = value.map((item: { readonly name?: unknown } | null) => item?.name);
	for (const [position, name] of names.entries())
		if (names.indexOf(name) < position) problems.push(`[${position}].name: '${String(name)}' is there twice`);
	if (problems.length > 0) throw invalid(file, problems);
	return (value as AccessToken[]).map(({ name, role, token }) => ({ name, role, token }));
}

function readPrivateFile(file: string): string {
	try {
		const mode = statSync(file).mode & 0o077;
		if (mode !== 0) throw invalid(file, ["others may read it: chmod 600"]);
		return readFileSync(file, "utf8");
	} catch (cause) {
		if (cause instanceof MeshError) throw cause;
		throw new MeshError("TOKENS_INVALID", `tokens file ${file} cannot be read`, { cause });
	}
}

function parseText(file: string, text: string): unknown {
	try {
		return parse(text);
	} catch {
		// The parser's message quotes the line, which may hold a token.
		throw invalid(file, ["it is no YAML"]);
	}
}

function findProblems(item: unknown, position: number): string[] {
	const { name, role, token } = (item ?? {}) as Readonly<Record<string, unknown>>;
	const at = `[${position}]`;
	return [
		...(typeof name === "string" && /^[\w.@-]{1,64}$/.test(name)
			? []
			: [`${at}.name: needs 1 to 64 letters of A-Z a-z 0-9 . _ @ -`]),
		...(typeof role === "string" && roles.includes(role) ? [] : [`${at}.role: is one of ${roles.join(", ")}`]),
		...(typeof token === "string" && token.length >= minTokenLength && !/\s/.test(token)
			? []
			: [`${at}.token: needs at least ${minTokenLength} letters without spaces`]),
	];
}

function invalid(file: string, problems: readonly string[]): MeshError {
	return new MeshError("TOKENS_INVALID", `tokens file ${file}: ${problems.join("; ")}`);
}
