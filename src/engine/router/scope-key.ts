import { getHeader } from "../../core/index.ts";
import type { RequestHead } from "../format/stream-info.ts";
import { getRequestHeader } from "../matcher/match.ts";

/** How one part of a scope's key is read from a header: its value is split, and either an element by its place is taken, or the value
 *  of the element that begins with a key. */
export type ScopeKeyFragment = {
	/** Lower case. */
	readonly header: string;
	/** Between elements; empty: the whole value is the only one. */
	readonly separator: string;
} & (
	| { readonly kind: "index"; readonly index: number }
	| { readonly kind: "element"; readonly key: string; readonly pairSeparator: string }
);

/** The key of a request's scope; undefined when a part of it is missing: then no scope is the request's.
 *  Spec: `ScopedRoutes.ScopeKeyBuilder`. */
export function computeScopeKey(fragments: readonly ScopeKeyFragment[], request: RequestHead): string[] | undefined {
	const key: string[] = [];
	for (const fragment of fragments) {
		const part = readFragment(fragment, request);
		if (part === undefined) return undefined;
		key.push(part);
	}
	return key;
}

function readFragment(fragment: ScopeKeyFragment, request: RequestHead): string | undefined {
	const { header, separator } = fragment;
	const isInList = header.charCodeAt(0) !== 58 /* : */ && header !== "host";
	const value = isInList ? getHeader(request.headers, header) : getRequestHeader(request, header);
	if (value === undefined) return undefined;
	const elements = separator === "" ? [value] : value.split(separator);
	if (fragment.kind === "index") return elements[fragment.index];
	const { key, pairSeparator } = fragment;
	for (const element of elements) {
		const at = element.indexOf(pairSeparator);
		if ((at === -1 ? element : element.slice(0, at)) === key) {
			return at === -1 ? "" : element.slice(at + pairSeparator.length);
		}
	}
	return undefined;
}
