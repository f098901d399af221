import type { Node } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import type { ConfigObject } from "../../config/index.ts";
import { suggestNearest } from "../../core/index.ts";
import type { ConnectionStatus, NodeResources, NodeStatus, XdsSnapshot } from "../../xds/server/index.ts";
import { AdminError, type AdminRequest, type Endpoint } from "../admin/router.ts";
import type { MeshIndex } from "../translate/index.ts";
import { type DumpedResource, describeConfigDump, describeTypes } from "./config-dump.ts";
import { connectionIdOf, listConnections, proxyNameOf } from "./connections.ts";
import { listEndpointShards, listServices } from "./registry.ts";
import { formatSyncStatus } from "./sync-status.ts";

export interface DebugEndpointsOptions {
	readonly index: () => MeshIndex | undefined;
	readonly statuses: () => readonly NodeStatus[];
	readonly connections: () => readonly ConnectionStatus[];
	readonly resources: () => readonly NodeResources[];
	/** What a node is given now. */
	readonly snapshot: (node: Node) => XdsSnapshot | undefined;
	readonly objects: () => readonly ConfigObject[];
	/** An object as Kubernetes writes it, without what nobody may see. */
	readonly describeObject: (object: ConfigObject) => object;
}

/** The debug paths; all of them only look. */
export function createDebugEndpoints(options: DebugEndpointsOptions): Endpoint[] {
	const { index, statuses, connections, objects } = options;
	const get = (path: string, answer: (request: AdminRequest) => unknown): Endpoint => ({
		method: "GET",
		path,
		answer: (request) => ({
			body: request.query.has("pretty") ? `${JSON.stringify(answer(request), undefined, 4)}\n` : answer(request),
			contentType: "application/json",
		}),
	});
	/** The connections of the proxy that a request names; of all when it names none. */
	const selected = ({ query }: AdminRequest): readonly ConnectionStatus[] => {
		const proxy = query.get("proxyID");
		return proxy === null || proxy === "" ? connections() : [findProxy(connections(), proxy)];
	};
	const dumped = ({ query }: AdminRequest): readonly DumpedResource[] => {
		const proxy = query.get("proxyID");
		if (proxy === null || proxy === "")
			throw new AdminError(
				400,
				"PROXY_UNNAMED",
				"say which proxy: ?proxyID=<instance>.<namespace>, as /debug/adsz lists them",
			);
		const { node } = findProxy(connections(), proxy);
		const held = options.resources().find((one) => one.node.id === node.id)?.resources ?? [];
		const given = options.snapshot(node);
		return held.flatMap((resource): DumpedResource[] => {
			// A proxy that came back with what it had was not sent it again.
			const value = resource.value ?? given?.resources.get(resource.typeUrl)?.get(resource.name)?.value;
			return value === undefined ? [] : [{ ...resource, value }];
		});
	};
	const typed = (request: AdminRequest, types: string) => ({ configs: describeTypes(dumped(request), types) });
	const endpoints: Endpoint[] = [
		get("/debug/adsz", (request) => listConnections(selected(request), true)),
		get("/debug/connections", (request) => listConnections(selected(request), false)),
		get("/debug/syncz", ({ query }) => formatSyncStatus(statuses(), query.get("namespace") ?? undefined)),
		get("/debug/config_dump", (request) => {
			const types = request.query.get("types");
			if (types !== null && types !== "") return typed(request, types);
			return describeConfigDump(dumped(request), request.query.has("include_eds"));
		}),
		get("/debug/edsz", (request) => typed(request, "eds")),
		get("/debug/ecdsz", (request) => typed(request, "ecds")),
		get("/debug/registryz", () => listServices(index())),
		get("/debug/endpointz", () => listEndpointShards(index())),
		get("/debug/endpointShardz", () => listEndpointShards(index())),
		get("/debug/configz", () => objects().map(options.describeObject)),
	];
	const names = endpoints.map(({ path }) => path.slice("/debug/".length)).sort();
	return [...endpoints, get("/debug/list", () => names)];
}

/** The connection of a proxy by the name of its instance with its namespace, by its node id, or by a part of these.
 *  @throws AdminError 404 */
function findProxy(connections: readonly ConnectionStatus[], proxy: string): ConnectionStatus {
	const found =
		connections.find(({ node }) => node.id === proxy || proxyNameOf(node) === proxy) ??
		connections.find((one) => connectionIdOf(one).includes(proxy) || one.node.id.includes(proxy));
	if (found !== undefined) return found;
	const hint = suggestNearest(proxy, new Set(connections.map(({ node }) => proxyNameOf(node))));
	throw new AdminError(
		404,
		"PROXY_UNKNOWN",
		`proxy '${proxy}' is not connected to this control plane; it may be to another${hint}`,
	);
}
