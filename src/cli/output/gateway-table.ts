import type { GatewayStatus } from "../mesh/admin-api.ts";
import type { Palette } from "./colour.ts";
import { formatTable } from "./table.ts";

/** A row for every listener of every Gateway: what it is for, and where it is reached. */
export function formatGateways(gateways: readonly GatewayStatus[], palette: Palette): string {
	if (gateways.length === 0) return "no gateways\n";
	const rows = gateways.flatMap((gateway) =>
		gateway.listeners.map((listener, index) => [
			...(index === 0 ? [`${gateway.namespace}/${gateway.name}`] : [""]),
			`${listener.protocol} ${listener.port}`,
			listener.hosts.join(", "),
			formatAddresses(gateway, listener.port, palette),
			listener.routes === undefined ? "-" : String(listener.routes),
			...(index === 0 ? [formatProxies(gateway, palette)] : [""]),
		]),
	);
	return formatTable(["GATEWAY", "LISTENER", "HOSTS", "REACHED AT", "ROUTES", "PROXY"], rows);
}

function formatAddresses({ proxies }: GatewayStatus, port: number, palette: Palette): string {
	if (proxies.length === 0) return palette.bad("nowhere");
	const addresses = proxies.map(({ address, ports }) => {
		const listenPort = ports.find((candidate) => candidate.port === port)?.listenPort ?? port;
		return `${address.includes(":") ? `[${address}]` : address}:${listenPort}`;
	});
	return [...new Set(addresses)].join(", ");
}

function formatProxies({ proxies }: GatewayStatus, palette: Palette): string {
	if (proxies.length === 0) return palette.bad("none");
	return proxies
		.map(({ instance, program, health }) => {
			const paint = health === "ready" ? palette.good : palette.warn;
			return `${instance}${program === undefined ? "" : ` (${program})`} ${paint(health)}`;
		})
		.join(", ");
}
