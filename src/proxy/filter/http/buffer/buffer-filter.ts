import { getHeader } from "../../../../core/index.ts";
import type { BufferConfig } from "../../../runtime-config/index.ts";
import type { FilterStream, HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";
import { routeConfigOf } from "../route-configs.ts";

/** What of a request is here. */
interface Gathered {
	bytes: number;
	readonly maxBytes: number;
}

/** Holds requests until they are whole. Spec: `envoy.extensions.filters.http.buffer.v3`. */
export function createBufferFilter({ name, disabled, index }: FilterParts, config: BufferConfig): HttpFilter {
	return {
		name,
		disabled,
		index,
		onRequestHead(stream, endStream) {
			if (endStream) return "continue";
			const ofRoute = routeConfigOf(stream, name, "buffer");
			const used = ofRoute === undefined ? config : ofRoute.config;
			if (used === undefined) return "continue";
			stream.requestPath.setLimit(used.maxRequestBytes);
			stream.setState(index, { bytes: 0, maxBytes: used.maxRequestBytes } satisfies Gathered);
			return "stop-head";
		},
		onRequestBody(stream, chunk, last) {
			const gathered = stream.getState(index) as Gathered | undefined;
			if (gathered === undefined) return "continue";
			gathered.bytes += chunk.bytes.length;
			// Also the last piece must fit: the path refuses what does not. As in Envoy, one that comes with the end (of HTTP/2) passes.
			const isLate = gathered.bytes > gathered.maxBytes && stream.record.protocol !== "HTTP/2";
			if (!last || isLate) return "buffer";
			addLength(stream, gathered);
			return "continue";
		},
		onRequestTrailers(stream) {
			const gathered = stream.getState(index) as Gathered | undefined;
			if (gathered !== undefined) addLength(stream, gathered);
			return "continue";
		},
	};
}

/** The length of a whole request is known, whatever its client knew. */
function addLength({ request }: FilterStream, { bytes }: Gathered): void {
	if (getHeader(request.headers, "content-length") === undefined) request.set("content-length", String(bytes));
}
