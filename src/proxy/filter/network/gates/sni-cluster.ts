import type { NetworkGate } from "../network-filter.ts";

/** Sends connections to the cluster that their server name is the name of. */
export function createSniCluster(): NetworkGate {
	return {
		open(_socket, facts) {
			if (facts.serverName !== "") facts.filterState?.set("envoy.tcp_proxy.cluster", facts.serverName);
			return undefined;
		},
	};
}
