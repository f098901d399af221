import { create } from "@bufbuild/protobuf";
import { type Node, NodeSchema } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import { type Clock, describeError, type Log, MeshError, type Random } from "../../core/index.ts";
import {
	clusterType,
	createXdsClient,
	listenerType,
	type RefusedResource,
	type ResourceUpdate,
	serviceOfType,
	type XdsClient,
	type XdsConsumer,
} from "../../xds/client/index.ts";
import type { FileWatcher } from "../file-watcher/index.ts";
import type { ApiConfigSourceConfig, BootstrapConfig, ConfigSourceConfig } from "../runtime-config/index.ts";
import type { SecretSource } from "../secret/index.ts";
import { readResourceFile } from "./file-source.ts";
import type { Reference } from "./references.ts";
import type { ResourceOrigin } from "./resource-book.ts";
import { resolveXdsTarget } from "./xds-target.ts";

export interface SourcesDeps {
	readonly bootstrap: BootstrapConfig;
	readonly secrets: SecretSource;
	readonly files: FileWatcher;
	readonly clock: Clock;
	readonly random: Random;
	readonly log: Log;
	/** The version this proxy tells management servers. */
	readonly version: string;
	apply(update: ResourceUpdate, origin: ResourceOrigin): Promise<readonly RefusedResource[]>;
	missing(typeUrl: string, names: readonly string[]): void;
	/** The first answer of the aggregated stream came, or it ended. */
	connectionChanged(connected: boolean): void;
}

/** Every place that resources come from: management servers and files. */
export interface Sources {
	/** Subscribes to all resources of a type (listeners, clusters). */
	wantAll(typeUrl: string, source: ConfigSourceConfig): void;
	/** Subscribes to named resources of a type, in place of those named before. */
	want(typeUrl: string, references: readonly Reference[]): void;
	/** Holds acknowledgements of a type until the returned function is called. */
	pause(typeUrl: string): () => void;
	/** Whether a management server has answered on its newest stream. */
	readonly isConnected: boolean;
	close(): void;
}

/** Opens sources as they are wanted. */
export function createSources(deps: SourcesDeps): Sources {
	const { bootstrap } = deps;
	const node = describeNode(bootstrap.node, deps.version);
	const clients = new Map<string, XdsClient>();
	const fileSources = new Map<string, FileSource>();
	/** Which clients a type was wanted from, to take subscriptions back. */
	const clientsOfType = new Map<string, Set<string>>();

	const consumer: XdsConsumer = {
		apply: (update) => deps.apply(update, "server"),
		missing: deps.missing,
	};

	function openClient(key: string, api: ApiConfigSourceConfig, typeUrl: string | undefined): XdsClient {
		const known = clients.get(key);
		if (known !== undefined) return known;
		const service = typeUrl === undefined ? "ads" : serviceOfType(typeUrl);
		if (service === undefined) throw new MeshError("XDS_TYPE_UNKNOWN", `no service carries ${typeUrl} alone`);
		const client = createXdsClient({
			target: resolveXdsTarget(api, bootstrap.clusters, deps.secrets),
			service,
			variant: api.delta ? "delta" : "state-of-the-world",
			node,
			nodeOnFirstMessageOnly: api.setNodeOnFirstMessageOnly,
			consumer: typeUrl === undefined ? { ...consumer, connectionChanged: deps.connectionChanged } : consumer,
			clock: deps.clock,
			random: deps.random,
			log: deps.log,
		});
		clients.set(key, client);
		return client;
	}

	/** The client of a source that is a server; undefined for files. */
	function clientOf(
		typeUrl: string,
		source: ConfigSourceConfig,
	): { readonly key: string; readonly client: XdsClient } | undefined {
		if (source.kind === "path") return undefined;
		// `self` is the server that named the resource; here that is the aggregated one.
		const isAggregated = source.kind !== "api";
		const api = isAggregated ? bootstrap.ads : source;
		if (api === undefined) {
			throw new MeshError("XDS_CLUSTER_UNUSABLE", "a resource comes over ADS, but the bootstrap has no ads_config");
		}
		const key = isAggregated ? "ads" : `${typeUrl} ${JSON.stringify([api.delta, api.services])}`;
		return { key, client: openClient(key, api, isAggregated ? undefined : typeUrl) };
	}

	function subscribe(
		typeUrl: string,
		wanted: ReadonlyMap<string, { client: XdsClient; names: ReadonlySet<string> | "*" }>,
	): void {
		const before = clientsOfType.get(typeUrl) ?? new Set();
		for (const key of before) if (!wanted.has(key)) clients.get(key)?.subscribe(typeUrl, new Set());
		for (const { client, names } of wanted.values()) client.subscribe(typeUrl, names);
		clientsOfType.set(typeUrl, new Set(wanted.keys()));
	}

	function followFile(typeUrl: string, source: Extract<ConfigSourceConfig, { kind: "path" }>): void {
		const key = `${typeUrl} ${source.path}`;
		if (!fileSources.has(key)) fileSources.set(key, openFileSource(typeUrl, source, deps));
	}

	return {
		wantAll(typeUrl, source) {
			const server = clientOf(typeUrl, source);
			if (server === undefined) followFile(typeUrl, source as Extract<ConfigSourceConfig, { kind: "path" }>);
			else subscribe(typeUrl, new Map([[server.key, { client: server.client, names: "*" }]]));
		},
		want(typeUrl, references) {
			const wanted = new Map<string, { client: XdsClient; names: Set<string> }>();
			for (const { name, source } of references) {
				if (source.kind === "path") {
					followFile(typeUrl, source);
					continue;
				}
				try {
					const server = clientOf(typeUrl, source);
					if (server === undefined) continue;
					const entry = wanted.get(server.key) ?? { client: server.client, names: new Set() };
					entry.names.add(name);
					wanted.set(server.key, entry);
				} catch (error) {
					deps.log.error("resource cannot be subscribed to", { resource: name, problem: describeError(error) });
					deps.missing(typeUrl, [name]);
				}
			}
			subscribe(typeUrl, wanted);
		},
		pause(typeUrl) {
			const resumes = [...clients.values()].map((client) => client.pause(typeUrl));
			return () => {
				for (const resume of resumes) resume();
			};
		},
		get isConnected() {
			return [...clients.values()].some((client) => client.isConnected);
		},
		close() {
			for (const client of clients.values()) client.close();
			for (const source of fileSources.values()) source.close();
		},
	};
}

/** The node of the bootstrap, with what a proxy says of itself. */
function describeNode(node: Node, version: string): Node {
	return create(NodeSchema, {
		...node,
		userAgentName: "amime",
		userAgentVersionType: { case: "userAgentVersion", value: version },
	});
}

interface FileSource {
	close(): void;
}

/** One file of resources; what it holds replaces what it held. */
function openFileSource(
	typeUrl: string,
	source: Extract<ConfigSourceConfig, { kind: "path" }>,
	deps: SourcesDeps,
): FileSource {
	const { path, watchedDirectory } = source;
	let names = new Set<string>();
	let reading: Promise<void> = Promise.resolve();
	let closed = false;

	async function read(): Promise<void> {
		if (closed) return;
		const file = readResourceFile(path, typeUrl);
		const present = new Set(file.resources.map(({ name }) => name));
		const isWhole = typeUrl === clusterType || typeUrl === listenerType;
		// A file that is broken as a whole, or in a resource whose name nobody knows, deletes nothing.
		const removed = isWhole && file.broken.length === 0 ? [...names].filter((name) => !present.has(name)) : [];
		const refused = await deps.apply({ typeUrl, version: file.version, added: file.resources, removed }, "file");
		names = file.broken.length === 0 ? present : new Set([...names, ...present]);
		const problems = [...file.broken, ...refused];
		if (problems.length > 0) deps.log.error("file of resources has problems", { path, problems });
		else deps.log.info("file of resources read", { path, resources: file.resources.length });
	}

	const enqueue = (): void => {
		reading = reading.then(read);
	};
	const unwatch = deps.files.watch(path, watchedDirectory, enqueue);
	enqueue();
	return {
		close() {
			closed = true;
			unwatch();
		},
	};
}
