import type { Node } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import type { Labels, ObjectName, WorkloadInstance } from "../../model/index.ts";
import type { GatewayNode, MeshIndex, ProxyKind } from "../translate/index.ts";

/** What a node id in Istio's form says: `sidecar~10.0.0.7~<instance>.<namespace>~<namespace>.svc.cluster.local`. */
export interface NodeName extends ObjectName {
	/** `sidecar` beside one workload, `router` for a gateway. */
	readonly type: "sidecar" | "router";
	readonly address: string;
}

/** Reads a node id; undefined for one of any other form. */
export function readNodeName(nodeId: string): NodeName | undefined {
	const [type, address, workload = "", ...rest] = nodeId.split("~");
	if ((type !== "sidecar" && type !== "router") || address === undefined || rest.length !== 1) return undefined;
	const dot = workload.lastIndexOf(".");
	if (dot <= 0 || dot === workload.length - 1) return undefined;
	return { type, address, name: workload.slice(0, dot), namespace: workload.slice(dot + 1) };
}

/** The instance that a node is the proxy of: the one it names, else the declared one with its address in its namespace. */
export function findInstance(index: MeshIndex, nodeId: string): WorkloadInstance | undefined {
	const name = readNodeName(nodeId);
	if (name === undefined) return undefined;
	const named = index.instance(name);
	const isOwn = name.type === "sidecar" || named?.declaredBy !== undefined || named?.pattern === "gateway";
	if (named !== undefined && isOwn) return named;
	const found = index.instanceAt(name.address);
	return found?.declaredBy !== undefined && found.namespace === name.namespace ? found : undefined;
}

/** The gateway proxy that a node of type `router` is: by its metadata, and what its Pod says where that is silent. */
export function readGatewayNode(index: MeshIndex, node: Node): GatewayNode | undefined {
	const name = readNodeName(node.id);
	if (name?.type !== "router") return undefined;
	const instance = findInstance(index, node.id);
	const labels = readLabels(node) ?? instance?.labels;
	// A node that says nothing of itself waits for its Pod.
	if (labels === undefined) return undefined;
	const { namespace } = name;
	return {
		name: name.name,
		namespace,
		labels,
		kind: readProxyKind(node),
		...(instance !== undefined && { instance }),
		client: {
			namespace,
			labels,
			...(instance?.locality !== undefined && { locality: instance.locality }),
			...(instance?.nodeName !== undefined && { nodeName: instance.nodeName }),
			isCaptured: false,
			isGateway: true,
		},
	};
}

/** Whether a node is a gRPC library that configures itself: by Istio's `GENERATOR`, or by what it calls itself. */
export function isProxyless({ metadata, userAgentName }: Node): boolean {
	return metadata?.["GENERATOR"] === "grpc" || /^grpc\b/i.test(userAgentName);
}

/** The instance that a gRPC process is; one that nobody registered is what its node says of it. */
export function readProxylessInstance(index: MeshIndex, node: Node): WorkloadInstance {
	const known = findInstance(index, node.id);
	const place = node.locality;
	const locality = place === undefined ? undefined : { region: place.region, zone: place.zone, subZone: place.subZone };
	if (known !== undefined) return { ...(locality !== undefined && { locality }), ...known };
	const name = readNodeName(node.id);
	const text = (key: string): string | undefined => {
		const value = node.metadata?.[key];
		return typeof value === "string" && value !== "" ? value : undefined;
	};
	return {
		name: name?.name ?? node.id,
		namespace: text("NAMESPACE") ?? name?.namespace ?? "default",
		workload: text("WORKLOAD_NAME") ?? name?.name ?? node.id,
		labels: readLabels(node) ?? {},
		serviceAccount: text("SERVICE_ACCOUNT") ?? "default",
		address: name?.address ?? "127.0.0.1",
		pattern: "proxyless",
		...(locality !== undefined && { locality }),
		ports: [],
		upstreams: [],
		health: "ready",
		registeredAt: 0,
	};
}

/** The labels that a node says of itself; undefined when it says none. */
export function readLabels({ metadata }: Node): Labels | undefined {
	const labels = metadata?.["LABELS"];
	if (labels === null || typeof labels !== "object" || Array.isArray(labels)) return undefined;
	return Object.fromEntries(Object.entries(labels).filter(([, value]) => typeof value === "string")) as Labels;
}

/** Whether the traffic of a node's workload is led through it by the kernel, as its metadata says (Istio). */
export function isCaptured({ metadata }: Node): boolean {
	const mode = metadata?.["INTERCEPTION_MODE"];
	return mode === "REDIRECT" || mode === "TPROXY";
}

/** Which proxy a node is, by what it calls itself. */
export function readProxyKind(node: Node): ProxyKind {
	return node.userAgentName === "amime" ? "amime" : "envoy";
}
