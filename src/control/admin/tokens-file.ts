import { readFileSync, statSync } from "node:fs";
import { parse } from "yaml";
import { MeshError } from "../../core/index.ts";
import { isSpiffeId } from "../../model/index.ts";
import type { AccessToken, CertificateHolder, Role } from "./access.ts";

const roles: readonly string[] = ["viewer", "editor", "admin"] satisfies Role[];
const minTokenLength = 16;

/** Who may use the admin API besides its owner. */
export interface AccessList {
	readonly tokens: readonly AccessToken[];
	readonly holders: readonly CertificateHolder[];
}

/** Reads a file of tokens and of client certificates: a list of `{name, role}` with `token`, `identity` (a SPIFFE ID) or `subject` in YAML or JSON,
 *  readable by its owner only.
 *  @throws MeshError `TOKENS_INVALID` with every problem; no token is ever in it */
export function readTokensFile(file: string): AccessList {
	const text = readPrivateFile(file);
	const value = parseText(file, text);
	if (!Array.isArray(value) || value.length === 0)
		throw invalid(file, ["it is no list: write - {name: ann, role: editor, token: …}"]);
	const problems = value.flatMap((item: unknown, position) => findProblems(item, position));
	const names = value.map((item: { readonly name?: unknown } | null) => item?.name);
	for (const [position, name] of names.entries())
		if (names.indexOf(name) < position) problems.push(`[${position}].name: '${String(name)}' is there twice`);
	if (problems.length > 0) throw invalid(file, problems);
	const items = value as readonly (AccessToken & { readonly identity?: string; readonly subject?: string })[];
	return {
		tokens: items.filter(({ token }) => token !== undefined).map(({ name, role, token }) => ({ name, role, token })),
		holders: items.flatMap(({ name, role, identity, subject }): CertificateHolder[] => {
			if (identity !== undefined) return [{ name, role, identity }];
			return subject === undefined ? [] : [{ name, role, subject }];
		}),
	};
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
	const { name, role, token, identity, subject } = (item ?? {}) as Readonly<Record<string, unknown>>;
	const at = `[${position}]`;
	return [
		...(typeof name === "string" && /^[\w.@-]{1,64}$/.test(name)
			? []
			: [`${at}.name: needs 1 to 64 letters of A-Z a-z 0-9 . _ @ -`]),
		...(typeof role === "string" && roles.includes(role) ? [] : [`${at}.role: is one of ${roles.join(", ")}`]),
		...findProof(at, token, identity, subject),
	];
}

/** What somebody is known by: one of three. */
function findProof(at: string, token: unknown, identity: unknown, subject: unknown): string[] {
	if ([token, identity, subject].filter((proof) => proof !== undefined).length > 1)
		return [`${at}: token, identity and subject: give one of them`];
	if (identity !== undefined)
		return typeof identity === "string" && isSpiffeId(identity) ? [] : [`${at}.identity: is no SPIFFE ID`];
	if (subject !== undefined)
		return typeof subject === "string" && subject.includes("=") ? [] : [`${at}.subject: is written as CN=ann, O=ops`];
	const isToken = typeof token === "string" && token.length >= minTokenLength && !/\s/.test(token);
	return isToken ? [] : [`${at}.token: needs at least ${minTokenLength} letters without spaces`];
}

function invalid(file: string, problems: readonly string[]): MeshError {
	return new MeshError("TOKENS_INVALID", `tokens file ${file}: ${problems.join("; ")}`);
}
