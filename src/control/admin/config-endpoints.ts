import {
	type ConfigObject,
	findKind,
	formatObjectKey,
	formatProblem,
	type LocatedProblem,
	listKindNames,
	parseDocuments,
} from "../../config/index.ts";
import { type Clock, suggestNearest } from "../../core/index.ts";
import type { ConfigStore, StoredObjectName } from "../../registry/index.ts";
import type { MeshSource } from "../ingest/index.ts";
import { AdminError, type AdminRequest, type AdminResponse, type Endpoint } from "./router.ts";

export interface ConfigEndpointsOptions {
	readonly source: Pick<MeshSource, "objects" | "folderObject">;
	readonly store: Pick<ConfigStore, "put" | "delete" | "get">;
	readonly problems: () => readonly LocatedProblem[];
	/** The status of the object with a key, `Kind/namespace/name`, when these are the problems of the mesh. */
	readonly statusOf: (key: string, problems: readonly LocatedProblem[]) => object | undefined;
	/** Refuses to change objects that something else is changing.
	 *  @throws AdminError 409 */
	readonly checkFree: (objects: readonly StoredObjectName[]) => void;
	readonly clock: Clock;
}

/** Documents that may be applied, and what that would do to each. */
export interface AppliedDocuments {
	readonly objects: readonly ConfigObject[];
	readonly items: readonly (StoredObjectName & { readonly result: "created" | "configured" | "unchanged" })[];
	/** What is worth telling of them all the same. */
	readonly problems: readonly LocatedProblem[];
}

const maxConfigBytes = 4 * 1024 * 1024;

/** Reading, applying and deleting objects, and what is wrong with them. */
export function createConfigEndpoints(options: ConfigEndpointsOptions): Endpoint[] {
	return [
		{ method: "GET", path: "/v1/config", answer: (request) => listObjects(options, request) },
		{
			method: "PUT",
			path: "/v1/config",
			role: "editor",
			maxBodyBytes: maxConfigBytes,
			answer: (request) => applyObjects(options, request),
		},
		{
			method: "DELETE",
			path: "/v1/config/{kind}/{namespace}/{name}",
			role: "editor",
			answer: (request) => deleteObject(options, request),
		},
		{ method: "GET", path: "/v1/problems", answer: () => ({ body: { items: options.problems() } }) },
	];
}

function listObjects({ source, statusOf, problems }: ConfigEndpointsOptions, { query }: AdminRequest): AdminResponse {
	const kind = query.get("kind");
	if (kind !== null) requireKind(kind);
	const namespace = query.get("namespace");
	const name = query.get("name");
	const found = problems();
	const items = source
		.objects()
		.filter(
			(object) =>
				(kind === null || object.kind === findKind(kind)?.name) &&
				(namespace === null || object.namespace === namespace) &&
				(name === null || object.name === name),
		)
		.sort((a, b) => (formatObjectKey(a) < formatObjectKey(b) ? -1 : 1))
		.map((object) => describeObject(object, statusOf(formatObjectKey(object), found)));
	return { body: { items } };
}

/** The document as written, with its namespace filled in, its status and where it is from. */
function describeObject(object: ConfigObject, status: object | undefined): Record<string, unknown> {
	return { ...describeAsWritten(object, status), source: object.source };
}

/** The document as written, with its namespace filled in and its status; what a Secret holds stays here. */
export function describeAsWritten(
	{ kind, document, namespace }: ConfigObject,
	status: object | undefined,
): Record<string, unknown> {
	const fields = document as Record<string, unknown>;
	const shown =
		kind === "Secret" ? { ...fields, ...hideValues(fields, "data"), ...hideValues(fields, "stringData") } : fields;
	const metadata = { ...(fields["metadata"] as object), namespace };
	return { ...shown, metadata, ...(status !== undefined && { status }) };
}

/** The keys of a field without its values. */
function hideValues(fields: Record<string, unknown>, name: string): Record<string, unknown> {
	const values = fields[name];
	if (values === undefined || values === null) return {};
	return { [name]: Object.fromEntries(Object.keys(values).map((key) => [key, ""])) };
}

function requireKind(kind: string): void {
	if (findKind(kind) !== undefined) return;
	const hint = suggestNearest(kind, listKindNames()) || `: known are ${listKindNames().join(", ")}`;
	throw new AdminError(404, "KIND_UNKNOWN", `unknown kind '${kind}'${hint}`);
}

/** Reads the documents of a body: all of them good, and none of the folder.
 *  @throws AdminError 422 with every problem, 409 */
export function readDocuments(
	{ source, store, clock, checkFree }: Pick<ConfigEndpointsOptions, "source" | "store" | "clock" | "checkFree">,
	body: string,
): AppliedDocuments {
	const { objects, problems } = parseDocuments(body, "api", { createdAt: clock.wall() });
	const errors = problems.filter((problem) => problem.severity === "error");
	if (errors.length > 0) {
		const more = errors.length === 1 ? "" : ` (and ${errors.length - 1} more)`;
		const message = `nothing was applied: ${formatProblem(errors[0]!)}${more}`;
		throw new AdminError(422, "CONFIG_INVALID", message, { problems });
	}
	if (objects.length === 0) throw new AdminError(422, "CONFIG_EMPTY", "the body holds no document", { problems: [] });
	for (const object of objects) refuseFolderObject(source, object);
	checkFree(objects);
	const items = objects.map((object): AppliedDocuments["items"][number] => {
		const { kind, namespace, name } = object;
		const before = store.get(object);
		const isSame = before !== undefined && JSON.stringify(before.document) === JSON.stringify(object.document);
		return { kind, namespace, name, result: before === undefined ? "created" : isSame ? "unchanged" : "configured" };
	});
	return { objects, items, problems };
}

/** All objects of a body, or none. */
async function applyObjects(
	options: ConfigEndpointsOptions,
	{ body, principal }: AdminRequest,
): Promise<AdminResponse> {
	const { objects, items, problems } = readDocuments(options, body);
	const changed = objects.filter((_, position) => items[position]!.result !== "unchanged");
	await options.store.put(changed, principal.name);
	return { body: { items, problems } };
}

async function deleteObject(
	{ source, store, checkFree }: ConfigEndpointsOptions,
	{ params, principal }: AdminRequest,
): Promise<AdminResponse> {
	const { namespace, name } = params as { namespace: string; name: string };
	requireKind(params["kind"]!);
	const kind = findKind(params["kind"]!)!.name;
	refuseFolderObject(source, { kind, namespace, name });
	checkFree([{ kind, namespace, name }]);
	if (!(await store.delete({ kind, namespace, name }, principal.name)))
		throw new AdminError(404, "OBJECT_NOT_FOUND", `there is no ${kind} ${namespace}/${name}`);
	return { body: { kind, namespace, name, result: "deleted" } };
}

function refuseFolderObject(
	source: ConfigEndpointsOptions["source"],
	object: { readonly kind: string; readonly namespace: string; readonly name: string },
): void {
	const own = source.folderObject(formatObjectKey(object));
	if (own === undefined) return;
	const { kind, namespace, name } = object;
	const place = `${own.source.file}:${own.source.line}`;
	throw new AdminError(
		409,
		"OBJECT_IN_FOLDER",
		`${kind} ${namespace}/${name} is in the folder: change ${place} instead`,
	);
}
