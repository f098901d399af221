import type { FilterStateEntry } from "../../../runtime-config/index.ts";
import type { HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";
import { routeConfigsOf } from "../route-configs.ts";

/** Writes texts into the filter state. Spec: `envoy.extensions.filters.http.set_filter_state.v3`. */
export function createSetFilterStateFilter(
	{ name, disabled, index }: FilterParts,
	config: { readonly entries: readonly FilterStateEntry[]; readonly clearsRoute: boolean },
): HttpFilter {
	return {
		name,
		disabled,
		index,
		onRequestHead(stream) {
			const { record } = stream;
			const levels = [config, ...routeConfigsOf(stream, name, "set-filter-state")];
			for (const { key, value, skipIfEmpty } of levels.flatMap(({ entries }) => entries)) {
				const text = value.format(record);
				if (text === "" && skipIfEmpty) continue;
				record.filterState ??= new Map();
				record.filterState.set(key, text);
			}
			if (levels.some(({ clearsRoute }) => clearsRoute)) stream.clearRouteCache();
			return "continue";
		},
	};
}
