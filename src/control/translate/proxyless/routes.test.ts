import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { parseObjects } from "../../../../test/support/control-mesh.ts";
import { RouteSchema } from "../../../api/gen/envoy/config/route/v3/route_components_pb.js";
import { buildMesh } from "../../../config/index.ts";
import { externalAuthConfig } from "../external-auth.ts";
import { createMeshIndex } from "../mesh-index.ts";
import { unusableClusterName } from "./names.ts";
import { translateClientRoutes } from "./routes.ts";

const service = `
apiVersion: v1
kind: Service
metadata: {name: auth, namespace: shop}
spec: {ports: [{port: 80}]}
`;

test("a call that an external authorizer should judge is refused by a client that cannot ask", () => {
	const index = createMeshIndex(buildMesh(parseObjects(service), []).mesh);
	const asks = externalAuthConfig(index, {
		destination: { kind: "service", service: { namespace: "shop", name: "auth" } },
		port: 80,
		protocol: { kind: "grpc", allowedHeaders: [] },
	});
	const route = (typedPerFilterConfig: typeof asks) =>
		create(RouteSchema, {
			match: { pathSpecifier: { case: "prefix", value: "/" } },
			...(typedPerFilterConfig !== undefined && { typedPerFilterConfig }),
			action: { case: "route", value: { clusterSpecifier: { case: "cluster", value: "backend" } } },
		});
	const { virtualHosts } = translateClientRoutes("x", [route(asks), route(undefined)]);
	const found = virtualHosts[0]!.routes.map(({ action, typedPerFilterConfig }) => [
		action.case === "route" ? action.value.clusterSpecifier.value : "",
		Object.keys(typedPerFilterConfig),
	]);
	assert.deepEqual(found, [
		[unusableClusterName, ["envoy.filters.http.fault"]],
		["backend", []],
	]);
});
