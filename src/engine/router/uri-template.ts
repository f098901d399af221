/** A template of paths (`envoy.path.match.uri_template`), as a pattern whose groups are its variables. */
export interface UriTemplate {
	readonly regex: RegExp;
	/** Variables in the order of the pattern's groups. */
	readonly variables: readonly string[];
}

export type UriTemplateResult =
	| { readonly ok: true; readonly value: UriTemplate }
	| { readonly ok: false; readonly problem: string };

const literal = "[a-zA-Z0-9\\-._~%!$&'()+,;:@]+?";
const oneSegment = `[^/]+`;
const anySegments = `.*`;

/** Compiles `/a/{name}/*`, `/files/{path=**}` and the like: `*` is one segment, `**` any number of them. */
export function compileUriTemplate(template: string): UriTemplateResult {
	if (!template.startsWith("/")) return { ok: false, problem: "must start with '/'" };
	const variables: string[] = [];
	let source = "^";
	let isOpenEnded = false;
	for (const part of splitSegments(template.slice(1))) {
		if (isOpenEnded && hasOperator(part)) return { ok: false, problem: "** must be the last operator" };
		const compiled = compilePart(part, variables);
		if (compiled === undefined) return { ok: false, problem: `invalid segment '${part}'` };
		isOpenEnded ||= compiled.isOpenEnded;
		source += `/${compiled.source}`;
	}
	if (variables.length > 5) return { ok: false, problem: "takes at most 5 variables" };
	if (new Set(variables).size !== variables.length) return { ok: false, problem: "has a variable twice" };
	return { ok: true, value: { regex: new RegExp(`${source}$`), variables } };
}

/** Compiles the rewrite `/new/{name}`: texts and variables in turn. */
export function compileUriRewrite(
	template: string,
	variables: readonly string[],
):
	| { readonly ok: true; readonly value: readonly (string | number)[] }
	| { readonly ok: false; readonly problem: string } {
	const parts: (string | number)[] = [];
	for (const piece of template.split(/(\{[^{}]*\})/)) {
		if (!piece.startsWith("{")) {
			if (/[{}*]/.test(piece)) return { ok: false, problem: `invalid rewrite '${template}'` };
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
	return /[*{]/.test(part);
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

function compilePart(part: string, variables: string[]): CompiledPart | undefined {
	// An empty segment is a slash at the end, or two in a row; an operator may stand behind a text, nothing behind an operator.
	const plain = new RegExp(`^(${literal})?(\\*{0,2})$`).exec(part);
	if (plain !== null) {
		const text = (plain[1] ?? "").replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
		const operator = plain[2] === "" ? "" : plain[2] === "*" ? oneSegment : anySegments;
		return { source: text + operator, isOpenEnded: plain[2] === "**" };
	}
	const variable = /^\{([a-zA-Z][a-zA-Z0-9_]*)(?:=([^{}]+))?\}$/.exec(part);
	if (variable === null) return undefined;
	variables.push(variable[1]!);
	const inner: string[] = [];
	let isOpenEnded = false;
	for (const piece of (variable[2] ?? "*").split("/")) {
		if (piece.startsWith("{") || (isOpenEnded && hasOperator(piece))) return undefined;
		const compiled = compilePart(piece, []);
		if (compiled === undefined) return undefined;
		isOpenEnded ||= compiled.isOpenEnded;
		inner.push(compiled.source);
	}
	return { source: `(${inner.join("/")})`, isOpenEnded };
}
