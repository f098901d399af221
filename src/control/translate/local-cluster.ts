import { create } from "@bufbuild/protobuf";
import {
	type Cluster,
	Cluster_DiscoveryType,
	ClusterSchema,
} from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import { HttpProtocolOptionsSchema } from "../../api/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js";
import type { InstancePort, Service, ServicePort, WorkloadInstance } from "../../model/index.ts";
import type { MeshIndex } from "./mesh-index.ts";
import { duration, packAny, socketAddress } from "./messages.ts";
import { connectClusterName, hostOf, inboundClusterName } from "./names.ts";
import { unlimitedCircuitBreakers } from "./traffic-policy.ts";

const loopback = "127.0.0.1";
/** Below the 5 s after which Node's and other servers close an idle connection, so that a request never meets that close. */
const appIdleTimeoutMs = 4_000;

/** The application behind its own sidecar. */
export function translateInboundCluster(port: InstancePort): Cluster {
	return staticCluster(inboundClusterName(port.appPort), port.appPort, port.protocol === "http");
}

/** Where CONNECT tunnels to a service port end: its loopback listener; without one, the forward proxy itself, which routes what
 *  comes out of the tunnel by its own host. */
export function translateConnectCluster(
	index: MeshIndex,
	instance: WorkloadInstance,
	service: Service,
	port: ServicePort,
): Cluster | undefined {
	const upstream = instance.upstreams.find(
		(candidate) =>
			candidate.service.namespace === service.namespace &&
			candidate.service.name === service.name &&
			candidate.port === port.port,
	);
	const target = upstream?.listenPort ?? (port.protocol === "http" ? instance.httpProxyPort : undefined);
	if (target === undefined) return undefined;
	return staticCluster(connectClusterName(hostOf(service, index.mesh.settings), port.port), target, false);
}

function staticCluster(name: string, port: number, isHttp: boolean): Cluster {
	return create(ClusterSchema, {
		name,
		clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.STATIC },
		connectTimeout: duration(5_000),
		loadAssignment: {
			clusterName: name,
			endpoints: [
				{ lbEndpoints: [{ hostIdentifier: { case: "endpoint", value: { address: socketAddress(loopback, port) } } }] },
			],
		},
		circuitBreakers: unlimitedCircuitBreakers(),
		...(isHttp && {
			typedExtensionProtocolOptions: {
				"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": packAny(HttpProtocolOptionsSchema, {
					commonHttpProtocolOptions: { idleTimeout: duration(appIdleTimeoutMs) },
					upstreamProtocolOptions: {
						case: "explicitHttpConfig",
						value: { protocolConfig: { case: "httpProtocolOptions", value: {} } },
					},
				}),
			},
		}),
	});
}
