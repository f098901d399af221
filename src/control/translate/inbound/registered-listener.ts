import { create } from "@bufbuild/protobuf";
import { TrafficDirection } from "../../../api/gen/envoy/config/core/v3/base_pb.js";
import { type Listener, ListenerSchema } from "../../../api/gen/envoy/config/listener/v3/listener_pb.js";
import { TlsInspectorSchema } from "../../../api/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js";
import { type InstancePort, isHttpProtocol, type WorkloadInstance } from "../../../model/index.ts";
import type { ProxyKind } from "../http-connection-manager.ts";
import type { Audience } from "../local-reply.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { duration, extension, socketAddress } from "../messages.ts";
import { resolveMutualTlsMode } from "../mutual-tls.ts";
import { inboundClusterName } from "../names.ts";
import { downstreamTls, endsWithPeerCertificate, meshPeers } from "../tls.ts";
import { type InboundTarget, inboundHttpFilters, inboundTcpFilters } from "./inbound-filters.ts";
import { findIngressTls } from "./inbound-port.ts";
import { ingressTls } from "./ingress-tls.ts";

/** The listener where the mesh reaches one application port of an instance that registered itself: mutual TLS, authorization, and on
 *  to the application. */
export function translateInboundListener(
	index: MeshIndex,
	instance: WorkloadInstance,
	port: InstancePort,
	kind: ProxyKind,
): Listener {
	const target: InboundTarget = {
		instance,
		kind,
		port: { kind: "one", port, workload: index.workload({ namespace: instance.namespace, name: instance.workload }) },
		statPrefix: `inbound_${port.appPort}`,
		servicePort: port.appPort,
		cluster: inboundClusterName(port.appPort),
		marksUnprocessed: true,
	};
	const mode = resolveMutualTlsMode(index, instance, port);
	const own = mode === "DISABLE" ? findIngressTls(index, instance, port) : undefined;
	const isHttp = isHttpProtocol(own?.protocol ?? port.protocol);
	const filtersFor = (audience: Audience) =>
		isHttp ? inboundHttpFilters(index, target, audience) : inboundTcpFilters(index, target);
	const peers = meshPeers(index.mesh.settings);
	const transportSocket = downstreamTls(peers, isHttp ? ["h2", "http/1.1"] : []);
	const metadata = { filterMetadata: endsWithPeerCertificate };
	const secure = { name: "mutual_tls", filters: filtersFor("mesh"), transportSocket, metadata };
	const plain =
		own === undefined
			? { name: "plain_text", filters: filtersFor("outside") }
			: { name: "tls", filters: filtersFor("outside"), ...ingressTls(index, own.tls, isHttp) };
	return create(ListenerSchema, {
		name: `inbound_${port.appPort}`,
		address: socketAddress(instance.address, port.meshPort),
		trafficDirection: TrafficDirection.INBOUND,
		...(mode === "PERMISSIVE" && {
			listenerFilters: [extension("envoy.filters.listener.tls_inspector", TlsInspectorSchema, {})],
			// A peer that waits for the server to speak first is plain text.
			listenerFiltersTimeout: duration(5_000),
			continueOnListenerFiltersTimeout: true,
		}),
		filterChains:
			mode === "STRICT"
				? [secure]
				: mode === "DISABLE"
					? [plain]
					: [
							{ ...secure, filterChainMatch: { transportProtocol: "tls" } },
							{ ...plain, filterChainMatch: { transportProtocol: "raw_buffer" } },
						],
	});
}
