import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { clientPod, clusterService } from "../../../test/support/captured-client.ts";
import { parseObjects } from "../../../test/support/control-mesh.ts";
import { NodeSchema } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import { buildMesh } from "../../config/index.ts";
import { clusterType, type XdsSnapshot } from "../../xds/server/index.ts";
import { createSnapshotStore } from "./snapshot-store.ts";

function captured(name: string, namespace: string) {
	return create(NodeSchema, {
		id: `sidecar~10.9.0.9~${name}.${namespace}~${namespace}.svc.cluster.local`,
		metadata: { INTERCEPTION_MODE: "REDIRECT" },
	});
}

test("clients of different namespaces share the clusters that no rule makes different", () => {
	const rule = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: pay, namespace: partner}
spec: {host: pay.shop.svc.cluster.local, trafficPolicy: {loadBalancer: {simple: RANDOM}}}`;
	const store = createSnapshotStore();
	store.apply(buildMesh(parseObjects(clusterService("web", 1), clusterService("pay", 2), clientPod, rule), []).mesh);
	const one = store.get(captured("client", "shop"));
	const other = store.get(captured("visitor", "partner"));
	assert.ok(one !== undefined && other !== undefined);
	const clusterOf = (snapshot: XdsSnapshot, host: string) =>
		snapshot.resources.get(clusterType)?.get(`outbound|80||${host}.shop.svc.cluster.local`);
	assert.equal(clusterOf(one, "web"), clusterOf(other, "web"));
	assert.notEqual(clusterOf(one, "pay")?.version, clusterOf(other, "pay")?.version);
});
