/** Writes docs/reference/config.md from the schemas that check the documents. */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import {
	describeKinds,
	describeMetadata,
	type FieldDescription,
	type KindDescription,
	type TypeDescription,
} from "../src/config/index.ts";

/** Where the page is. */
export const configReferencePath = resolve(import.meta.dirname, "../docs/reference/config.md");

/** The text of the page. */
export function formatConfigReference(): string {
	const kinds = describeKinds();
	return [
		"# Config reference",
		"",
		"<!-- Written by scripts/generate-config-reference.ts from the schemas in src/config/kinds; a test compares. -->",
		"",
		"Documents are YAML or JSON in the Kubernetes form, several in one file separated by `---`. `amime up DIR` reads every `*.yaml`, `*.yml` and `*.json`",
		"below DIR, without dot-folders and `node_modules`, and follows them; `amime apply -f FILE` sends them by hand.",
		"",
		"- Every field is checked. An unknown field, a wrong type or value is a problem with file, line, column, field and the likely fix; all problems come at once.",
		"- A document with a problem is left out alone; the last good version of its object keeps serving, also over a restart. A rule, subset, endpoint,",
		"  listener or server with a problem stays as it last was, alone, and is left out when it was never good.",
		"- An AuthorizationPolicy or PeerAuthentication that was never good keeps out all that it might keep out, for what it selects.",
		"- A field of a specification that would change behaviour and is not supported is a problem, never silently without effect. The tables list those fields.",
		"- References to what does not exist (yet) are warnings.",
		"- The same object twice is a problem; the one whose file and line come first is served.",
		"",
		"| kind | apiVersion | on the command line also |",
		"|---|---|---|",
		...kinds.map(
			(kind) => `| [${kind.name}](#${kind.name.toLowerCase()}) | ${code(kind.apiVersions)} | ${code(kind.aliases)} |`,
		),
		"",
		"## Common fields",
		"",
		"`apiVersion`, `kind`, `metadata` and `spec` are required; `status` is accepted, without effect. Kinds of Kubernetes that have their fields beside `metadata` are listed so.",
		"",
		...formatFields("metadata", describeMetadata()),
		...kinds.flatMap(formatKind),
	].join("\n");
}

function formatKind(kind: KindDescription): string[] {
	return [
		`## ${kind.name}`,
		"",
		kind.doc,
		"",
		"```yaml",
		kind.example.trimEnd(),
		"```",
		"",
		...formatFields(kind.body === "spec" ? "spec" : "", kind.spec.type === "object" ? kind.spec.fields : []),
	];
}

interface Row {
	readonly path: string;
	readonly field: FieldDescription;
	/** Where the fields of its object are listed, when they are elsewhere. */
	readonly as: string | undefined;
}

function formatFields(root: string, fields: readonly FieldDescription[]): string[] {
	const rows = collectRows(root, fields);
	const of = (...support: readonly FieldDescription["support"][]): Row[] =>
		rows.filter(({ field }) => support.includes(field.support));
	const used = of("required", "optional").map(
		({ path, field, as }) =>
			`| \`${path}\` | ${describeType(field.type)}${as === undefined ? "" : ` as \`${as}\``} | ${describeDefault(field)} | ${escapeCell(field.doc)} |`,
	);
	const list = (title: string, some: readonly Row[]): string[] =>
		some.length === 0 ? [] : [title, "", ...formatTable(some), ""];
	return [
		"| field | type | default | meaning |",
		"|---|---|---|---|",
		...used,
		"",
		...list("Not supported; a problem when set:", of("refused")),
		...list("Accepted, without effect:", of("ignored")),
	];
}

/** Fields that say the same share a row. */
function formatTable(rows: readonly Row[]): string[] {
	const byDoc = new Map<string, string[]>();
	for (const { path, field } of rows) byDoc.set(field.doc, [...(byDoc.get(field.doc) ?? []), path]);
	return [
		"| field | why |",
		"|---|---|",
		...[...byDoc].map(([doc, paths]) => `| ${code(paths)} | ${escapeCell(doc)} |`),
	];
}

/** Fields in the order of the documentation. An object type that was listed before is named, not listed again. */
function collectRows(
	path: string,
	fields: readonly FieldDescription[],
	listed = new Map<TypeDescription, string>(),
): Row[] {
	return fields.flatMap((field) => {
		const own = path === "" ? field.name : `${path}.${field.name}`;
		const { inner, innerPath } = unwrap(own, field.type);
		const as = inner.type === "object" ? listed.get(inner) : undefined;
		if (as !== undefined || inner.type !== "object") return [{ path: own, field, as }];
		listed.set(inner, innerPath);
		return [{ path: own, field, as }, ...collectRows(innerPath, inner.fields, listed)];
	});
}

function unwrap(path: string, type: TypeDescription): { readonly inner: TypeDescription; readonly innerPath: string } {
	if (type.type === "list") return unwrap(`${path}[]`, type.items);
	if (type.type === "map") return unwrap(`${path}.<key>`, type.values);
	return { inner: type, innerPath: path };
}

function describeType(type: TypeDescription): string {
	switch (type.type) {
		case "string":
			if (type.values !== undefined) return type.values.map((value) => `\`${value === "" ? '""' : value}\``).join(", ");
			return escapeCell(type.format ?? "text");
		case "integer":
			return `integer ${type.minimum}–${type.maximum}`;
		case "number":
			return `number ${type.minimum}–${type.maximum}`;
		case "integer or string":
			return escapeCell(type.format);
		case "list":
			return `list of ${type.items.type === "object" ? "objects" : describeType(type.items)}${type.minItems > 0 ? `, at least ${type.minItems}` : ""}`;
		case "map":
			return `map from ${escapeCell(type.keys)} to ${type.values.type === "object" ? "objects" : describeType(type.values)}`;
		case "boolean":
		case "object":
		case "any":
			return type.type;
	}
}

function describeDefault(field: FieldDescription): string {
	if (field.support === "required") return "required";
	if (field.default === undefined) return "";
	return `\`${field.default.replace(/^"(.+)"$/, "$1")}\``;
}

function code(words: readonly string[]): string {
	return words.map((word) => `\`${word}\``).join(", ");
}

function escapeCell(text: string): string {
	return text.replaceAll("|", "\\|").replace(/<([^>]+)>(?![^`]*`)/g, "&lt;$1&gt;");
}

if (import.meta.main) writeFileSync(configReferencePath, formatConfigReference());
