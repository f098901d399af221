import type { Node } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import type { ObjectName } from "../../model/index.ts";
import type { ProxyKind } from "../translate/index.ts";

/** The instance whose sidecar a node says it is: `sidecar~127.0.0.1~<instance>.<namespace>~<namespace>.svc.cluster.local`.
 *  Undefined for any other node id. */
export function readInstanceName(nodeId: string): ObjectName | undefined {
	const parts = nodeId.split("~");
	if (parts.length !== 4 || parts[0] !== "sidecar") return undefined;
	const workload = parts[2]!;
	const dot = workload.lastIndexOf(".");
	if (dot <= 0 || dot === workload.length - 1) return undefined;
	return { name: workload.slice(0, dot), namespace: workload.slice(dot + 1) };
}

/** Which proxy a node is, by what it calls itself. */
export function readProxyKind(node: Node): ProxyKind {
	return node.userAgentName === "amime" ? "amime" : "envoy";
}
