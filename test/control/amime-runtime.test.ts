/** Our own proxy takes everything that the control plane sends, field by field. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { ClusterSchema } from "../../src/api/gen/envoy/config/cluster/v3/cluster_pb.js";
import { ClusterLoadAssignmentSchema } from "../../src/api/gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { ListenerSchema } from "../../src/api/gen/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "../../src/api/gen/envoy/config/route/v3/route_pb.js";
import type { Problem, Validated } from "../../src/core/index.ts";
import { createRouteTable } from "../../src/engine/router/index.ts";
import {
	translateAssignment,
	translateCluster,
	translateListener,
	translateRouteConfiguration,
} from "../../src/proxy/runtime-config/index.ts";
import { clusterType, endpointType, listenerType, routeType, type XdsResource } from "../../src/xds/server/index.ts";
import { simulateMesh } from "../support/control-mesh.ts";
import { everyKindOfMesh } from "../support/meshes.ts";
import { describeRoute, findRoute } from "../support/simulate-request.ts";

const translators: Record<string, (value: Uint8Array) => Validated<unknown>> = {
	[clusterType]: (value) => translateCluster(fromBinary(ClusterSchema, value)),
	[endpointType]: (value) => translateAssignment(fromBinary(ClusterLoadAssignmentSchema, value)),
	[listenerType]: (value) => translateListener(fromBinary(ListenerSchema, value)),
	[routeType]: (value) => translateRouteConfiguration(fromBinary(RouteConfigurationSchema, value)),
};

for (const [name, read] of Object.entries(everyKindOfMesh))
	test(`amime takes all of ${name}`, () => {
		const { mesh, snapshot } = simulateMesh(read());
		const refused: string[] = [];
		for (const instance of mesh.instances)
			for (const [typeUrl, resources] of snapshot(instance.name, "amime").resources)
				for (const resource of resources.values())
					for (const { path, problem } of problemsOf(typeUrl, resource))
						refused.push(`${resource.name}: ${path}: ${problem}`);
		assert.deepEqual([...new Set(refused)], []);
	});

function problemsOf(typeUrl: string, resource: XdsResource): readonly Problem[] {
	const result = translators[typeUrl]!(resource.value);
	return result.ok ? [] : result.problems;
}

test("its router decides as Envoy's rules do", () => {
	const { snapshot } = simulateMesh(everyKindOfMesh["one of everything"]!());
	const given = snapshot("a-0", "amime");
	const config = translateRouteConfiguration(
		fromBinary(RouteConfigurationSchema, given.resources.get(routeType)!.get("http_proxy")!.value),
	);
	assert.ok(config.ok);
	const table = createRouteTable(config.value);
	const requests = ["/r/1?q=1", "/exact", "/exact/", "/api", "/api/x", "/apix", "/go/away", "/none", "/"].flatMap(
		(path) =>
			["GET", "PATCH", "CONNECT"].map((method) => ({
				path: method === "CONNECT" ? "" : path,
				method,
				host: "a",
				headers: { x: "b" },
			})),
	);
	for (const host of ["A:80", "b.shop", "nowhere", "d.other:9090"])
		requests.push({ path: "/x", method: "GET", host, headers: { x: "" } });
	for (const request of requests) {
		const head = {
			method: request.method,
			path: request.path,
			authority: request.host,
			scheme: "http",
			headers: ["x", request.headers.x],
		};
		const entry = table.match(head as never, {} as never, 0);
		const expected = findRoute(given, "http_proxy", request);
		assert.equal(
			entry?.name,
			expected?.name,
			`${request.method} ${request.host}${request.path}: ${describeRoute(expected)}`,
		);
	}
});
