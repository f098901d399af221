import type { TestContext } from "node:test";
import { type DescMessage, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { ClusterSchema } from "../../src/api/gen/envoy/config/cluster/v3/cluster_pb.js";
import { TypedExtensionConfigSchema } from "../../src/api/gen/envoy/config/core/v3/extension_pb.js";
import { ClusterLoadAssignmentSchema } from "../../src/api/gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { ListenerSchema } from "../../src/api/gen/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "../../src/api/gen/envoy/config/route/v3/route_pb.js";
import { ScopedRouteConfigurationSchema } from "../../src/api/gen/envoy/config/route/v3/scoped_route_pb.js";
import { SecretSchema } from "../../src/api/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { apiRegistry } from "../../src/api/index.ts";
import { OnDemandMap } from "../../src/control/snapshot/on-demand-map.ts";
import { type Log, silentLog, systemClock } from "../../src/core/index.ts";
import {
	clusterType,
	createXdsServer,
	endpointType,
	extensionType,
	listenerType,
	packResource,
	routeType,
	scopedRouteType,
	secretType,
	type TypeStatus,
	type XdsResource,
	type XdsServer,
	type XdsSnapshot,
} from "../../src/xds/server/index.ts";

/** Resources as proto3 JSON, by kind; kinds that are left out stay as they are. */
export interface ManagedResources {
	readonly clusters?: readonly NamedJson[];
	/** Given to who names them, and to nobody else; together with `clusters`. */
	readonly hiddenClusters?: readonly NamedJson[];
	readonly assignments?: readonly ({ readonly cluster_name: string } & Record<string, JsonValue>)[];
	readonly listeners?: readonly NamedJson[];
	readonly routes?: readonly NamedJson[];
	readonly secrets?: readonly NamedJson[];
	readonly extensions?: readonly NamedJson[];
	readonly scopes?: readonly NamedJson[];
}

export type NamedJson = { readonly name: string } & Record<string, JsonValue>;

/** Our xDS server on a loopback port, with a snapshot that the test sets: the same for every node. */
export interface ManagementServer {
	readonly port: number;
	readonly server: XdsServer;
	set(resources: ManagedResources): void;
	/** The status of one type of the first node; undefined while it has not asked. */
	status(typeUrl: string): TypeStatus | undefined;
	/** Counts responses sent, by type. */
	readonly pushes: ReadonlyMap<string, number>;
	close(): Promise<void>;
}

/** Starts a server on `port` (a free one by default) or on a unix socket; it ends with the test. */
export async function startManagementServer(
	t: Pick<TestContext, "after">,
	resources: ManagedResources,
	options: { readonly port?: number; readonly socketPath?: string; readonly log?: Log } = {},
): Promise<ManagementServer> {
	let snapshot: XdsSnapshot = { resources: new Map() };
	const listeners = new Set<(nodeIds: "all") => void>();
	const pushes = new Map<string, number>();
	const server = createXdsServer({
		source: {
			get: () => snapshot,
			onChange(listener) {
				listeners.add(listener);
				return () => listeners.delete(listener);
			},
		},
		log: options.log ?? silentLog,
		clock: systemClock,
		metrics: {
			gauge: () => ({ value: 0 }),
			counter: (name, labels) => ({
				get value() {
					return 0;
				},
				set value(_count) {
					const key = `${name} ${labels?.["type"] ?? ""}`;
					pushes.set(key, (pushes.get(key) ?? 0) + 1);
				},
			}),
		},
	});
	const set = (change: ManagedResources): void => {
		snapshot = { resources: new Map([...snapshot.resources, ...packAll(change)]) };
		for (const listener of listeners) listener("all");
	};
	set(resources);
	const grpc = new Server();
	server.addTo(grpc, { ads: true, cds: true, eds: true, lds: true, rds: true, sds: true, csds: true });
	const address = options.socketPath === undefined ? `127.0.0.1:${options.port ?? 0}` : `unix:${options.socketPath}`;
	const port = await new Promise<number>((resolve, reject) => {
		grpc.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) =>
			error === null ? resolve(bound) : reject(error),
		);
	});
	let closed = false;
	const close = async (): Promise<void> => {
		if (closed) return;
		closed = true;
		server.close();
		grpc.forceShutdown();
	};
	t.after(close);
	return {
		port,
		server,
		set,
		status: (typeUrl) => server.statuses()[0]?.types.find((type) => type.typeUrl === typeUrl),
		pushes,
		close,
	};
}

function packAll(resources: ManagedResources): [string, ReadonlyMap<string, XdsResource>][] {
	const { assignments, clusters, extensions, hiddenClusters, listeners, routes, scopes, secrets } = resources;
	const packed: [string, ReadonlyMap<string, XdsResource>][] = [];
	if (clusters !== undefined || hiddenClusters !== undefined) {
		const given = packType(ClusterSchema, clusters ?? []);
		const all = new Map([...given, ...packType(ClusterSchema, hiddenClusters ?? [])]);
		packed.push([clusterType, new OnDemandMap(given, () => all)]);
	}
	if (assignments !== undefined) packed.push([endpointType, packType(ClusterLoadAssignmentSchema, assignments)]);
	if (listeners !== undefined) packed.push([listenerType, packType(ListenerSchema, listeners)]);
	if (routes !== undefined) packed.push([routeType, packType(RouteConfigurationSchema, routes)]);
	if (extensions !== undefined) packed.push([extensionType, packType(TypedExtensionConfigSchema, extensions)]);
	if (scopes !== undefined) packed.push([scopedRouteType, packType(ScopedRouteConfigurationSchema, scopes)]);
	if (secrets !== undefined) packed.push([secretType, packType(SecretSchema, secrets)]);
	return packed;
}

function packType(schema: DescMessage, items: readonly Record<string, JsonValue>[]): ReadonlyMap<string, XdsResource> {
	return new Map(
		items.map((item) => {
			const name = String(item["name"] ?? item["cluster_name"]);
			return [name, packResource(schema, name, fromJson(schema, item, { registry: apiRegistry }))];
		}),
	);
}
