import { isDeepStrictEqual } from "node:util";
import type { ListenerConfig } from "./listener-config.ts";

/** Whether two versions of a listener differ in their filter chains at most: then Envoy changes the listener in place. */
export function differsInChainsOnly(before: ListenerConfig, after: ListenerConfig): boolean {
	const { filterChains, defaultFilterChain, ...rest } = before;
	const { filterChains: newChains, defaultFilterChain: newDefault, ...newRest } = after;
	return isDeepStrictEqual(rest, newRest);
}

/** How many chains of `before` are not in `after`. */
export function countReplacedChains(before: ListenerConfig, after: ListenerConfig): number {
	const kept = chainsOf(after);
	return chainsOf(before).filter((chain) => !kept.some((other) => isDeepStrictEqual(chain, other))).length;
}

function chainsOf({ filterChains, defaultFilterChain }: ListenerConfig): ListenerConfig["filterChains"] {
	return defaultFilterChain === undefined ? filterChains : [...filterChains, defaultFilterChain];
}
