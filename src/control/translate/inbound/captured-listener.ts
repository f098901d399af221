import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { TrafficDirection } from "../../../api/gen/envoy/config/core/v3/base_pb.js";
import type { ListenerFilterChainMatchPredicateSchema } from "../../../api/gen/envoy/config/listener/v3/listener_components_pb.js";
import { type Listener, ListenerSchema } from "../../../api/gen/envoy/config/listener/v3/listener_pb.js";
import { HttpInspectorSchema } from "../../../api/gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.js";
import { OriginalDstSchema } from "../../../api/gen/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.js";
import { TlsInspectorSchema } from "../../../api/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js";
import { TcpProxySchema } from "../../../api/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js";
import { isHttpProtocol, type PortProtocol, type WorkloadInstance } from "../../../model/index.ts";
import type { EnforcedPort } from "../authorization/rule.ts";
import type { ProxyKind } from "../http-connection-manager.ts";
import type { Audience } from "../local-reply.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { duration, extension, socketAddress } from "../messages.ts";
import { type ResolvedMutualTlsMode, resolveMutualTlsMode, resolvePassthroughMode } from "../mutual-tls.ts";
import { blackHoleClusterName, inboundClusterName } from "../names.ts";
import { downstreamTls, endsWithPeerCertificate, meshPeers } from "../tls.ts";
import { inboundPassthroughClusterName } from "./captured-cluster.ts";
import { type InboundTarget, inboundHttpFilters, inboundTcpFilters } from "./inbound-filters.ts";
import { type InboundPort, listInboundPorts } from "./inbound-port.ts";
import { ingressTls } from "./ingress-tls.ts";
import { leadingServices } from "./leading-services.ts";

/** Where the kernel redirects what comes in for a workload. */
export const inboundCapturePort = 15006;

type ChainsInit = NonNullable<
	Extract<MessageInitShape<typeof ListenerSchema>, { readonly $typeName?: undefined }>["filterChains"]
>;
type ChainInit = Extract<ChainsInit[number], { readonly $typeName?: undefined }>;
type ChainMatch = Extract<NonNullable<ChainInit["filterChainMatch"]>, { readonly $typeName?: undefined }>;

/** What a sidecar offers in ALPN beside the protocols, so that its TLS is told from that of applications. */
const meshAlpn = ["istio", "istio-peer-exchange", "istio-http/1.0", "istio-http/1.1", "istio-h2"];
const plainHttpAlpn = ["http/1.0", "http/1.1", "h2c"];
/** A peer that says nothing for so long waits for the server to speak: plain text. */
const detectionMs = 5_000;

/** One listener for everything that comes in: a filter chain for each port of the workload that a Service leads to, by the mutual TLS
 *  that is asked there, and chains for other ports, which policies cover as well. */
export function translateVirtualInbound(index: MeshIndex, instance: WorkloadInstance, kind: ProxyKind): Listener {
	const ports = listInboundPorts(index, instance);
	const rest = passthroughChains(index, instance, kind);
	const plainPorts = ports.filter((port) => modeOf(index, instance, port) === "DISABLE");
	const toldPorts = ports.filter(({ protocol }) => protocol !== "auto");
	return create(ListenerSchema, {
		name: "virtualInbound",
		address: socketAddress("0.0.0.0", inboundCapturePort),
		trafficDirection: TrafficDirection.INBOUND,
		listenerFilters: [
			extension("envoy.filters.listener.original_dst", OriginalDstSchema, {}),
			{ ...extension("envoy.filters.listener.tls_inspector", TlsInspectorSchema, {}), ...disabledFor(plainPorts) },
			{ ...extension("envoy.filters.listener.http_inspector", HttpInspectorSchema, {}), ...disabledFor(toldPorts) },
		],
		listenerFiltersTimeout: duration(detectionMs),
		continueOnListenerFiltersTimeout: true,
		filterChains: [loopGuard, ...ports.flatMap((port) => portChains(index, instance, port, kind)), ...rest],
	});
}

function modeOf(index: MeshIndex, instance: WorkloadInstance, port: InboundPort): ResolvedMutualTlsMode {
	return resolveMutualTlsMode(index, instance, port);
}

/** What is sent to the capture port itself would come in for ever. */
const loopGuard: ChainInit = {
	name: "virtualInbound-blackhole",
	filterChainMatch: { destinationPort: inboundCapturePort },
	filters: [
		extension("envoy.filters.network.tcp_proxy", TcpProxySchema, {
			statPrefix: blackHoleClusterName,
			clusterSpecifier: { case: "cluster", value: blackHoleClusterName },
		}),
	],
};

function portChains(index: MeshIndex, instance: WorkloadInstance, port: InboundPort, kind: ProxyKind): ChainInit[] {
	const { appPort, protocol } = port;
	const place: EnforcedPort = { kind: "one", port, workload: undefined };
	const target = {
		...targetOf(instance, kind, place),
		statPrefix: `inbound_0.0.0.0_${appPort}`,
		servicePort:
			port.isDeclared === true ? appPort : (leadingServices(index, instance, appPort)[0]?.port.port ?? appPort),
		cluster: inboundClusterName(appPort),
	};
	const name = `0.0.0.0_${appPort}`;
	const mode = modeOf(index, instance, port);
	// As in Istio: a peer could not tell which of the two is meant.
	if (port.tls !== undefined && mode === "DISABLE")
		return [
			{
				name,
				filterChainMatch: { destinationPort: appPort },
				...ingressTls(index, port.tls, isHttpProtocol(protocol)),
				filters: isHttpProtocol(protocol)
					? inboundHttpFilters(index, target, "outside")
					: inboundTcpFilters(index, target),
			},
		];
	return chainsOf(index, target, protocol, mode, name, appPort);
}

function passthroughChains(index: MeshIndex, instance: WorkloadInstance, kind: ProxyKind): ChainInit[] {
	const cluster = inboundPassthroughClusterName;
	const target = { ...targetOf(instance, kind, { kind: "any" }), statPrefix: cluster, servicePort: 0, cluster };
	return chainsOf(index, target, "auto", resolvePassthroughMode(index, instance), "virtualInbound");
}

function targetOf(
	instance: WorkloadInstance,
	kind: ProxyKind,
	port: EnforcedPort,
): Omit<InboundTarget, "statPrefix" | "servicePort" | "cluster"> {
	return { instance, kind, port, marksUnprocessed: false };
}

/** The chains of one destination by what its bytes are: mutual TLS or plain text, HTTP or not. */
function chainsOf(
	index: MeshIndex,
	target: InboundTarget,
	protocol: PortProtocol,
	mode: ResolvedMutualTlsMode,
	name: string,
	destinationPort?: number,
): ChainInit[] {
	const to: ChainMatch = destinationPort === undefined ? {} : { destinationPort };
	const isSniffed = protocol === "auto";
	const isHttp = protocol === "http" || protocol === "http2" || protocol === "grpc";
	const http = (audience: Audience) => (isHttp || isSniffed ? inboundHttpFilters(index, target, audience) : []);
	const tcp = isHttp ? [] : inboundTcpFilters(index, target);
	const peers = meshPeers(index.mesh.settings);
	const secureHttp = downstreamTls(peers, ["h2", "http/1.1"]);
	const secureTcp = downstreamTls(peers, []);
	const metadata = { filterMetadata: endsWithPeerCertificate };
	// Applications that terminate TLS themselves get theirs; where plain text is expected, TLS can only be the mesh's.
	const meshTls: ChainMatch =
		mode === "PERMISSIVE" && protocol === "tls"
			? { ...to, transportProtocol: "tls", applicationProtocols: meshAlpn }
			: { ...to, transportProtocol: "tls" };
	const secured: ChainInit[] = [
		...(isSniffed
			? [
					{
						name: `${name}-mtls-http`,
						filterChainMatch: { ...to, transportProtocol: "tls", applicationProtocols: ["h2", "http/1.1"] },
						filters: http("mesh"),
						transportSocket: secureHttp,
						metadata,
					},
				]
			: []),
		{
			name: `${name}-mtls`,
			filterChainMatch: meshTls,
			filters: isHttp ? http("mesh") : tcp,
			transportSocket: isHttp ? secureHttp : secureTcp,
			metadata,
		},
	];
	const onlyPlain: ChainMatch =
		mode === "PERMISSIVE" && protocol !== "tls" ? { ...to, transportProtocol: "raw_buffer" } : to;
	const plain: ChainInit[] = [
		...(isSniffed
			? [
					{
						name: `${name}-http`,
						filterChainMatch: { ...onlyPlain, applicationProtocols: plainHttpAlpn },
						filters: http("outside"),
					},
				]
			: []),
		{ name, filterChainMatch: onlyPlain, filters: isHttp ? http("outside") : tcp },
	];
	return [...(mode === "DISABLE" ? [] : secured), ...(mode === "STRICT" ? [] : plain)];
}

type PredicateInit = MessageInitShape<typeof ListenerFilterChainMatchPredicateSchema>;

/** A listener filter is not for these ports. */
function disabledFor(ports: readonly InboundPort[]): { readonly filterDisabled?: PredicateInit } {
	const rules = ports.map(
		({ appPort }): PredicateInit => ({
			rule: { case: "destinationPortRange", value: { start: appPort, end: appPort + 1 } },
		}),
	);
	const [first, ...others] = rules;
	if (first === undefined) return {};
	return { filterDisabled: others.length === 0 ? first : { rule: { case: "orMatch", value: { rules } } } };
}
