/** A template of paths (`envoy.path.match.uri_template`), as a pattern whose groups are its variables. */
export interface UriTemplate {
	readonly regex: RegExp;
	/** Variables in the order of the pattern's groups. */
	readonly variables: readonly string[];
}

export type UriTemplateResult =
	| { readonly ok: true; readonly value: UriTemplate }
	| { readonly ok: false; readonly problem: string };

/** What a segment of a template, and what an operator takes, may be made of (RFC 3986: pchar, as Envoy has it). */
const character = "[a-zA-Z0-9\\-._~%!$&'()*+,;:@=]";
const oneSegment = `${character}+`;
const anySegments = `(?:${character}|/)*`;
const maxVariables = 5;
const maxVariableName = 16;

/** Compiles `/a/{name}/*`, `/files/{path=**}`, `/a/*.txt` and the like: `*` is one segment, `**` any number of them. */
export function compileUriTemplate(template: string): UriTemplateResult {
	if (!template.startsWith("/")) return { ok: false, problem: "must start with '/'" };
	const variables: string[] = [];
	const parts = splitSegments(template.slice(1));
	let source = "";
	let isOpenEnded = false;
	for (const [index, part] of parts.entries()) {
		// A slash may end a template; elsewhere no segment is empty.
		const isEnd = index === parts.length - 1;
		const compiled: CompiledPart | undefined =
			part === "" && isEnd ? { source: "", isOpenEnded: false } : compilePart(part, isEnd, variables);
		if (compiled === undefined) return { ok: false, problem: `invalid segment '${part}'` };
		if (isOpenEnded && hasOperator(part)) return { ok: false, problem: "** must be the last operator" };
		isOpenEnded ||= compiled.isOpenEnded;
		source += `/${compiled.source}`;
	}
	if (variables.length > maxVariables) return { ok: false, problem: `takes at most ${maxVariables} variables` };
	if (new Set(variables).size !== variables.length) return { ok: false, problem: "has a variable twice" };
	return { ok: true, value: { regex: new RegExp(`^${source}$`), variables } };
}

const rewriteText = new RegExp(`^(?:${character}|/)+$`);

/** Compiles the rewrite `/new/{name}`: texts and variables in turn. */
export function compileUriRewrite(
	template: string,
	variables: readonly string[],
):
	| { readonly ok: true; readonly value: readonly (string | number)[] }
	| { readonly ok: false; readonly problem: string } {
	const parts: (string | number)[] = [];
	if (template.includes("//")) return { ok: false, problem: "has a segment of nothing" };
	for (const piece of template.split(/(\{[^{}]*\})/)) {
		if (!piece.startsWith("{")) {
			if (piece !== "" && !rewriteText.test(piece)) return { ok: false, problem: `invalid rewrite '${template}'` };
			if (piece !== "") parts.push(piece);
			continue;
		}
		const index = variables.indexOf(piece.slice(1, -1));
		if (index === -1) return { ok: false, problem: `the path has no variable ${piece}` };
		parts.push(index + 1);
	}
	if (typeof parts[0] !== "string" || !parts[0].startsWith("/")) return { ok: false, problem: "must start with '/'" };
	return { ok: true, value: parts };
}

/** Texts may stand behind `**`, further operators may not. */
function hasOperator(part: string): boolean {
	return part.startsWith("*") || part.includes("{");
}

/** Slashes within braces belong to the variable's own pattern. */
function splitSegments(text: string): string[] {
	const segments: string[] = [];
	let depth = 0;
	let segment = "";
	for (const character of text) {
		if (character === "{") depth++;
		if (character === "}") depth--;
		if (character === "/" && depth === 0) {
			segments.push(segment);
			segment = "";
		} else {
			segment += character;
		}
	}
	return [...segments, segment];
}

interface CompiledPart {
	readonly source: string;
	readonly isOpenEnded: boolean;
}

const literal = new RegExp(`^${character}+$`);

const mixed = /^([^{}]*)(\{[^{}]*\})([^{}]*)$/;

/** A variable of one segment or of the rest, with texts before or behind it. */
function compileMixed(before: string, variable: string, behind: string, variables: string[]): CompiledPart | undefined {
	if (
		before.startsWith("*") ||
		variable.includes("/") ||
		![before, behind].every((text) => text === "" || literal.test(text))
	)
		return undefined;
	const compiled = compileVariable(variable, variables);
	return compiled && { ...compiled, source: quote(before) + compiled.source + quote(behind) };
}

function quote(text: string): string {
	return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** A text, an operator, a variable, or a variable with texts around it; at the end of a template a text may follow an operator, too.
 *  @param variables takes the names of variables */
function compilePart(part: string, isEnd: boolean, variables: string[]): CompiledPart | undefined {
	const [, before = "", between = "", behind = ""] = mixed.exec(part) ?? [];
	if (before !== "" || (behind !== "" && !isEnd)) return compileMixed(before, between, behind, variables);
	const [, operator = "", variable = "", text = ""] = /^(?:(\*\*?)|(\{[^}]*\}))?(.*)$/s.exec(part)!;
	const isBare = operator === "" && variable === "";
	if (text === "" ? isBare : !literal.test(text) || !(isBare || isEnd)) return undefined;
	const quoted = quote(text);
	if (variable === "") {
		const taken = operator === "" ? "" : operator === "*" ? oneSegment : anySegments;
		return { source: taken + quoted, isOpenEnded: operator === "**" };
	}
	const compiled = compileVariable(variable, variables);
	return compiled && { ...compiled, source: compiled.source + quoted };
}

/** `{name}`, which is one segment, or `{name=a/*}`. */
function compileVariable(text: string, variables: string[]): CompiledPart | undefined {
	const [, name, pattern = "*"] = /^\{([a-zA-Z][a-zA-Z0-9_]*)(?:=([^{}]+))?\}$/.exec(text) ?? [];
	if (name === undefined || name.length > maxVariableName) return undefined;
	variables.push(name);
	const inner: string[] = [];
	let isOpenEnded = false;
	for (const piece of pattern.split("/")) {
		if (isOpenEnded && hasOperator(piece)) return undefined;
		const compiled = compilePart(piece, false, []);
		if (compiled === undefined) return undefined;
		isOpenEnded ||= compiled.isOpenEnded;
		inner.push(compiled.source);
	}
	return { source: `(${inner.join("/")})`, isOpenEnded };
}
