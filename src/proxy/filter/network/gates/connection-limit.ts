import type { Runtime } from "../../../../engine/runtime/index.ts";
import type { ConnectionLimitConfig } from "../../../runtime-config/index.ts";
import type { ConnectionLimitStats } from "../../../stats/index.ts";
import { isEnabled } from "../../runtime-flag.ts";
import type { NetworkGate } from "../network-filter.ts";

/** Closes connections over a number of open ones. */
export function createConnectionLimit(
	config: ConnectionLimitConfig,
	stats: ConnectionLimitStats,
	runtime: Runtime,
): NetworkGate {
	let open = 0;
	return {
		open(socket) {
			if (!isEnabled(config.enabled, runtime)) return undefined;
			if (open >= config.maxConnections) {
				stats.limited_connections.value++;
				return { terminationDetails: "", closeReason: "over_connection_limit", delayMs: config.delayMs };
			}
			open++;
			stats.active_connections.value++;
			socket.once("close", () => {
				open--;
				stats.active_connections.value--;
			});
			return undefined;
		},
	};
}
