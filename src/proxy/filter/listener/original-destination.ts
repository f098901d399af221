import type { SystemCalls } from "../../../os/index.ts";
import { descriptorOf } from "../../../os/index.ts";
import type { ListenerFilter } from "./listener-filter.ts";

/** Finds where a connection was going before the machine's firewall led it here. */
export function createOriginalDestination(system: SystemCalls): ListenerFilter {
	return {
		accept(connection) {
			const descriptor = descriptorOf(connection.socket);
			if (descriptor === undefined) return true;
			const isIpv4 = !connection.directLocal.ip.includes(":");
			const found = system.originalDestination(descriptor, isIpv4 ? "ipv4" : "ipv6");
			if (found === undefined) return true;
			const { port } = found;
			const ip = found.ip.startsWith("::ffff:") ? found.ip.slice("::ffff:".length) : found.ip;
			connection.local = { ip, port, text: ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}` };
			connection.isLocalRestored = true;
			return true;
		},
	};
}
