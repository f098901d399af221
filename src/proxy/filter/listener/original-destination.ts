import type { SystemCalls } from "../../../os/index.ts";
import { descriptorOf } from "../../../os/index.ts";
import type { ListenerFilter, PendingConnection } from "./listener-filter.ts";

/** Finds where a connection was going before the machine's firewall led it here. */
export function createOriginalDestination(system: SystemCalls): ListenerFilter {
	return {
		accept(connection) {
			if (takeFromMetadata(connection)) return true;
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

/** On internal connections no firewall led anything: the metadata that came along says it, as `local: "1.2.3.4:80"`. */
function takeFromMetadata(connection: PendingConnection): boolean {
	const metadata = connection.dynamicMetadata?.get("envoy.filters.listener.original_dst");
	const local = (metadata as { readonly local?: unknown } | undefined)?.local;
	const match = typeof local === "string" ? /^(?:\[(.+)\]|([^:]+)):(\d{1,5})$/.exec(local) : null;
	if (match === null) return false;
	connection.local = { ip: match[1] ?? match[2]!, port: Number(match[3]), text: match[0] };
	connection.isLocalRestored = true;
	return true;
}
