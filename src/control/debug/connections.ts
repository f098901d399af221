import type { Node } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import type { ConnectionStatus } from "../../xds/server/index.ts";
import { readLabels, readNodeName } from "../snapshot/index.ts";

/** A proxy as Istio names it: `<instance>.<namespace>`; its node id when that is of another form. */
export function proxyNameOf({ id }: Pick<Node, "id">): string {
	const name = readNodeName(id);
	return name === undefined ? id : `${name.name}.${name.namespace}`;
}

/** What tells the streams of one proxy apart. */
export function connectionIdOf({ node, peer }: ConnectionStatus): string {
	return `${proxyNameOf(node)}-${peer}`;
}

/** Istio's `AdsClients`.
 *  @param isFull with what each proxy says of itself and watches */
export function listConnections(connections: readonly ConnectionStatus[], isFull: boolean) {
	const clients = connections
		.map((one) => describe(one, isFull))
		.sort((a, b) => (a.connectionId < b.connectionId ? -1 : 1));
	return { totalClients: clients.length, ...(clients.length > 0 && { clients }) };
}

function describe(connection: ConnectionStatus, isFull: boolean) {
	const { node, peer, connectedAt, watches } = connection;
	const base = {
		connectionId: connectionIdOf(connection),
		connectedAt: new Date(connectedAt).toISOString(),
		address: peer,
	};
	if (!isFull) return base;
	const { locality, metadata } = node;
	const labels = readLabels(node);
	return {
		...base,
		...(labels !== undefined && { labels }),
		...(metadata !== undefined && { metadata }),
		...(locality !== undefined && {
			locality: { region: locality.region, zone: locality.zone, sub_zone: locality.subZone },
		}),
		watches: Object.fromEntries(watches),
	};
}
