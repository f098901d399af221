import type { Message } from "@bufbuild/protobuf";
import type {
	ExtensionWithMatcher,
	ExtensionWithMatcherPerRoute,
} from "../../api/gen/envoy/extensions/common/matching/v3/extension_matcher_pb.js";
import type { ExecuteFilterAction } from "../../api/gen/envoy/extensions/filters/http/composite/v3/composite_pb.js";
import type { Matcher } from "../../api/gen/xds/type/matcher/v3/matcher_pb.js";
import type { MatchTree } from "../../engine/authorization/index.ts";
import type { RuntimeFraction } from "../../engine/runtime/index.ts";
import type { HttpFilterConfig } from "./http-filter-config.ts";
import { readRequestMatcher } from "./match-tree.ts";
import type { Scope } from "./scope.ts";
import { readRuntimeFraction, unpackExtension } from "./values.ts";

/** What a matcher around a filter may say. */
export type MatchedAction =
	/** The filter inside is left out. */
	| { readonly kind: "skip" }
	/** It runs: what the action says is for `composite`. */
	| { readonly kind: "keep" }
	/** This one runs in the place of `composite`. */
	| { readonly kind: "execute"; readonly filter: HttpFilterConfig; readonly share: RuntimeFraction | undefined };

/** A tree whose actions' names are places in `actions`. */
export interface FilterMatcher {
	readonly tree: MatchTree;
	readonly actions: readonly MatchedAction[];
}

/** `envoy.extensions.common.matching.v3.ExtensionWithMatcher`. */
export interface MatchedFilterConfig {
	/** Undefined: routes may have one. */
	readonly matcher: FilterMatcher | undefined;
	/** The filter inside; undefined for `composite`, which is what its matcher makes of it. */
	readonly inner: HttpFilterConfig | undefined;
	/** Whether routes may have a matcher: not for a `composite` by itself. */
	readonly isWrapped: boolean;
}

/** Translates a filter by its message; undefined, with a problem, when it is none. */
export type ReadFilter = (message: Message, scope: Scope) => HttpFilterConfig | undefined;

/** Translates a filter with a matcher around it. */
export function readMatchedFilter(
	message: ExtensionWithMatcher,
	scope: Scope,
	readFilter: ReadFilter,
): MatchedFilterConfig {
	const at = scope.at("extension_config").at("typed_config");
	const inner = unpackExtension(message.extensionConfig?.typedConfig, at);
	const isComposite = inner?.$typeName === compositeType;
	return {
		matcher:
			message.xdsMatcher &&
			readFilterMatcher(message.xdsMatcher, scope.at("xds_matcher"), isComposite ? readFilter : undefined),
		inner: inner === undefined || isComposite ? undefined : readFilter(inner, at),
		isWrapped: true,
	};
}

/** Translates what a route says in place of the filter's own matcher. */
export function readMatcherOfRoute(
	{ xdsMatcher }: ExtensionWithMatcherPerRoute,
	scope: Scope,
	readFilter: ReadFilter,
): FilterMatcher | undefined {
	return xdsMatcher && readFilterMatcher(xdsMatcher, scope.at("xds_matcher"), readFilter);
}

export const compositeType = "envoy.extensions.filters.http.composite.v3.Composite";

/** @param readFilter absent where no filter may take the place of the one inside */
function readFilterMatcher(message: Matcher, scope: Scope, readFilter: ReadFilter | undefined): FilterMatcher {
	const actions: MatchedAction[] = [];
	const tree = readRequestMatcher(message, scope, (config, at) => {
		const action = readAction(config, at, readFilter);
		return action === undefined ? undefined : String(actions.push(action) - 1);
	});
	return { tree, actions };
}

function readAction(config: Message, scope: Scope, readFilter: ReadFilter | undefined): MatchedAction | undefined {
	if (config.$typeName === "envoy.extensions.filters.common.matcher.action.v3.SkipFilter") return { kind: "skip" };
	if (config.$typeName !== "envoy.extensions.filters.http.composite.v3.ExecuteFilterAction") return undefined;
	if (readFilter === undefined) return { kind: "keep" };
	const { samplePercent, typedConfig } = config as ExecuteFilterAction;
	const at = scope.at("typed_config").at("typed_config");
	const message = unpackExtension(typedConfig?.typedConfig, at);
	const filter = message === undefined ? undefined : readFilter(message, at);
	// Reported already.
	if (filter === undefined) return { kind: "skip" };
	return { kind: "execute", filter, share: readRuntimeFraction(samplePercent) };
}
