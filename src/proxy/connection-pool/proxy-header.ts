import type { ConnectionFacts } from "../../engine/format/index.ts";
import { formatProxyHeader } from "../../wire/proxy-protocol/index.ts";
import type { Host } from "../cluster/index.ts";
import type { ProxyProtocolOutConfig } from "../runtime-config/index.ts";

/** What a new connection to `host` begins with; undefined when the host wants no PROXY header. Without a client (a health check) the
 *  proxy speaks for itself. */
export function createProxyHeader(host: Host, client: ConnectionFacts | undefined): Buffer | undefined {
	const { proxyProtocol } = host.transportSocket;
	if (proxyProtocol === undefined) return undefined;
	return formatProxyHeader({
		version: proxyProtocol.version,
		addresses:
			client === undefined || client.remote.port === 0
				? undefined
				: {
						sourceIp: client.remote.ip,
						sourcePort: client.remote.port,
						destinationIp: client.local.ip,
						destinationPort: client.local.port,
					},
		tlvs: listTlvs(proxyProtocol, client),
	});
}

function listTlvs(
	{ addedTlvs, passThrough }: ProxyProtocolOutConfig,
	client: ConnectionFacts | undefined,
): readonly { readonly type: number; readonly value: Buffer }[] {
	const given = client?.proxyHeader?.tlvs ?? [];
	const passed = passThrough === "all" ? given : given.filter(({ type }) => passThrough.includes(type));
	const added = addedTlvs.filter(({ type }) => !passed.some((one) => one.type === type));
	return [...added, ...passed];
}
