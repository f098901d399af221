import { getHeader, type HeaderList, removeHeader, setHeader } from "../../../../core/index.ts";
import { isFeatureEnabled } from "../../../../engine/runtime/index.ts";
import type { IpTaggingConfig } from "../../../runtime-config/index.ts";
import type { HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";
import { TagTable } from "./tag-table.ts";

const runtimeKey = "ip_tagging.http_filter_enabled";

/** Tells upstreams, in a header, which ranges the client's address is in. Spec: `envoy.extensions.filters.http.ip_tagging.v3`. */
export function createIpTaggingFilter(
	{ name, disabled, index, context, scope }: FilterParts,
	{ requests, tags, header, appends }: IpTaggingConfig,
): HttpFilter {
	const table = new TagTable(tags);
	const stats = scope.scope("ip_tagging");
	// As in Envoy, each is there from its first event on.
	const count = (event: string): void => {
		stats.counter(event).value++;
	};
	return {
		name,
		disabled,
		index,
		onRequestHead(stream) {
			const { headers } = stream.request;
			const isInternal = getHeader(headers, "x-envoy-internal") === "true";
			if (requests !== "both" && isInternal !== (requests === "internal")) return "continue";
			if (!isFeatureEnabled(context.runtime, runtimeKey, 100, context.random.next())) return "continue";
			const found = table.of(stream.record.remote.ip);
			count("total");
			const before = getHeader(headers, header);
			if (found.length === 0) {
				count("no_hit");
				if (appends || before === undefined) return "continue";
				removeHeader(headers, header);
			} else {
				for (const tag of found) count(`${tag}.hit`);
				const own = found.join(",");
				if (appends) appendToFirst(headers, header, own);
				else setHeader(headers, header, own);
			}
			stream.clearRouteCache();
			return "continue";
		},
	};
}

/** As in Envoy: of several fields of the name the first becomes longer. */
function appendToFirst(headers: HeaderList, name: string, value: string): void {
	for (let index = 0; index < headers.length; index += 2) {
		if (headers[index] !== name) continue;
		const before = headers[index + 1]!;
		headers[index + 1] = before === "" ? value : `${before},${value}`;
		return;
	}
	headers.push(name, value);
}
