import type { NodeStatus } from "../../xds/server/index.ts";
import { readNodeName } from "../snapshot/index.ts";
import { proxyNameOf } from "./connections.ts";

const keys: Readonly<Record<string, string>> = {
	Cluster: "cluster",
	Listener: "listener",
	RouteConfiguration: "route",
	ClusterLoadAssignment: "endpoint",
	TypedExtensionConfig: "extensionconfig",
};

/** Istio's `SyncStatus` of each proxy, which `istioctl proxy-status` and dashboards read; where Istio tells nonces, these are versions: equal ones
 *  are in sync all the same. */
export function formatSyncStatus(statuses: readonly NodeStatus[], namespace: string | undefined): object[] {
	return statuses
		.filter(({ nodeId }) => namespace === undefined || readNodeName(nodeId)?.namespace === namespace)
		.map(({ node, nodeId, types }) => {
			const text = (key: string): string | undefined => {
				const value = node.metadata?.[key];
				return typeof value === "string" ? value : undefined;
			};
			const agent = node.userAgentVersionType;
			const version = agent.case === "userAgentVersion" ? agent.value : formatBuild(agent.value?.version);
			return {
				cluster_id: text("CLUSTER_ID") ?? "amime",
				proxy: proxyNameOf(node),
				proxy_type: readNodeName(nodeId)?.type,
				proxy_version: version,
				istio_version: text("ISTIO_VERSION"),
				...Object.fromEntries(
					types.flatMap(({ typeUrl, sentVersion, ackedVersion }) => {
						const key = keys[typeUrl.slice(typeUrl.lastIndexOf(".") + 1)];
						return key === undefined
							? []
							: [[`${key}_sent`, sentVersion] as const, [`${key}_acked`, ackedVersion] as const];
					}),
				),
				resources: Object.fromEntries(
					types.map(({ typeUrl, sentVersion, ackedVersion, updatedAt, reason }) => [
						typeUrl,
						{
							sent: sentVersion,
							acked: ackedVersion,
							sentTime: new Date(updatedAt).toISOString(),
							...(reason !== undefined && { lastError: reason }),
						},
					]),
				),
			};
		});
}

function formatBuild(
	version: { readonly majorNumber: number; readonly minorNumber: number; readonly patch: number } | undefined,
): string | undefined {
	return version === undefined ? undefined : `${version.majorNumber}.${version.minorNumber}.${version.patch}`;
}
