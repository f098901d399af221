import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { application, parseObjects, simulateMesh } from "../../../test/support/control-mesh.ts";
import { ListenerSchema } from "../../api/gen/envoy/config/listener/v3/listener_pb.js";
import { HttpConnectionManagerSchema } from "../../api/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { listenerType, routeType } from "../../xds/server/index.ts";

const services = `
apiVersion: v1
kind: Service
metadata: { name: alias, namespace: shop }
spec: { type: ExternalName, externalName: reviews.shop.svc.cluster.local, ports: [{ name: http, port: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: payments, namespace: shop }
spec: { type: ExternalName, externalName: api.partner.example, ports: [{ name: http, port: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: nowhere, namespace: shop }
spec: { type: ExternalName, externalName: unknown.example, ports: [{ name: http, port: 80 }] }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: partner, namespace: shop }
spec: { hosts: [api.partner.example], location: MESH_EXTERNAL, resolution: DNS, ports: [{ number: 80, name: http, protocol: HTTP }] }
`;

/** The names of listeners, each with the route configurations that it asks for. */
function listAsked(snapshot: ReturnType<ReturnType<typeof simulateMesh>["snapshot"]>): Map<string, string[]> {
	const listeners = [...snapshot.resources.get(listenerType)!.values()].map(({ value }) =>
		fromBinary(ListenerSchema, value),
	);
	return new Map(
		listeners.map(({ name, filterChains }) => [
			name,
			filterChains
				.flatMap(({ filters }) => filters)
				.flatMap(({ configType }) => {
					if (configType.case !== "typedConfig" || !configType.value.typeUrl.endsWith("HttpConnectionManager"))
						return [];
					const { routeSpecifier: asks } = fromBinary(HttpConnectionManagerSchema, configType.value.value);
					return asks.case === "rds" ? asks.value.routeConfigName : [];
				}),
		]),
	);
}

test("no listener of a sidecar asks for routes that there are not: it would never be ready, and an Envoy not with it", () => {
	for (const kind of ["amime", "envoy"] as const) {
		const mesh = simulateMesh(parseObjects(application("web"), application("reviews"), services));
		const snapshot = mesh.snapshot("web-0", kind);
		const asked = listAsked(snapshot);
		const routes = snapshot.resources.get(routeType)!;
		assert.deepEqual(
			[...asked.values()].flat().filter((name) => !routes.has(name)),
			[],
		);
		assert.deepEqual(asked.get("upstream_alias.shop.svc.cluster.local_80"), ["reviews.shop.svc.cluster.local:80"]);
		assert.deepEqual(asked.get("upstream_payments.shop.svc.cluster.local_80"), ["api.partner.example:80"]);
		assert.equal(asked.has("upstream_nowhere.shop.svc.cluster.local_80"), false, "nothing is known of it");
	}
});
