import { create } from "@bufbuild/protobuf";
import {
	type Cluster,
	Cluster_DiscoveryType,
	Cluster_LbPolicy,
	ClusterSchema,
} from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import { AddressSchema } from "../../api/gen/envoy/config/core/v3/address_pb.js";
import { MetadataSchema } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import { type InstancePort, isHttpProtocol, type PortProtocol, type WorkloadInstance } from "../../model/index.ts";
import { passthroughConnectTimeoutMs } from "./cluster.ts";
import { type HttpVersion, httpOptions } from "./http-options.ts";
import { findInboundPool, type InboundPool } from "./inbound/inbound-pool.ts";
import { type LeadingPort, leadingServices } from "./inbound/leading-services.ts";
import type { MeshIndex } from "./mesh-index.ts";
import { duration, socketAddress } from "./messages.ts";
import {
	blackHoleClusterName,
	connectClusterName,
	inboundClusterName,
	passthroughClusterName,
	serviceMetadata,
} from "./names.ts";
import { commonHttpOptions, translateConnectionPool, unlimitedCircuitBreakers } from "./traffic-policy.ts";

const loopback = "127.0.0.1";
/** Below the 5 s after which Node's and other servers close an idle connection, so that a request never meets that close. */
const appIdleTimeoutMs = 4_000;

/** The application behind its own sidecar. */
export function translateInboundCluster(index: MeshIndex, instance: WorkloadInstance, port: InstancePort): Cluster {
	const leading = leadingServices(index, instance, port.appPort);
	const pool = findInboundPool(index, instance, leading);
	const version = applicationProtocol(isSpokenHttp2(port.protocol, leading) ? "http2" : port.protocol);
	const cluster = staticCluster(inboundClusterName(port.appPort), port.appPort, version, loopback, pool);
	const services = leading.map(({ service }) => service);
	if (services.length > 0) cluster.metadata = create(MetadataSchema, serviceMetadata(services, index.mesh.settings));
	return cluster;
}

/** The application of a captured workload: at an address, or at a unix socket (`unix:///path`). */
export function applicationCluster(
	appPort: number,
	protocol: PortProtocol,
	{ address, port }: { readonly address: string; readonly port: number },
	pool: InboundPool,
): Cluster {
	const version = protocol === "auto" ? "downstream" : applicationProtocol(protocol);
	return staticCluster(inboundClusterName(appPort), port, version, address, pool);
}

/** Where CONNECT tunnels to HTTP services end: the forward proxy itself, which routes what comes out of the tunnel like any
 *  request. One cluster a proxy, however many services there are. */
export function translateConnectCluster(httpProxyPort: number): Cluster {
	return staticCluster(connectClusterName, httpProxyPort, undefined);
}

/** Where captured traffic was going. */
export function translatePassthroughCluster(): Cluster {
	return create(ClusterSchema, {
		name: passthroughClusterName,
		clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.ORIGINAL_DST },
		lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
		connectTimeout: duration(passthroughConnectTimeoutMs),
		circuitBreakers: unlimitedCircuitBreakers(),
		...httpOptions("downstream", undefined),
	});
}

/** A cluster without endpoints: what goes to it is closed. */
export function translateBlackHoleCluster(): Cluster {
	return create(ClusterSchema, {
		name: blackHoleClusterName,
		clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.STATIC },
		connectTimeout: duration(passthroughConnectTimeoutMs),
	});
}

/** Whether every Service in front says HTTP/2 (`appProtocol`, or the name of its port) of what the workload only calls HTTP. */
function isSpokenHttp2(protocol: PortProtocol, leading: readonly LeadingPort[]): boolean {
	if (protocol !== "http" || leading.length === 0) return false;
	return leading.every(({ port }) => port.protocol === "http2" || port.protocol === "grpc");
}

/** What the application is spoken to in; undefined for bytes. */
function applicationProtocol(protocol: PortProtocol): HttpVersion | undefined {
	if (!isHttpProtocol(protocol)) return undefined;
	return protocol === "http" ? "http1" : "http2";
}

function staticCluster(
	name: string,
	port: number,
	version: HttpVersion | undefined,
	address = loopback,
	{ connectionPool, retryBudget }: InboundPool = {},
): Cluster {
	const spoken = connectionPool?.usesClientProtocol === true && version !== undefined ? "downstream" : version;
	const idle = version === "http1" ? { idleTimeout: duration(appIdleTimeoutMs) } : {};
	const common = { ...idle, ...commonHttpOptions(connectionPool) };
	const where = address.startsWith("unix://")
		? create(AddressSchema, { address: { case: "pipe", value: { path: address.slice("unix://".length) } } })
		: socketAddress(address, port);
	return create(ClusterSchema, {
		name,
		clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.STATIC },
		...translateConnectionPool(connectionPool, retryBudget, connectionPool?.connectTimeoutMs ?? 5_000),
		loadAssignment: {
			clusterName: name,
			endpoints: [{ lbEndpoints: [{ hostIdentifier: { case: "endpoint", value: { address: where } } }] }],
		},
		...(spoken !== undefined &&
			httpOptions(spoken, Object.keys(common).length > 0 ? common : undefined, connectionPool)),
	});
}
