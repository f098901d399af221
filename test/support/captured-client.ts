/** What a captured client's proxy does with its connections and requests: snapshots of the control plane, read by the proxy's own
 *  translation and decided by the engine. */
import assert from "node:assert/strict";
import { create, fromBinary } from "@bufbuild/protobuf";
import { ClusterSchema } from "../../src/api/gen/envoy/config/cluster/v3/cluster_pb.js";
import { NodeSchema } from "../../src/api/gen/envoy/config/core/v3/base_pb.js";
import { ClusterLoadAssignmentSchema } from "../../src/api/gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { ListenerSchema } from "../../src/api/gen/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "../../src/api/gen/envoy/config/route/v3/route_pb.js";
import { buildMesh } from "../../src/config/index.ts";
import { createSnapshotStore } from "../../src/control/snapshot/index.ts";
import type { Problem } from "../../src/core/index.ts";
import { computeRedirect, createRouteTable, prepareRequest, type RouteEntry } from "../../src/engine/router/index.ts";
import { createRuntime } from "../../src/engine/runtime/index.ts";
import {
	type ClusterConfig,
	type ListenerConfig,
	translateAssignment,
	translateCluster,
	translateListener,
	translateRouteConfiguration,
} from "../../src/proxy/runtime-config/index.ts";
import { clusterType, endpointType, listenerType, routeType, type XdsSnapshot } from "../../src/xds/server/index.ts";
import { parseObjects } from "./control-mesh.ts";
import { makeRequest, makeStream } from "./streams.ts";

/** A Service of one or more ports with a Pod a version: its address and Pods are counted by `number`. */
export function clusterService(
	name: string,
	number: number,
	options: {
		readonly namespace?: string;
		readonly ports?: string;
		readonly versions?: readonly string[];
		readonly labels?: string;
	} = {},
): string {
	const { namespace = "shop", ports = "[{name: http, port: 80, targetPort: 8080}]", versions = ["v1", "v2"] } = options;
	const pods = versions.map(
		(version, index) => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}-${version}, namespace: ${namespace}, labels: {app: ${name}, version: ${version}}}
spec: {nodeName: node-${index}, containers: []}
status: {podIP: 10.1.${number}.${index + 1}, conditions: [{type: Ready, status: "True"}]}`,
	);
	const service = `
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: ${namespace}}
spec: {clusterIP: 10.0.0.${number}, selector: {app: ${name}}, ports: ${ports}}`;
	return [service, ...pods].join("\n---");
}

/** A Pod whose proxy asks: `shop/client`, labels app=client. */
export const clientPod = `
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: shop, labels: {app: client, tier: front}}
spec: {nodeName: node-0, containers: []}
status: {podIP: 10.9.0.1, conditions: [{type: Ready, status: "True"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: visitor, namespace: partner, labels: {app: visitor}}
spec: {nodeName: node-1, containers: []}
status: {podIP: 10.9.0.2, conditions: [{type: Ready, status: "True"}]}`;

/** What became of a request. */
export interface Outcome {
	/** Clusters that it may go to, with their weights. */
	readonly cluster?: string;
	readonly status?: number;
	readonly location?: string;
	readonly path: string;
	readonly host: string;
	readonly headers: readonly string[];
	readonly entry: RouteEntry;
}

/** One proxy with captured traffic. */
export interface CapturedClient {
	readonly snapshot: XdsSnapshot;
	/** Sends `GET host/path` to a port; undefined when nothing listens there or no route matches. */
	request(line: string, ...fields: string[]): Outcome | undefined;
	/** Where bytes to an address and port go, by the server name of TLS when there is one. */
	connect(address: string, port: number, serverName?: string): readonly string[];
	cluster(name: string): ClusterConfig | undefined;
	/** Addresses of an assignment by priority. */
	endpoints(name: string): readonly (readonly string[])[] | undefined;
}

/** Puts documents to use as the control plane does and reads what the proxy of a Pod is given; anything the proxy would refuse fails
 *  the test. */
export function captureClient(documents: readonly string[], pod = "client.shop"): CapturedClient {
	const { mesh } = buildMesh(parseObjects(...documents), []);
	const store = createSnapshotStore();
	store.apply(mesh);
	assert.deepEqual(store.problems(), []);
	const [, namespace = ""] = pod.split(".");
	const node = create(NodeSchema, {
		id: `sidecar~10.9.0.9~${pod}~${namespace}.svc.cluster.local`,
		metadata: { INTERCEPTION_MODE: "REDIRECT" },
	});
	const snapshot = store.get(node);
	assert.ok(snapshot !== undefined, `no snapshot for ${pod}`);
	const routes = readAll(snapshot, routeType, (bytes) =>
		translateRouteConfiguration(fromBinary(RouteConfigurationSchema, bytes)),
	);
	const tables = new Map([...routes].map(([name, config]) => [name, createRouteTable(config, createRuntime([]))]));
	const clusters = readAll(snapshot, clusterType, (bytes) => translateCluster(fromBinary(ClusterSchema, bytes)));
	const listeners = readAll(snapshot, listenerType, (bytes) => translateListener(fromBinary(ListenerSchema, bytes)));
	return {
		snapshot,
		cluster: (name) => clusters.get(name),
		request(line, ...fields) {
			const [method = "GET", target = ""] = line.split(" ");
			const [, authority = "", path = "/"] = /^([^/]+)(\/.*)?$/.exec(target) ?? [];
			const port = Number(/:(\d+)$/.exec(authority)?.[1] ?? 80);
			if (!listeners.has(`0.0.0.0_${port}`)) return undefined;
			const request = makeRequest(`${method} ${path}`, `host: ${authority}`, ...fields);
			const stream = makeStream(request);
			const entry = tables.get(String(port))?.match(request, stream, 0.5);
			if (entry === undefined) return undefined;
			return describe(entry, request, stream);
		},
		connect(address, port, serverName) {
			const listener = listeners.get(`${address}_${port}`) ?? listeners.get(`0.0.0.0_${port}`);
			return listener === undefined ? ["virtualOutbound"] : targetsOf(listener, serverName);
		},
		endpoints(name) {
			const resource = snapshot.resources.get(endpointType)?.get(name);
			if (resource === undefined) return undefined;
			const translated = translateAssignment(fromBinary(ClusterLoadAssignmentSchema, resource.value));
			assert.ok(translated.ok);
			const priorities: string[][] = [];
			for (const { priority, endpoints } of translated.value.localities) {
				priorities[priority] ??= [];
				for (const { address } of endpoints)
					priorities[priority].push(address.kind === "socket" ? `${address.address}:${address.port}` : address.kind);
			}
			return priorities.map((addresses) => addresses.sort());
		},
	};
}

function describe(
	entry: RouteEntry,
	request: ReturnType<typeof makeRequest>,
	stream: ReturnType<typeof makeStream>,
): Outcome {
	const { action } = entry;
	const options = { insertOriginalPath: false };
	const location = action.kind === "redirect" ? computeRedirect(action, request, stream, options) : undefined;
	prepareRequest(entry, request, stream, options);
	return {
		...(action.kind === "forward" && action.cluster.kind === "name" && { cluster: action.cluster.name }),
		...(action.kind === "direct-response" && { status: action.status }),
		...(location !== undefined && { location }),
		path: request.path,
		host: request.authority,
		headers: request.headers,
		entry,
	};
}

function targetsOf(listener: ListenerConfig, serverName: string | undefined): readonly string[] {
	const matching = listener.filterChains.find(
		({ match, filters }) =>
			filters.at(-1)?.kind === "tcp-proxy" &&
			(match.serverNames.length === 0 ||
				match.serverNames.some((name) =>
					name.startsWith("*.") ? serverName?.endsWith(name.slice(1)) : name === serverName,
				)),
	);
	const last = (matching ?? listener.defaultFilterChain)?.filters.at(-1);
	return last?.kind === "tcp-proxy" ? last.config.clusters.map(({ name }) => name) : [];
}

function readAll<T>(
	snapshot: XdsSnapshot,
	type: string,
	read: (bytes: Uint8Array) => { ok: true; value: T } | { ok: false; problems: readonly Problem[] },
): Map<string, T> {
	return new Map(
		[...(snapshot.resources.get(type)?.values() ?? [])].map(({ name, value }) => {
			const translated = read(value);
			assert.ok(translated.ok, `${name}: ${translated.ok ? "" : JSON.stringify(translated.problems)}`);
			return [name, translated.value];
		}),
	);
}
