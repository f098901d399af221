import { ResponseFlag } from "../../../../engine/format/index.ts";
import type { LocalReply } from "../filter.ts";
import type { PassRequestHead } from "../pass-head.ts";

/** The answer to a request that a filter took what no upstream can do without; undefined when it has everything. */
export function refuseIncomplete({ method, path, authority }: PassRequestHead): LocalReply | undefined {
	if (method !== "" && path !== "") return undefined;
	const target = method === "CONNECT" ? authority : path;
	if (method !== "" && target !== "") return undefined;
	const body = `missing required header: ${method === "" ? ":method" : method === "CONNECT" ? ":authority" : ":path"}`;
	return {
		status: 503,
		body,
		details: `filter_removed_required_request_headers{${body}}`,
		flags: ResponseFlag.downstreamProtocolError,
	};
}
