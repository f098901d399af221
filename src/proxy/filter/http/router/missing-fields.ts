import { ResponseFlag } from "../../../../engine/format/index.ts";
import type { LocalReply } from "../filter.ts";
import type { PassRequestHead } from "../pass-head.ts";

/** The answer to a request that a filter took what no upstream can do without, or gave what no request may carry; undefined when it can be sent. */
export function refuseUnsendable(request: PassRequestHead): LocalReply | undefined {
	const body = findMissing(request) ?? describeMalformed(request);
	if (body === undefined) return undefined;
	return {
		status: 503,
		body,
		isBinary: true,
		details: `filter_removed_required_request_headers{${body}}`,
		flags: ResponseFlag.downstreamProtocolError,
	};
}

function findMissing({ method, path, authority }: PassRequestHead): string | undefined {
	if (method !== "" && path !== "") return undefined;
	const target = method === "CONNECT" ? authority : path;
	if (method !== "" && target !== "") return undefined;
	return `missing required header: ${method === "" ? ":method" : method === "CONNECT" ? ":authority" : ":path"}`;
}

function describeMalformed(request: PassRequestHead): string | undefined {
	const found = request.findMalformed();
	if (found === undefined) return undefined;
	return found.part === "name"
		? `invalid header name: ${escapeName(found.name)}`
		: `invalid header value for: ${found.name}`;
}

/** As in a JSON string: whoever reads it in a log sees one line. */
function escapeName(text: string): string {
	return JSON.stringify(text).slice(1, -1);
}
