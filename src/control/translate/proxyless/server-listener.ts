import { create } from "@bufbuild/protobuf";
import { TrafficDirection } from "../../../api/gen/envoy/config/core/v3/base_pb.js";
import { type Listener, ListenerSchema } from "../../../api/gen/envoy/config/listener/v3/listener_pb.js";
import { RouterSchema } from "../../../api/gen/envoy/extensions/filters/http/router/v3/router_pb.js";
import { HttpConnectionManagerSchema } from "../../../api/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { InstancePort, WorkloadInstance } from "../../../model/index.ts";
import { findAuthorizationPolicies } from "../authorization/policies.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { extension, socketAddress } from "../messages.ts";
import { resolveProxylessMode } from "../mutual-tls.ts";
import type { ListeningAddress } from "./names.ts";
import { proxylessAuthorizationFilters } from "./rbac.ts";
import { proxylessDownstreamTls } from "./tls.ts";

/** What an xDS server of gRPC asks for under the address it listens on (gRFC A36): mutual TLS as PeerAuthentications say, and
 *  authorization (A41). Tokens are the application's business: gRPC verifies none. */
export function translateServerListener(
	index: MeshIndex,
	instance: WorkloadInstance,
	name: string,
	{ address, port: number }: ListeningAddress,
): Listener {
	const known = instance.ports.find(({ appPort }) => appPort === number);
	const port: InstancePort = known ?? { name: "grpc", protocol: "grpc", appPort: number, meshPort: number };
	const workload = index.workload({ namespace: instance.namespace, name: instance.workload });
	const isSecure = resolveProxylessMode(index, instance, port) === "STRICT";
	const policies = findAuthorizationPolicies(index, instance);
	return create(ListenerSchema, {
		name,
		address: socketAddress(address, number),
		trafficDirection: TrafficDirection.INBOUND,
		filterChains: [
			{
				name: isSecure ? "mutual_tls" : "plain_text",
				filters: [
					extension("envoy.filters.network.http_connection_manager", HttpConnectionManagerSchema, {
						statPrefix: `inbound_${number}`,
						routeSpecifier: { case: "routeConfig", value: everything },
						httpFilters: [
							...proxylessAuthorizationFilters(index, policies, {
								port: { kind: "one", port, workload },
								isTcp: false,
							}),
							extension("envoy.filters.http.router", RouterSchema, {}),
						],
					}),
				],
				...(isSecure && { transportSocket: proxylessDownstreamTls() }),
			},
		],
	});
}

const everything = {
	name: "inbound",
	virtualHosts: [
		{
			name: "inbound",
			domains: ["*"],
			routes: [
				{
					match: { pathSpecifier: { case: "prefix" as const, value: "/" } },
					action: { case: "nonForwardingAction" as const, value: {} },
				},
			],
		},
	],
};
