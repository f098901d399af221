import type { Clock } from "../../../../core/index.ts";
import { createStreamInfo } from "../../../../engine/format/index.ts";
import type { FilterStateValueConfig } from "../../../runtime-config/index.ts";
import type { NetworkGate } from "../network-filter.ts";

/** Gives new connections values that filters behind it go by. */
export function createSetFilterState(values: readonly FilterStateValueConfig[], clock: Clock): NetworkGate {
	return {
		open(_socket, facts) {
			const locked = new Set<string>();
			for (const { key, format, readOnly, skipIfEmpty } of values) {
				const value = format.format(createStreamInfo(facts, clock.now(), clock.wall()));
				if ((value === "" && skipIfEmpty) || locked.has(key)) continue;
				facts.filterState?.set(key, value);
				if (readOnly) locked.add(key);
			}
			return undefined;
		},
	};
}
