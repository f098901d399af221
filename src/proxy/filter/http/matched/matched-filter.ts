import { evaluateTree } from "../../../../engine/authorization/index.ts";
import { isInFraction } from "../../../../engine/runtime/index.ts";
import type { FilterMatcher, HttpFilterConfig, MatchedFilterConfig } from "../../../runtime-config/index.ts";
import { createCompositeStats } from "../../../stats/index.ts";
import type { FilterStream, HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";
import { routeConfigOf } from "../route-configs.ts";

/** What was chosen for a stream: a filter, or none. */
type Choice = HttpFilter | "none";

/** A filter with a matcher around it, which may leave it out, or choose what `composite` is for a request. The choice is made with the
 *  request's head, or, where the matcher says nothing then, with the response's.
 *  Spec: `envoy.extensions.common.matching.v3.ExtensionWithMatcher`, `envoy.extensions.filters.http.composite.v3`. */
export function createMatchedFilter(
	parts: FilterParts,
	config: MatchedFilterConfig,
	create: (config: HttpFilterConfig) => HttpFilter | undefined,
): HttpFilter {
	const { name, disabled, index, context } = parts;
	const inner = config.inner === undefined ? undefined : create(config.inner);
	const stats = config.inner === undefined ? createCompositeStats(parts.scope.scope("composite")) : undefined;
	/** Filters that actions execute, made when they are executed first. */
	const executed = new Map<HttpFilterConfig, HttpFilter | undefined>();
	/** Streams keep the state of the filter inside, so the choice is kept here. */
	const choices = new WeakMap<FilterStream, Choice>();

	function createOnce(wanted: HttpFilterConfig): HttpFilter | undefined {
		if (!executed.has(wanted)) executed.set(wanted, create(wanted));
		return executed.get(wanted);
	}

	/** @returns undefined when the matcher says nothing */
	function match(stream: FilterStream): Choice | undefined {
		const ofRoute = config.isWrapped ? routeConfigOf(stream, name, "matcher")?.matcher : undefined;
		const matcher: FilterMatcher | undefined = ofRoute ?? config.matcher;
		// As in Envoy, what has no matcher at all does not run.
		if (matcher === undefined) return "none";
		const found = evaluateTree(matcher.tree, stream.record);
		const action = found === undefined ? undefined : matcher.actions[Number(found.name)]!;
		if (action === undefined) return undefined;
		if (action.kind === "skip") return "none";
		if (action.kind === "keep") return inner ?? "none";
		const { filter, share } = action;
		if (share !== undefined && !isInFraction(share, context.random.next(), context.runtime)) return "none";
		const made = createOnce(filter);
		if (stats !== undefined) stats.filter_delegation_success.value++;
		return made ?? "none";
	}

	function chosen(stream: FilterStream): HttpFilter | undefined {
		const choice = choices.get(stream) ?? inner;
		return choice === "none" ? undefined : choice;
	}

	function choose(stream: FilterStream): HttpFilter | undefined {
		if (!choices.has(stream)) {
			const choice = match(stream);
			if (choice !== undefined) choices.set(stream, choice);
		}
		return chosen(stream);
	}

	return {
		name,
		disabled,
		index,
		onRequestHead: (stream, endStream) => choose(stream)?.onRequestHead?.(stream, endStream) ?? "continue",
		onResponseHead: (stream, head, endStream) => choose(stream)?.onResponseHead?.(stream, head, endStream),
		onRequestBody: (stream, chunk, last) => chosen(stream)?.onRequestBody?.(stream, chunk, last) ?? "continue",
		onRequestTrailers: (stream, trailers) => chosen(stream)?.onRequestTrailers?.(stream, trailers) ?? "continue",
		onResponseBody: (stream, chunk, last) => chosen(stream)?.onResponseBody?.(stream, chunk, last) ?? "continue",
		onResponseTrailers: (stream, trailers) => chosen(stream)?.onResponseTrailers?.(stream, trailers) ?? "continue",
		onEnd: (stream) => chosen(stream)?.onEnd?.(stream),
		onClose() {
			for (const filter of [inner, ...executed.values()]) filter?.onClose?.();
		},
	};
}
