import type { AdminState } from "./admin-state.ts";
import { type AdminRequest, type AdminResponse, text } from "./request.ts";

const defaultLimit = 100;

/** `/failed_requests?id=REQUEST_ID&kind=failed|dry-run&limit=N`: what `amime why` reads. */
export function describeFailedRequests(
	{ failedRequests, describeNames }: AdminState,
	{ query }: AdminRequest,
): AdminResponse {
	const asked = query.get("limit") ?? String(defaultLimit);
	if (!/^[1-9]\d{0,3}$/.test(asked))
		return text(`limit must be a number from 1 to 9999, not "${asked.slice(0, 40)}"\n`, 400);
	const kind = query.get("kind") ?? "failed";
	if (kind !== "failed" && kind !== "dry-run")
		return text(`kind must be failed or dry-run, not "${kind.slice(0, 40)}"\n`, 400);
	const lines = failedRequests.list(query.get("id") ?? undefined, Number(asked), kind);
	return {
		...text(lines.map((line) => `${withNames(line, describeNames)}\n`).join("")),
		contentType: "application/jsonl",
		headers: [["x-amime-skipped", String(failedRequests.countSkipped())]],
	};
}

/** Names are looked up for all threads by one, so why one has no address is told as it is at present. */
function withNames(line: string, describeNames: AdminState["describeNames"]): string {
	if (!line.includes('"UH')) return line;
	const entry = JSON.parse(line) as Readonly<Record<string, unknown>>;
	const cluster = entry["upstream_cluster"];
	const problems = typeof cluster === "string" ? describeNames(cluster) : "";
	return problems === "" ? line : JSON.stringify({ ...entry, dns_failure: problems });
}
