import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary } from "@bufbuild/protobuf";
import { NodeSchema } from "../../../api/gen/envoy/config/core/v3/base_pb.js";
import { type Listener, ListenerSchema } from "../../../api/gen/envoy/config/listener/v3/listener_pb.js";
import { buildMesh, parseDocuments } from "../../../config/index.ts";
import { listenerType } from "../../../xds/server/index.ts";
import { createSnapshotStore } from "../../snapshot/index.ts";

const world = `
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: shop, labels: {app: client}}
spec: {containers: []}
status: {podIP: 10.9.0.1, conditions: [{type: Ready, status: "True"}]}
---
apiVersion: v1
kind: Service
metadata: {name: both, namespace: shop}
spec: {clusterIP: 10.96.0.2, ports: [{name: http, port: 80}, {name: tls, port: 443}]}
---
apiVersion: v1
kind: Service
metadata: {name: database, namespace: shop}
spec: {clusterIP: 10.96.0.3, ports: [{name: tcp, port: 5432}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: wild, namespace: shop}
spec: {hosts: ["*.example.com"], ports: [{number: 443, name: tls, protocol: TLS}], resolution: NONE}
`;

function listen(): (name: string) => Listener | undefined {
	const { objects } = parseDocuments(world, "world.yaml");
	const store = createSnapshotStore({ hostsOf: () => new Set(), server: { host: "127.0.0.1", port: 15_010 } });
	store.apply(buildMesh(objects, [], { proxyScope: "NEEDED" }).mesh);
	const node = create(NodeSchema, {
		id: "sidecar~10.9.0.1~client.shop~shop.svc.cluster.local",
		metadata: { INTERCEPTION_MODE: "REDIRECT" },
	});
	const listeners = store.get(node)!.resources.get(listenerType)!;
	return (name) => {
		const resource = listeners.get(name);
		return resource && fromBinary(ListenerSchema, resource.value);
	};
}

const blocksOf = (listener: Listener | undefined): string[] | undefined =>
	listener?.filterChains
		.find(({ name }) => name === "on-demand-tcp")
		?.filterChainMatch?.prefixRanges.map(({ addressPrefix, prefixLen }) => `${addressPrefix}/${prefixLen}`);

test("connections to services that a client does not know are asked for at whatever listener they come to", () => {
	const listener = listen();
	assert.equal(listener("10.96.0.3_5432"), undefined, "it is not given");
	assert.equal(blocksOf(listener("virtualOutbound"))?.length, 2, "of every port, each once");
	// A wildcard host listens at every address of its port: there only those of services with that port.
	assert.equal(blocksOf(listener("0.0.0.0_443"))?.length, 1);
	assert.match(blocksOf(listener("0.0.0.0_443"))![0]!, /^10\.96\.0\.2\//);
	assert.equal(blocksOf(listener("0.0.0.0_80")), undefined, "HTTP is asked for by its host");
	assert.ok(listener("on_demand_tcp"));
});
