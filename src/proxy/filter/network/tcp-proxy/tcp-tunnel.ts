import type { HeaderList } from "../../../../core/index.ts";
import type { StreamInfo } from "../../../../engine/format/index.ts";
import { createHeaderOperations } from "../../../../engine/router/index.ts";
import type { Host } from "../../../cluster/index.ts";
import type { RawStream, RawStreamOwner, UpstreamCluster } from "../../../connection-pool/index.ts";
import type { TcpTunnelConfig } from "../../../runtime-config/index.ts";

/** Opens the tunnel of a session: a CONNECT or POST request whose body is the connection.
 *  Undefined when the circuit breaker allows no pool for it. */
export function openTcpTunnel(
	config: TcpTunnelConfig,
	upstream: UpstreamCluster,
	host: Host,
	record: StreamInfo,
	owner: RawStreamOwner,
): RawStream | undefined {
	const headers: HeaderList = [];
	createHeaderOperations([{ add: config.headers, remove: [] }]).apply(headers, record);
	return upstream.openTunnel(
		host,
		{
			authority: config.hostname.format(record),
			headers,
			method: config.usePost ? "POST" : "CONNECT",
			path: config.usePost ? config.postPath : "",
			...(config.propagateResponseHeaders
				? { onResponse: (_status, fields) => keep(record, "envoy.tcp_proxy.propagate_response_headers", fields) }
				: {}),
			...(config.propagateResponseTrailers
				? { onTrailers: (fields) => keep(record, "envoy.tcp_proxy.propagate_response_trailers", fields) }
				: {}),
		},
		owner,
	);
}

/** Kept as filter state, for access logs. */
function keep(record: StreamInfo, key: string, fields: HeaderList): void {
	const entries: Record<string, string> = {};
	for (let index = 0; index + 1 < fields.length; index += 2) entries[fields[index]!] = fields[index + 1]!;
	record.filterState ??= new Map();
	record.filterState.set(key, entries);
}
