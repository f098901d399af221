import type { Command } from "commander";
import { MeshError } from "../../core/index.ts";
import { type CliContext, openMesh, withExamples, withState } from "../context.ts";
import { resolveKind } from "../kinds.ts";
import type { AdminApi, ConfigDocument } from "../mesh/admin-api.ts";
import { listNames, missingObject, splitName } from "../mesh/named-object.ts";

/** `amime delete KIND NAME`: takes an object out of the running mesh. */
export function addDeleteCommand(program: Command, context: CliContext): void {
	const command = program
		.command("delete")
		.description("delete a configuration object that was applied to the running mesh")
		.argument("<kind>", "kind of the object")
		.argument("<name>", "its name, or namespace/name")
		.option("-n, --namespace <namespace>", "its namespace (needed when the name is in several)")
		.action(
			async (kindWord: string, given: string, options: { readonly namespace?: string; readonly state?: string }) => {
				const kind = await resolveKind(kindWord);
				const mesh = openMesh(context, options);
				const object = await findObject(mesh, kind, given, options.namespace);
				const { name, namespace = "default" } = object.metadata;
				await mesh.request("DELETE", `/v1/config/${kind}/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`);
				context.host.out.write(`${kind} ${namespace}/${name} deleted\n`);
			},
		);
	withExamples(withState(command), [["amime delete httproute shop/reviews", "delete one route"]]);
}

async function findObject(
	mesh: AdminApi,
	kind: string,
	given: string,
	option: string | undefined,
): Promise<ConfigDocument> {
	const words = splitName(given, option);
	const { namespace, name = "" } = words;
	const query = new URLSearchParams({ kind, name, ...(namespace === undefined ? {} : { namespace }) });
	const found = (await mesh.list(`/v1/config?${query}`)) as ConfigDocument[];
	if (found.length === 1) return found[0]!;
	if (found.length === 0)
		throw missingObject(await listNames(mesh, kind), kind, words, `amime get ${kind.toLowerCase()}`);
	const namespaces = found.map((object) => object.metadata.namespace).join(", ");
	throw new MeshError(
		"OBJECT_AMBIGUOUS",
		`${kind} ${given} is in several namespaces: choose one with -n (${namespaces})`,
	);
}
