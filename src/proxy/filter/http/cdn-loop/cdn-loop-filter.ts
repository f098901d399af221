import { getJoinedHeader, setHeader } from "../../../../core/index.ts";
import { parseCdnLoop } from "../../../../engine/cdn-loop/index.ts";
import type { CdnLoopConfig } from "../../../runtime-config/index.ts";
import type { HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";

const header = "cdn-loop";

/** Refuses requests that came through here too often, and puts its own name behind the others. Spec: RFC 8586,
 *  `envoy.extensions.filters.http.cdn_loop.v3`. */
export function createCdnLoopFilter(
	{ name, disabled, index }: FilterParts,
	{ id, maxOccurrences }: CdnLoopConfig,
): HttpFilter {
	return {
		name,
		disabled,
		index,
		onRequestHead(stream) {
			const { headers } = stream.request;
			const before = getJoinedHeader(headers, header);
			const seen = before === undefined ? [] : parseCdnLoop(before);
			if (seen === undefined) {
				const body = "Invalid CDN-Loop header in request.";
				stream.sendLocalReply({ status: 400, body, details: "invalid_cdn_loop_header", flags: 0 });
				return "stop";
			}
			if (seen.filter((one) => one === id).length > maxOccurrences) {
				const body = "The server has detected a loop between CDNs.";
				stream.sendLocalReply({ status: 502, body, details: "cdn_loop_detected", flags: 0 });
				return "stop";
			}
			setHeader(headers, header, before === undefined || before === "" ? id : `${before},${id}`);
			return "continue";
		},
	};
}
