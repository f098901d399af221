import { AdminError, type Endpoint } from "../admin/index.ts";
import type { FailureSelection } from "./ask-proxies.ts";
import { type FailureParts, tellFailures } from "./tell-failures.ts";

/** `GET /v1/failures?id=&kind=&limit=`: what `amime why` shows. */
export function createFailureEndpoint(parts: FailureParts): Endpoint {
	return {
		method: "GET",
		path: "/v1/failures",
		answer: async ({ query }) => {
			const { failures, silent } = await tellFailures(parts, readSelection(query));
			return { body: { items: failures, silent } };
		},
	};
}

const maxLimit = 1_000;

function readSelection(query: URLSearchParams): FailureSelection {
	const limit = query.get("limit") ?? "20";
	if (!/^[1-9]\d{0,3}$/.test(limit) || Number(limit) > maxLimit)
		throw new AdminError(400, "QUERY_INVALID", `limit must be a number from 1 to ${maxLimit}`);
	const kind = query.get("kind") ?? "failed";
	if (kind !== "failed" && kind !== "dry-run")
		throw new AdminError(400, "QUERY_INVALID", "kind must be failed or dry-run");
	const id = query.get("id");
	return { kind, limit: Number(limit), ...(id !== null && id !== "" && { id }) };
}
