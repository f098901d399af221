import type { AdminState } from "./admin-state.ts";
import { type AdminRequest, type AdminResponse, text } from "./request.ts";

const defaultLimit = 100;

/** `/failed_requests?id=REQUEST_ID&kind=failed|dry-run&limit=N`: what `amime why` reads. */
export function describeFailedRequests({ failedRequests }: AdminState, { query }: AdminRequest): AdminResponse {
	const asked = query.get("limit") ?? String(defaultLimit);
	if (!/^[1-9]\d{0,3}$/.test(asked))
		return text(`limit must be a number from 1 to 9999, not "${asked.slice(0, 40)}"\n`, 400);
	const kind = query.get("kind") ?? "failed";
	if (kind !== "failed" && kind !== "dry-run")
		return text(`kind must be failed or dry-run, not "${kind.slice(0, 40)}"\n`, 400);
	const lines = failedRequests.list(query.get("id") ?? undefined, Number(asked), kind);
	return {
		...text(lines.map((line) => `${line}\n`).join("")),
		contentType: "application/jsonl",
		headers: [["x-amime-skipped", String(failedRequests.skipped)]],
	};
}
