import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { fromBinary, type JsonObject, type JsonValue, toJson } from "@bufbuild/protobuf";
import { ClusterSchema } from "../../src/api/gen/envoy/config/cluster/v3/cluster_pb.js";
import { ClusterLoadAssignmentSchema } from "../../src/api/gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { ListenerSchema } from "../../src/api/gen/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "../../src/api/gen/envoy/config/route/v3/route_pb.js";
import { apiRegistry } from "../../src/api/index.ts";
import { clusterType, endpointType, listenerType, routeType, type XdsSnapshot } from "../../src/xds/server/index.ts";

const schemas = {
	[clusterType]: ClusterSchema,
	[endpointType]: ClusterLoadAssignmentSchema,
	[listenerType]: ListenerSchema,
	[routeType]: RouteConfigurationSchema,
};

/** The resources of one type as JSON, as Envoy reads them. */
export function listJson(snapshot: XdsSnapshot, typeUrl: keyof typeof schemas): JsonObject[] {
	return [...(snapshot.resources.get(typeUrl)?.values() ?? [])].map(
		(resource) =>
			toJson(schemas[typeUrl]!, fromBinary(schemas[typeUrl]!, resource.value) as never, {
				registry: apiRegistry,
			}) as JsonObject,
	);
}

/** Has Envoy check a snapshot: everything as static resources, with routes and endpoints put where they are asked for, so that
 *  its own validation sees every field. Rejects with what Envoy says. */
export async function validateWithEnvoy(envoy: string, snapshot: XdsSnapshot): Promise<void> {
	const routes = new Map(listJson(snapshot, routeType).map((route) => [route["name"], route]));
	const assignments = new Map(
		listJson(snapshot, endpointType).map((assignment) => [assignment["clusterName"], assignment]),
	);
	const listeners = listJson(snapshot, listenerType).map((listener) => inlineRoutes(listener, routes) as JsonObject);
	const clusters = listJson(snapshot, clusterType).map((cluster) => {
		if (cluster["type"] !== "EDS") return cluster;
		const { type: _type, edsClusterConfig: _config, ...rest } = cluster;
		return { ...rest, type: "STATIC", loadAssignment: assignments.get(cluster["name"]) ?? null } as JsonObject;
	});
	const bootstrap = {
		node: { id: "test", cluster: "test" },
		staticResources: { listeners, clusters: [...clusters, secretCluster] },
	};
	const folder = mkdtempSync(join(tmpdir(), "amime-envoy-"));
	try {
		const path = join(folder, "bootstrap.json");
		writeFileSync(path, JSON.stringify(bootstrap));
		await promisify(execFile)(envoy, ["--mode", "validate", "-c", path, "--base-id", "0", "--use-dynamic-base-id"], {
			timeout: 60_000,
		});
	} finally {
		rmSync(folder, { recursive: true });
	}
}

const secretCluster = {
	name: "sds",
	type: "STATIC",
	typedExtensionProtocolOptions: {
		"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
			"@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
			explicitHttpConfig: { http2ProtocolOptions: {} },
		},
	},
	loadAssignment: {
		clusterName: "sds",
		endpoints: [{ lbEndpoints: [{ endpoint: { address: { pipe: { path: "/tmp/none.sock" } } } }] }],
	},
};

function inlineRoutes(value: JsonValue, routes: ReadonlyMap<unknown, JsonObject>): JsonValue {
	if (Array.isArray(value)) return value.map((item) => inlineRoutes(item, routes));
	if (typeof value !== "object" || value === null) return value;
	const { rds, ...rest } = value;
	const copy = Object.fromEntries(Object.entries(rest).map(([key, item]) => [key, inlineRoutes(item, routes)]));
	if (rds === undefined) return copy;
	const name = (rds as JsonObject)["routeConfigName"];
	const route = routes.get(name);
	if (route === undefined) throw new Error(`no route configuration ${String(name)}`);
	return { ...copy, routeConfig: route };
}
