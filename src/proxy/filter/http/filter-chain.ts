import type { FilterConfigs, RouteEntry } from "../../../engine/router/index.ts";
import type { HttpFilter } from "./filter.ts";

/** The filters that are on for a stream, sorted by what they do. */
export interface ActiveFilters {
	/** Those with a hook for requests, in the order of the chain. */
	readonly request: readonly HttpFilter[];
	/** Those with a hook for responses, last first. */
	readonly response: readonly HttpFilter[];
	readonly end: readonly HttpFilter[];
	/** Whether any looks at bodies or trailers. */
	readonly seesRequestBody: boolean;
	readonly seesResponseBody: boolean;
}

/** The HTTP filters of a connection manager without the router. Routes may turn filters on and off. */
export class HttpFilterChain {
	readonly #filters: readonly HttpFilter[];
	readonly #byDefault: ActiveFilters;
	/** Selections of routes that say something about filters; the maps belong to route tables. */
	readonly #selections = new WeakMap<FilterConfigs, ActiveFilters>();

	constructor(filters: readonly HttpFilter[]) {
		this.#filters = filters;
		this.#byDefault = sortFilters(filters.filter((filter) => !filter.disabled));
	}

	/** Ends what filters do by themselves. */
	close(): void {
		for (const filter of this.#filters) filter.onClose?.();
	}

	/** The filters of a stream; undefined: none, the router alone. */
	select(route: RouteEntry | undefined): ActiveFilters | undefined {
		if (this.#filters.length === 0) return undefined;
		const configs = route?.filterConfigs;
		if (configs === undefined || configs.size === 0) return this.#byDefault;
		let active = this.#selections.get(configs);
		if (active === undefined) {
			active = sortFilters(this.#filters.filter((filter) => isOn(filter, configs)));
			this.#selections.set(configs, active);
		}
		return active;
	}
}

function isOn({ name, disabled }: HttpFilter, configs: FilterConfigs): boolean {
	const override = configs.get(name);
	return override === undefined ? !disabled : override.kind !== "disabled";
}

function sortFilters(filters: readonly HttpFilter[]): ActiveFilters {
	const seesRequestBody = filters.some((filter) => (filter.onRequestBody ?? filter.onRequestTrailers) !== undefined);
	const seesResponseBody = filters.some((filter) => (filter.onResponseBody ?? filter.onResponseTrailers) !== undefined);
	return Object.freeze({
		request: filters.filter(
			(filter) => (filter.onRequestHead ?? filter.onRequestBody ?? filter.onRequestTrailers) !== undefined,
		),
		response: filters
			.filter((filter) => (filter.onResponseHead ?? filter.onResponseBody ?? filter.onResponseTrailers) !== undefined)
			.reverse(),
		end: filters.filter((filter) => filter.onEnd !== undefined),
		seesRequestBody,
		seesResponseBody,
	});
}
