import type { Command } from "commander";
import { MeshError } from "../../core/index.ts";
import { type CliContext, type MeshOptions, openMesh, print, withExamples, withMeshOptions } from "../context.ts";
import { resolveKind } from "../kinds.ts";
import type { ConfigDocument } from "../mesh/admin-api.ts";
import { listNames, missingObject, type ObjectWords, splitName } from "../mesh/named-object.ts";
import { formatTable } from "../output/table.ts";

interface GetOptions extends MeshOptions {
	readonly namespace?: string;
}

/** `amime get [kind] [name]`: the configuration objects in force. */
export function addGetCommand(program: Command, context: CliContext): void {
	const command = program
		.command("get")
		.description("show configuration objects")
		.argument("[kind]", "a kind such as workload, service or httproute, or all", "all")
		.argument("[name]", "one object's name, or namespace/name")
		.option("-n, --namespace <namespace>", "only of this namespace")
		.action(async (kindWord: string, given: string | undefined, options: GetOptions) => {
			const kind = kindWord === "all" ? undefined : await resolveKind(kindWord);
			const words = splitName(given, options.namespace);
			const mesh = openMesh(context, options);
			const objects = (await mesh.list(`/v1/config${buildQuery(kind, words)}`)) as ConfigDocument[];
			if (given !== undefined && objects.length === 0) {
				if (kind !== undefined) throw missingObject(await listNames(mesh, kind), kind, words, `amime get ${kindWord}`);
				throw new MeshError("OBJECT_NOT_FOUND", `there is no object ${given}; 'amime get' lists them`);
			}
			const documents = objects.map(toDocument);
			const one = given !== undefined && objects.length === 1;
			await print(context, options.output, one ? documents[0] : documents, () => formatObjects(objects));
		});
	withExamples(withMeshOptions(command), [
		["amime get", "every object"],
		["amime get httproute reviews -o yaml", "one object as a document"],
	]);
}

function buildQuery(kind: string | undefined, { namespace, name }: ObjectWords): string {
	const query = new URLSearchParams();
	if (kind !== undefined) query.set("kind", kind);
	if (namespace !== undefined) query.set("namespace", namespace);
	if (name !== undefined) query.set("name", name);
	return query.size === 0 ? "" : `?${query}`;
}

/** The object as it can be applied again: where it is from becomes an annotation. */
function toDocument({ source, ...document }: ConfigDocument): ConfigDocument {
	if (source === undefined) return document as ConfigDocument;
	const { annotations, ...rest } = document.metadata as ConfigDocument["metadata"] & { readonly annotations?: object };
	const place = `${source.file}:${source.line}`;
	return {
		...document,
		metadata: { ...rest, annotations: { ...annotations, "amime.dev/source": place } },
	} as ConfigDocument;
}

function formatObjects(objects: readonly ConfigDocument[]): string {
	if (objects.length === 0) return "no objects\n";
	const hasStatus = objects.some(({ status }) => status !== undefined);
	const rows = objects.map((object) => [
		object.kind,
		object.metadata.namespace ?? "-",
		object.metadata.name,
		...(hasStatus ? [formatStatus(object.status)] : []),
		object.source === undefined
			? "-"
			: `${object.source.file}${object.source.line > 0 ? `:${object.source.line}` : ""}`,
	]);
	return formatTable(["KIND", "NAMESPACE", "NAME", ...(hasStatus ? ["STATUS"] : []), "SOURCE"], rows);
}

/** Conditions that are bad when they hold. */
const faulty: ReadonlySet<string> = new Set(["Conflicted", "PartiallyInvalid", "amime.dev/Quarantined"]);

/** `ok`, or the conditions that do not hold: `ResolvedRefs=BackendNotFound`. */
function formatStatus(status: ConfigDocument["status"]): string {
	if (status === undefined) return "-";
	const parts = [status, ...(status.listeners ?? []), ...(status.parents ?? []), ...(status.ancestors ?? [])];
	const conditions = parts.flatMap((part) => part.conditions ?? []);
	const failing = conditions.filter((item) => faulty.has(item.type) === (item.status === "True"));
	return [...new Set(failing.map(({ type, reason }) => `${type}=${reason}`))].join(", ") || "ok";
}
