import { ResponseFlag } from "../../../../engine/format/index.ts";
import type { HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";

/** Stands in for a filter whose configuration has not come and that has no default: every request is refused. */
export function createMissingFilter({ name, disabled, index }: FilterParts): HttpFilter {
	return {
		name,
		disabled,
		index,
		onRequestHead(stream) {
			stream.sendLocalReply({ status: 500, body: "", details: "", flags: ResponseFlag.noFilterConfigFound });
			return "stop";
		},
	};
}
