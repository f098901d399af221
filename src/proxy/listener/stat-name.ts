import type { ListenerConfig } from "../runtime-config/index.ts";
import { formatAddress } from "./listening-sockets.ts";

/** What a listener is called in statistics: its stat_prefix, else its first address. */
export function nameStats({ statPrefix, addresses }: ListenerConfig): string {
	if (statPrefix !== "") return statPrefix;
	const first = addresses[0];
	if (first === undefined) return "unbound";
	if (first.kind === "internal") return `envoy_internal_${first.listener}`;
	return first.kind === "pipe" ? first.path : formatAddress(first).replaceAll(":", "_");
}
