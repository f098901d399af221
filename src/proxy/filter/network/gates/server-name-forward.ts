import type { NetworkGate } from "../network-filter.ts";
import { dynamicHostKey, dynamicPortKey } from "../tcp-proxy/named-host.ts";

/** Has connections go to the host that their server name says, at one port, where their cluster goes to any host. What was said of host
 *  and port before stays. Spec: `envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3`. */
export function createServerNameForward(port: number): NetworkGate {
	return {
		open(_socket, { serverName, filterState }) {
			if (serverName === "" || filterState === undefined) return undefined;
			if (!filterState.has(dynamicHostKey)) filterState.set(dynamicHostKey, serverName);
			if (!filterState.has(dynamicPortKey)) filterState.set(dynamicPortKey, String(port));
			return undefined;
		},
	};
}
