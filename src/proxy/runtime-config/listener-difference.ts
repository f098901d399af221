import type { FilterChainConfig, ListenerConfig } from "./listener-config.ts";

/** Whether two versions of a listener differ in their filter chains at most: then Envoy changes the listener in place. */
export function differsInChainsOnly(before: ListenerConfig, after: ListenerConfig): boolean {
	return before.fingerprint() === after.fingerprint();
}

/** How many chains of `before` are not in `after`. */
export function countReplacedChains(before: ListenerConfig, after: ListenerConfig): number {
	const kept = new Set(listChains(after).map(({ fingerprint }) => fingerprint()));
	return listChains(before).filter(({ fingerprint }) => !kept.has(fingerprint())).length;
}

/** Every chain of a listener, the default one last. */
export function listChains({ filterChains, defaultFilterChain }: ListenerConfig): readonly FilterChainConfig[] {
	return defaultFilterChain === undefined ? filterChains : [...filterChains, defaultFilterChain];
}
