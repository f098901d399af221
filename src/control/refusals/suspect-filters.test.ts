/** A listener that a proxy refuses: which filter it is about, and which object's field. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { parseObjects } from "../../../test/support/control-mesh.ts";
import { gatewayOf, gatewayWorld, routeOf } from "../../../test/support/gateway-api.ts";
import { NodeSchema } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import { ListenerSchema } from "../../api/gen/envoy/config/listener/v3/listener_pb.js";
import { HttpConnectionManagerSchema } from "../../api/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { buildMesh } from "../../config/index.ts";
import { listenerType } from "../../xds/server/index.ts";
import { createProvenance } from "../provenance/index.ts";
import { externalAuthFilters } from "../translate/external-auth.ts";
import { createMeshIndex } from "../translate/index.ts";
import { extension } from "../translate/messages.ts";
import { createRefusals, listRefusalProblems } from "./index.ts";

const externalAuth = (protocol: string, port: number) => ({
	type: "ExternalAuth",
	externalAuth: { protocol, [protocol.toLowerCase()]: {}, backendRef: { name: "web", port } },
});
const rules = ["HTTP", "GRPC"].map((protocol) => ({
	matches: [{ path: { type: "PathPrefix", value: `/${protocol}` } }],
	filters: [
		{ type: "RequestHeaderModifier", requestHeaderModifier: { remove: ["x-a"] } },
		externalAuth(protocol, protocol === "HTTP" ? 80 : 90),
	],
	backendRefs: [{ name: "web", port: 80 }],
}));
const objects = parseObjects(
	[
		gatewayWorld,
		gatewayOf({ name: "http", port: 80, protocol: "HTTP", allowedRoutes: { namespaces: { from: "All" } } }),
		routeOf("HTTPRoute", "guarded", { rules }),
	].join("\n---\n"),
);
const index = createMeshIndex(buildMesh(objects, []).mesh);
const httpFilters = externalAuthFilters(index, index.mesh.httpRoutes);
const [first, second] = httpFilters.filter(({ name }) => /^amime\.external_auth\.[0-9a-f]+$/.test(name ?? ""));

type FilterChains = NonNullable<
	Extract<MessageInitShape<typeof ListenerSchema>, { readonly $typeName?: undefined }>["filterChains"]
>;

/** Where the problems of a refusal of the gateway's listener are. */
function traceRefusal(reason: string): string[] {
	const filterChains: FilterChains = [
		{ filters: [extension("manager", HttpConnectionManagerSchema, { httpFilters })] },
	];
	const value = toBinary(ListenerSchema, create(ListenerSchema, { name: "0.0.0.0_8080", filterChains }));
	const refusals = createRefusals({ get: () => undefined, onChange: () => () => undefined });
	const node = create(NodeSchema, { id: "router~10.0.0.1~gw-0.edge~edge.svc.cluster.local" });
	refusals.answers.refused(node, listenerType, reason, [{ name: "0.0.0.0_8080", value, accepted: undefined }]);
	return listRefusalProblems(refusals.list(), createProvenance({ index, objects })).map(
		({ kind, namespace, name, path }) => `${kind} ${namespace}/${name} ${path}`,
	);
}

const fields = [0, 1].map((rule) => `HTTPRoute shop/guarded spec.rules[${rule}].filters[1].externalAuth`);
const fieldOf = (filter: (typeof httpFilters)[number] | undefined): string => {
	const isHttp = createProvenance({ index, objects }).ofFilter(filter!.name!)[0]?.path.includes("rules[0]");
	return fields[isHttp === true ? 0 : 1]!;
};

test("a filter is found by its place, its name, or the message that is invalid", () => {
	assert.deepEqual([fieldOf(first), fieldOf(second)].sort(), fields);
	const place = `filter_chains[0].filters[0].typed_config.http_filters[${httpFilters.indexOf(first!)}]`;
	assert.deepEqual(traceRefusal(`0.0.0.0_8080: ${place}.typed_config.allowed_headers: must not be so`), [
		fieldOf(first),
	]);
	assert.deepEqual(
		traceRefusal(
			`Error adding/updating listener(s) 0.0.0.0_8080: Didn't find a registered implementation for '${second!.name}'`,
		),
		[fieldOf(second)],
	);
	const invalid =
		"Proto constraint validation failed (ExtAuthzValidationError.AllowedHeaders: embedded message failed validation)";
	assert.deepEqual(traceRefusal(invalid).sort(), fields);
});

test("without one it is the Gateway's listener that is refused", () => {
	assert.deepEqual(traceRefusal("cannot bind '0.0.0.0:8080': Address already in use"), [
		"Gateway edge/gw spec.listeners[0]",
	]);
});
