import { create } from "@bufbuild/protobuf";
import { TrafficDirection } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import { type Listener, ListenerSchema } from "../../api/gen/envoy/config/listener/v3/listener_pb.js";
import { RBACSchema as HttpRbacSchema } from "../../api/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js";
import { TlsInspectorSchema } from "../../api/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js";
import {
	HttpConnectionManager_PathWithEscapedSlashesAction as EscapedSlashes,
	HttpConnectionManager_ForwardClientCertDetails as ForwardClientCert,
} from "../../api/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { RBACSchema as NetworkRbacSchema } from "../../api/gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js";
import { type InstancePort, isHttpProtocol, type WorkloadInstance } from "../../model/index.ts";
import { type PortAuthorization, translateAuthorization } from "./authorization.ts";
import { httpConnectionManager, type ProxyKind, tcpFilters } from "./http-connection-manager.ts";
import { forbiddenAccessLog, inboundLocalReplies, unprocessedHeader } from "./local-reply.ts";
import type { MeshIndex } from "./mesh-index.ts";
import { duration, extension, socketAddress, stringMatcher } from "./messages.ts";
import { resolveMutualTlsMode } from "./mutual-tls.ts";
import { inboundClusterName } from "./names.ts";
import { downstreamTls } from "./tls.ts";

/** The listener where the mesh reaches one application port: mutual TLS, authorization, and on to the application. */
export function translateInboundListener(
	index: MeshIndex,
	instance: WorkloadInstance,
	port: InstancePort,
	kind: ProxyKind,
): Listener {
	const authorization = translateAuthorization(index, instance, port);
	const filters = isHttpProtocol(port.protocol)
		? httpFilters(index, port, authorization, kind)
		: connectionFilters(port, authorization, kind);
	const mode = resolveMutualTlsMode(index, instance, port);
	const peers = [stringMatcher("prefix", `spiffe://${index.mesh.settings.trustDomain}/`)];
	const transportSocket = downstreamTls(peers, isHttpProtocol(port.protocol) ? ["h2", "http/1.1"] : []);
	const secure = { name: "mutual_tls", filters, transportSocket };
	const plain = { name: "plain_text", filters };
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

function httpFilters(index: MeshIndex, port: InstancePort, authorization: PortAuthorization, kind: ProxyKind) {
	const { deny, allow } = authorization;
	const rbacFilters = [deny, allow].flatMap((rules) =>
		rules === undefined ? [] : [extension("envoy.filters.http.rbac", HttpRbacSchema, { rules })],
	);
	return [
		httpConnectionManager({
			kind,
			reporter: "destination",
			statPrefix: `inbound_${port.appPort}`,
			routeSpecifier: { case: "routeConfig", value: inboundRoutes(port) },
			filters: rbacFilters,
			...(rbacFilters.length > 0 && { accessLogs: [forbiddenAccessLog(authorization.allowPolicies)] }),
			traceSamplingPercent: index.mesh.settings.traceSamplingPercent,
			extra: {
				forwardClientCertDetails: ForwardClientCert.SANITIZE_SET,
				setCurrentClientCertDetails: { uri: true },
				normalizePath: true,
				// Rules on paths must see what the application will understand: `/admin%2fx` and `//admin` included.
				...(authorization.comparesPaths && {
					mergeSlashes: true,
					pathWithEscapedSlashesAction: EscapedSlashes.UNESCAPE_AND_FORWARD,
				}),
				localReplyConfig: inboundLocalReplies(authorization.allowPolicies, rbacFilters.length > 0),
			},
		}),
	];
}

/** Everything to the application; headers between sidecars do not reach it, and it cannot set them: what it answers was processed. */
function inboundRoutes(port: InstancePort) {
	return {
		name: inboundClusterName(port.appPort),
		virtualHosts: [
			{
				name: `inbound|http|${port.appPort}`,
				domains: ["*"],
				routes: [
					{
						name: "default",
						match: { pathSpecifier: { case: "prefix" as const, value: "/" } },
						action: {
							case: "route" as const,
							value: {
								clusterSpecifier: { case: "cluster" as const, value: inboundClusterName(port.appPort) },
								timeout: duration(0),
							},
						},
					},
				],
			},
		],
		requestHeadersToRemove: ["x-envoy-peer-metadata", "x-envoy-peer-metadata-id"],
		// Before the sidecar's own replies are marked: `local_reply_config` has the last word.
		responseHeadersToRemove: [unprocessedHeader],
		validateClusters: false,
	};
}

function connectionFilters(port: InstancePort, { deny, allow }: PortAuthorization, kind: ProxyKind) {
	const statPrefix = `inbound_${port.appPort}`;
	return [
		...[deny, allow].flatMap((rules) =>
			rules === undefined
				? []
				: [extension("envoy.filters.network.rbac", NetworkRbacSchema, { rules, statPrefix: `${statPrefix}.` })],
		),
		...tcpFilters(kind, "destination", statPrefix, inboundClusterName(port.appPort)),
	];
}
