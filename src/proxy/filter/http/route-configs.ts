import type { HttpFilterOverride } from "../../runtime-config/index.ts";
import type { FilterStream } from "./filter.ts";

type Kind = HttpFilterOverride["kind"];
type OverrideOf<K extends Kind> = Extract<HttpFilterOverride, { readonly kind: K }>;

/** The most specific config of that kind that the request's route has for a filter. */
export function routeConfigOf<K extends Kind>(stream: FilterStream, name: string, kind: K): OverrideOf<K> | undefined {
	const override = stream.routeConfig(name) as HttpFilterOverride | undefined;
	return override?.kind === kind ? (override as OverrideOf<K>) : undefined;
}

/** Every config of that kind of the request's route, from the least specific one on. */
export function routeConfigsOf<K extends Kind>(stream: FilterStream, name: string, kind: K): readonly OverrideOf<K>[] {
	const levels = stream.route?.filterConfigLevels;
	if (levels === undefined || levels.length === 0) return [];
	const found: OverrideOf<K>[] = [];
	for (const level of levels) {
		const override = level.get(name) as HttpFilterOverride | undefined;
		if (override?.kind === kind) found.push(override as OverrideOf<K>);
	}
	return found;
}
