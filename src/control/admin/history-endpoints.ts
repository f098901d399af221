import {
	type ConfigChange,
	type ConfigStore,
	describeUnknownRevision,
	type HistoryEntry,
} from "../../registry/index.ts";
import { AdminError, type AdminRequest, type AdminResponse, type Endpoint } from "./router.ts";

/** Who changed what when, and the way back.
 *  @param checkFree refuses while something else changes objects */
export function createHistoryEndpoints(
	store: Pick<ConfigStore, "history" | "rollback">,
	checkFree: () => void,
): Endpoint[] {
	return [
		{
			method: "GET",
			path: "/v1/history",
			answer: async () => ({ body: { items: (await store.history()).map(summarize) } }),
		},
		{ method: "GET", path: "/v1/history/{revision}", answer: (request) => showEntry(store, request) },
		{
			method: "POST",
			path: "/v1/rollback/{revision}",
			role: "editor",
			answer: async ({ params, query, principal }) => {
				checkFree();
				const changes = await store.rollback(readRevision(params), principal.name, readBefore(query));
				return { body: { items: changes.map(summarizeChange) } };
			},
		},
	];
}

function readBefore(query: URLSearchParams): boolean {
	const text = query.get("before") ?? "false";
	if (text === "true" || text === "false") return text === "true";
	throw new AdminError(400, "QUERY_INVALID", `'before' is true or false, not '${text}'`);
}

function readRevision(params: AdminRequest["params"]): number {
	const revision = Number(params["revision"]);
	if (Number.isSafeInteger(revision) && revision >= 0) return revision;
	throw new AdminError(400, "REVISION_UNKNOWN", `'${params["revision"]}' is no revision: take a number of the history`);
}

async function showEntry(store: Pick<ConfigStore, "history">, { params }: AdminRequest): Promise<AdminResponse> {
	const revision = readRevision(params);
	const history = await store.history();
	const entry = history.find((candidate) => candidate.revision === revision);
	if (entry === undefined) throw new AdminError(404, "REVISION_UNKNOWN", describeUnknownRevision(history, revision));
	return { body: { ...summarize(entry), changes: entry.changes.map(hideSecret) } };
}

function summarize({ revision, at, author, action, changes, note }: HistoryEntry): Record<string, unknown> {
	const when = new Date(at).toISOString();
	return {
		revision,
		at: when,
		author,
		action,
		changes: changes.map(summarizeChange),
		...(note !== undefined && { note }),
	};
}

function summarizeChange({ kind, namespace, name, before, after }: ConfigChange): Record<string, unknown> {
	const result = before === undefined ? "created" : after === undefined ? "deleted" : "configured";
	return { kind, namespace, name, result };
}

/** The documents of a change; of a Secret only that it changed. */
function hideSecret(change: ConfigChange): Record<string, unknown> {
	return change.kind === "Secret" ? summarizeChange(change) : { ...summarizeChange(change), ...change };
}
