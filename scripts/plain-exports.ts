/** What a chunk of the bundle gives to others, as properties with values. As accessors they are calls, and every set of modules after the first
 *  (a snapshot has two) has them in a hash table: V8 knows one accessor of a name only. Each use was a look-up behind the compiler's back. */
import { parseAst } from "rolldown/parseAst";

/** As rolldown writes an export. */
const accessor =
	/Object\.defineProperty\(exports, ("(?:[^"\\]|\\.)*"), \{\s*enumerable: true,\s*get: function ?\(\) \{\s*return ([\w$]+);\s*\}\s*\}\);/g;

/** The text of a chunk with values in the place of accessors, but for what is assigned again somewhere: others must see that. */
export function makeExportsPlain(code: string): string {
	if (code.search(accessor) < 0) return code;
	const assigned = new Set<string>();
	collectAssigned(parseAst(code), assigned);
	return code.replace(accessor, (whole, name: string, local: string) =>
		assigned.has(local) ? whole : `exports[${name}] = ${local};`,
	);
}

interface Node {
	readonly type: string;
	readonly [key: string]: unknown;
}

/** Names that are assigned to in any scope. */
function collectAssigned(value: unknown, into: Set<string>): void {
	if (Array.isArray(value)) {
		for (const one of value) collectAssigned(one, into);
		return;
	}
	if (!isNode(value)) return;
	if (value.type === "AssignmentExpression" || value.type === "ForInStatement" || value.type === "ForOfStatement")
		collectNames(value["left"], into);
	else if (value.type === "UpdateExpression") collectNames(value["argument"], into);
	for (const key in value) collectAssigned(value[key], into);
}

/** Names in an expression or pattern: more than are assigned, which does no harm. */
function collectNames(value: unknown, into: Set<string>): void {
	if (Array.isArray(value)) {
		for (const one of value) collectNames(one, into);
		return;
	}
	if (!isNode(value)) return;
	if (value.type === "Identifier") into.add(value["name"] as string);
	// What is assigned to there is a property.
	if (value.type === "MemberExpression") return;
	for (const key in value) collectNames(value[key], into);
}

function isNode(value: unknown): value is Node {
	return typeof value === "object" && value !== null && typeof (value as Partial<Node>).type === "string";
}
