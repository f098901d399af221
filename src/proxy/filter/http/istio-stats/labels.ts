import { formatResponseFlags, type StreamInfo } from "../../../../engine/format/index.ts";
import type { WorkloadFacts } from "./workload.ts";

/** Which side of a hop reports. */
export type Reporter = "source" | "destination";

const unknown = "unknown";

/** Labels of both sides, in Istio's order. */
const peerLabelNames = [
	"reporter",
	"source_workload",
	"source_canonical_service",
	"source_canonical_revision",
	"source_workload_namespace",
	"source_principal",
	"source_app",
	"source_version",
	"source_cluster",
	"destination_workload",
	"destination_workload_namespace",
	"destination_principal",
	"destination_app",
	"destination_version",
	"destination_service",
	"destination_canonical_service",
	"destination_canonical_revision",
	"destination_service_name",
	"destination_service_namespace",
	"destination_cluster",
] as const;

/** Labels of the HTTP metrics, in Istio's order. */
export const httpLabelNames: readonly string[] = Object.freeze([
	...peerLabelNames,
	"request_protocol",
	"response_code",
	"grpc_response_status",
	"response_flags",
	"connection_security_policy",
]);

/** Labels of the TCP metrics, in Istio's order. */
export const tcpLabelNames: readonly string[] = Object.freeze([
	...peerLabelNames,
	"request_protocol",
	"response_flags",
	"connection_security_policy",
]);

/** Values of {@link httpLabelNames} for a stream that ended. `peer` is the other side as far as it is known; `usesHost` lets the Host
 *  header name the service where nothing else does. */
export function httpLabels(
	reporter: Reporter,
	own: WorkloadFacts,
	peer: WorkloadFacts | undefined,
	stream: StreamInfo,
	isGrpc: boolean,
	usesHost = true,
): string[] {
	return [
		...peerLabels(reporter, own, peer, stream, usesHost),
		isGrpc ? "grpc" : "http",
		String(stream.responseCode),
		isGrpc && stream.grpcStatus >= 0 ? String(stream.grpcStatus) : "",
		formatResponseFlags(stream.responseFlags) || "-",
		securityPolicy(reporter, stream),
	];
}

/** Values of {@link tcpLabelNames} for a connection. */
export function tcpLabels(
	reporter: Reporter,
	own: WorkloadFacts,
	peer: WorkloadFacts | undefined,
	stream: StreamInfo,
): string[] {
	return [
		...peerLabels(reporter, own, peer, stream, false),
		"tcp",
		formatResponseFlags(stream.responseFlags) || "-",
		securityPolicy(reporter, stream),
	];
}

/** The SPIFFE ids of the hop that is reported: of the other side, and our own. */
function principalsOf(reporter: Reporter, stream: StreamInfo): { readonly peer: string; readonly own: string } {
	const tls = reporter === "source" ? stream.upstreamTls : stream.connection.tls;
	return { peer: tls?.peer?.uriSans[0] ?? "", own: tls?.local?.uriSans[0] ?? "" };
}

function peerLabels(
	reporter: Reporter,
	own: WorkloadFacts,
	peer: WorkloadFacts | undefined,
	stream: StreamInfo,
	usesHost: boolean,
): string[] {
	const principals = principalsOf(reporter, stream);
	const service = destinationService(stream, usesHost);
	const peerNamespace = namespaceOf(principals.peer) || peer?.namespace || unknown;
	if (reporter === "source") {
		return [
			reporter,
			own.workload,
			own.canonicalName,
			own.canonicalRevision,
			own.namespace,
			principals.own || unknown,
			own.app,
			own.version,
			own.cluster,
			peer?.workload || unknown,
			peerNamespace,
			principals.peer || unknown,
			peer?.app || unknown,
			peer?.version || unknown,
			service.host || unknown,
			peer?.canonicalName || unknown,
			peer?.canonicalRevision || "latest",
			service.name || unknown,
			peerNamespace,
			peer?.cluster || unknown,
		];
	}
	return [
		reporter,
		peer?.workload || unknown,
		peer?.canonicalName || unknown,
		peer?.canonicalRevision || "latest",
		peerNamespace,
		principals.peer || unknown,
		peer?.app || unknown,
		peer?.version || unknown,
		peer?.cluster || unknown,
		own.workload,
		own.namespace,
		principals.own || unknown,
		own.app,
		own.version,
		service.host || own.canonicalName,
		own.canonicalName,
		own.canonicalRevision,
		service.name || own.canonicalName,
		own.namespace,
		own.cluster,
	];
}

/** Clusters that Istio names as destinations by themselves. */
const specialClusters: ReadonlySet<string> = new Set([
	"BlackHoleCluster",
	"PassthroughCluster",
	"InboundPassthroughCluster",
	"InboundPassthroughClusterIpv4",
	"InboundPassthroughClusterIpv6",
]);

/** The service a request was for: what the cluster's metadata says (`istio.services`), what its name says, else the Host header. */
function destinationService(stream: StreamInfo, usesHost: boolean): { readonly host: string; readonly name: string } {
	const authority = usesHost ? (stream.request?.authority ?? "") : "";
	if (stream.routeName === "block_all") return { host: authority, name: "BlackHoleCluster" };
	if (stream.routeName === "allow_any") return { host: authority, name: "PassthroughCluster" };
	const cluster = stream.upstreamClusterRawName || stream.upstreamClusterName;
	if (specialClusters.has(cluster)) return { host: authority, name: cluster };
	const [service] = (stream.upstreamClusterMetadata["istio"]?.["services"] ?? []) as readonly {
		readonly host?: string;
		readonly name?: string;
	}[];
	if (service?.host !== undefined) return { host: service.host, name: service.name ?? firstPart(service.host) };
	const [direction, , , host = ""] = cluster.split("|");
	if (direction === "outbound" && host !== "") return { host, name: firstPart(host) };
	return { host: authority, name: authority };
}

function firstPart(host: string): string {
	const dot = host.indexOf(".");
	return dot === -1 ? host : host.slice(0, dot);
}

/** `shop` of `spiffe://cluster.local/ns/shop/sa/web`. */
function namespaceOf(principal: string): string {
	return /\/ns\/([^/]*)/.exec(principal)?.[1] ?? "";
}

/** Only the side that was called knows: the other may talk through a gateway. */
function securityPolicy(reporter: Reporter, stream: StreamInfo): string {
	if (reporter === "source") return unknown;
	const { peer, own } = principalsOf(reporter, stream);
	return peer !== "" && own !== "" ? "mutual_tls" : "none";
}
