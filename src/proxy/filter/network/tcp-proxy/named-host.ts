import type { StreamInfo } from "../../../../engine/format/index.ts";
import { type Cluster, DynamicForwardCluster } from "../../../cluster/index.ts";

/** Where the host is said that a connection goes to, for clusters that go to any host (Envoy, well-known filter state). */
export const dynamicHostKey = "envoy.upstream.dynamic_host";
/** Its port, as text. */
export const dynamicPortKey = "envoy.upstream.dynamic_port";

/** Host and port that a connection of bytes names: as filters before say, else its server name. */
export function namedHostOf({ filterState, connection }: StreamInfo): string | undefined {
	const host = filterState?.get(dynamicHostKey) ?? connection.serverName;
	if (typeof host !== "string" || host === "") return undefined;
	const port = filterState?.get(dynamicPortKey);
	const name = host.includes(":") ? `[${host}]` : host;
	return typeof port === "string" ? `${name}:${port}` : name;
}

/** Has a cluster that goes to any host look up the one that a connection names, and goes on then; at once for other clusters. */
export function lookUpNamedHost(cluster: Cluster, record: StreamInfo, goOn: () => void): void {
	const name = cluster instanceof DynamicForwardCluster ? namedHostOf(record) : undefined;
	if (name === undefined || !(cluster instanceof DynamicForwardCluster)) goOn();
	else cluster.prepare(name, goOn);
}
