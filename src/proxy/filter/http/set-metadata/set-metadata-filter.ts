import type { SetMetadataConfig } from "../../../runtime-config/index.ts";
import { createSetMetadataStats } from "../../../stats/index.ts";
import type { HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";
import { mergeDynamicMetadata } from "../metadata.ts";

/** Writes fixed dynamic metadata. Spec: `envoy.extensions.filters.http.set_metadata.v3`. */
export function createSetMetadataFilter(
	{ name, disabled, index, scope }: FilterParts,
	config: SetMetadataConfig,
): HttpFilter {
	const stats = createSetMetadataStats(scope.scope("set_metadata"));
	return {
		name,
		disabled,
		index,
		onRequestHead({ record }) {
			for (const { namespace, value, overwrites } of config.entries) {
				if (!overwrites && record.dynamicMetadata?.has(namespace) === true) stats.overwrite_denied.value++;
				else mergeDynamicMetadata(record, namespace, value);
			}
			return "continue";
		},
	};
}
