import type { AdminState } from "./admin-state.ts";
import { type AdminRequest, type AdminResponse, text } from "./request.ts";

const defaultLimit = 100;

/** `/failed_requests?id=REQUEST_ID&limit=N`: what `amime why` reads. */
export function describeFailedRequests({ failedRequests }: AdminState, { query }: AdminRequest): AdminResponse {
	const asked = query.get("limit") ?? String(defaultLimit);
	if (!/^[1-9]\d{0,3}$/.test(asked))
		return text(`limit must be a number from 1 to 9999, not "${asked.slice(0, 40)}"\n`, 400);
	const lines = failedRequests.list(query.get("id") ?? undefined, Number(asked));
	return {
		...text(lines.map((line) => `${line}\n`).join("")),
		contentType: "application/jsonl",
		headers: [["x-amime-skipped", String(failedRequests.skipped)]],
	};
}
