import type { Command } from "commander";
import { MeshError } from "../../core/index.ts";
import { type CliContext, type MeshOptions, openMesh, print, withExamples, withMeshOptions } from "../context.ts";
import { resolveKind } from "../kinds.ts";
import type { ConfigDocument } from "../mesh/admin-api.ts";
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
			const query = await buildQuery(kindWord, given, options.namespace);
			const objects = (await openMesh(context, options).list(`/v1/config${query}`)) as ConfigDocument[];
			if (given !== undefined && objects.length === 0) {
				throw new MeshError(
					"OBJECT_NOT_FOUND",
					`there is no ${await resolveKind(kindWord)} ${given}; 'amime get ${kindWord}' lists them`,
				);
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

async function buildQuery(
	kindWord: string,
	given: string | undefined,
	namespaceOption: string | undefined,
): Promise<string> {
	const query = new URLSearchParams();
	if (kindWord !== "all") query.set("kind", await resolveKind(kindWord));
	const { namespace, name } = splitName(given, namespaceOption);
	if (namespace !== undefined) query.set("namespace", namespace);
	if (name !== undefined) query.set("name", name);
	return query.size === 0 ? "" : `?${query}`;
}

/** Takes `name` and `namespace/name`. */
export function splitName(
	given: string | undefined,
	namespace: string | undefined,
): { readonly namespace?: string; readonly name?: string } {
	const [first, second] = (given ?? "").split("/");
	if (second !== undefined) return { namespace: first!, name: second };
	return { ...(namespace === undefined ? {} : { namespace }), ...(given === undefined ? {} : { name: given }) };
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
const faulty: ReadonlySet<string> = new Set(["Conflicted", "amime.dev/Quarantined"]);

/** `ok`, or the conditions that do not hold: `ResolvedRefs=BackendNotFound`. */
function formatStatus(status: ConfigDocument["status"]): string {
	if (status === undefined) return "-";
	const parts = [status, ...(status.listeners ?? []), ...(status.parents ?? []), ...(status.ancestors ?? [])];
	const conditions = parts.flatMap((part) => part.conditions ?? []);
	const failing = conditions.filter((item) => faulty.has(item.type) === (item.status === "True"));
	return [...new Set(failing.map(({ type, reason }) => `${type}=${reason}`))].join(", ") || "ok";
}
