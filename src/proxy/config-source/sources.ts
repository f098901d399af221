import { create } from "@bufbuild/protobuf";
import { type Node, NodeSchema } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import { type Clock, describeError, type Log, MeshError, type Random } from "../../core/index.ts";
import {
	createXdsClient,
	endpointType,
	extensionType,
	type RefusedResource,
	type ResourceUpdate,
	routeType,
	secretType,
	serviceOfType,
	type XdsClient,
	type XdsConsumer,
} from "../../xds/client/index.ts";
import type { FileWatcher } from "../file-watcher/index.ts";
import {
	type ApiConfigSourceConfig,
	type BootstrapConfig,
	type ConfigSourceConfig,
	identifyServer,
	plainName,
	qualifyName,
	showPlainly,
} from "../runtime-config/index.ts";
import type { SecretSource } from "../secret/index.ts";
import type { UnknownFields } from "./file-source.ts";
import { type FileOutcome, type FileSubscription, followFile, type PathSource } from "./file-subscription.ts";
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
	readonly unknownFields: UnknownFields;
	/** Goes up with everything that is accepted of a type. */
	acceptedOf(typeUrl: string): number;
	/** Resources that break their message's own rules. */
	findRuleProblems(update: ResourceUpdate): readonly RefusedResource[];
	/** A file was read, and what came of it; `name` is undefined for files of all resources. */
	fileRead(typeUrl: string, name: string | undefined, outcome: FileOutcome): void;
	/** The first answer of the aggregated stream came, or it ended. */
	connectionChanged(connected: boolean): void;
}

/** Every place that resources come from: management servers and files. */
export interface Sources {
	/** Subscribes to all resources of a type (listeners, clusters). */
	wantAll(typeUrl: string, source: ConfigSourceConfig): void;
	/** Subscribes to all resources of a type at each of several sources, in place of those before. */
	wantAllOf(typeUrl: string, sources: readonly ConfigSourceConfig[]): void;
	/** Subscribes to named resources of a type, in place of those named before. */
	want(typeUrl: string, references: readonly Reference[]): void;
	/** Asks a server for one resource more, again when it was asked for before.
	 *  @throws MeshError for a source that is no server, or does not speak delta */
	ask(typeUrl: string, name: string, source: ConfigSourceConfig): void;
	/** One that was asked for is no longer wanted. */
	forget(typeUrl: string, name: string, source: ConfigSourceConfig): void;
	/** Holds acknowledgements of a type until the returned function is called. */
	pause(typeUrl: string): () => void;
	/** Whether a management server has answered on its newest stream. */
	readonly isConnected: boolean;
	close(): void;
}

/** Types whose resources go by the names of their sources as well. */
const namedTypes: ReadonlySet<string> = new Set([endpointType, extensionType, routeType, secretType]);

/** What a server of its own is asked for. */
interface LoneServer {
	readonly typeUrl: string;
	readonly source: ConfigSourceConfig;
}

/** Opens sources as they are wanted. */
export function createSources(deps: SourcesDeps): Sources {
	const { bootstrap } = deps;
	const node = describeNode(bootstrap.node, deps.version);
	const clients = new Map<string, XdsClient>();
	/** By type, then by name and path. */
	const filesOfType = new Map<string, Map<string, FileSubscription>>();
	/** Which clients a type was wanted from, to take subscriptions back. */
	const clientsOfType = new Map<string, Set<string>>();

	const consumer: XdsConsumer = {
		apply: (update) => deps.apply(update, "server"),
		missing: deps.missing,
	};

	function consumerOf(alone: LoneServer | undefined): XdsConsumer {
		if (alone === undefined) return { ...consumer, connectionChanged: deps.connectionChanged };
		return namedTypes.has(alone.typeUrl) ? qualifyNames(consumer, alone.source) : consumer;
	}

	/** `alone`: undefined for the aggregated server. */
	function openClient(key: string, api: ApiConfigSourceConfig, alone: LoneServer | undefined): XdsClient {
		const known = clients.get(key);
		if (known !== undefined) return known;
		const service = alone === undefined ? "ads" : serviceOfType(alone.typeUrl);
		if (service === undefined) throw new MeshError("XDS_TYPE_UNKNOWN", `no service carries ${alone?.typeUrl} alone`);
		const client = createXdsClient({
			target: resolveXdsTarget(api, bootstrap.clusters, deps.secrets),
			service,
			variant: api.delta ? "delta" : "state-of-the-world",
			node,
			nodeOnFirstMessageOnly: api.setNodeOnFirstMessageOnly,
			consumer: consumerOf(alone),
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
	): { readonly key: string; readonly client: XdsClient; readonly delta: boolean } | undefined {
		if (source.kind === "path") return undefined;
		// `self` is the server that named the resource; here that is the aggregated one.
		const isAggregated = source.kind !== "api";
		const api = isAggregated ? bootstrap.ads : source;
		if (api === undefined) {
			throw new MeshError("XDS_CLUSTER_UNUSABLE", "a resource comes over ADS, but the bootstrap has no ads_config");
		}
		const key = isAggregated ? "ads" : `${typeUrl} ${identifyServer(api)}`;
		return { key, client: openClient(key, api, isAggregated ? undefined : { typeUrl, source }), delta: api.delta };
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

	/** Follows these files of a type and no others. */
	function follow(
		typeUrl: string,
		wanted: ReadonlyMap<string, { name: string | undefined; source: PathSource }>,
	): void {
		const open = filesOfType.get(typeUrl) ?? new Map<string, FileSubscription>();
		filesOfType.set(typeUrl, open);
		for (const [key, subscription] of open) {
			if (wanted.has(key)) continue;
			subscription.close();
			open.delete(key);
		}
		for (const [key, { name, source }] of wanted) {
			if (!open.has(key)) open.set(key, followFile(typeUrl, name, source, { ...deps, now: () => deps.clock.now() }));
		}
	}

	return {
		wantAll(typeUrl, source) {
			const server = clientOf(typeUrl, source);
			if (server === undefined) {
				const path = source as PathSource;
				follow(typeUrl, new Map([[path.path, { name: undefined, source: path }]]));
			} else subscribe(typeUrl, new Map([[server.key, { client: server.client, names: "*" }]]));
		},
		wantAllOf(typeUrl, all) {
			const wanted = new Map<string, { client: XdsClient; names: "*" }>();
			const files = new Map<string, { name: undefined; source: PathSource }>();
			for (const source of all) {
				if (source.kind === "path") files.set(source.path, { name: undefined, source });
				else {
					const { key, client } = clientOf(typeUrl, source)!;
					wanted.set(key, { client, names: "*" });
				}
			}
			subscribe(typeUrl, wanted);
			follow(typeUrl, files);
		},
		want(typeUrl, references) {
			const wanted = new Map<string, { client: XdsClient; names: Set<string> }>();
			const files = new Map<string, { name: string; source: PathSource }>();
			for (const { name, source } of references) {
				if (source.kind === "path") {
					files.set(`${name} ${source.path}`, { name, source });
					continue;
				}
				try {
					const server = clientOf(typeUrl, source);
					if (server === undefined) continue;
					const entry = wanted.get(server.key) ?? { client: server.client, names: new Set() };
					entry.names.add(plainName(name));
					wanted.set(server.key, entry);
				} catch (error) {
					deps.log.error("resource cannot be subscribed to", { resource: name, problem: describeError(error) });
					deps.missing(typeUrl, [name]);
				}
			}
			subscribe(typeUrl, wanted);
			follow(typeUrl, files);
		},
		ask(typeUrl, name, source) {
			const server = clientOf(typeUrl, source);
			if (server?.delta !== true) {
				throw new MeshError("XDS_NOT_DELTA", "single resources can be asked for over delta streams only");
			}
			server.client.ask(typeUrl, name);
		},
		forget(typeUrl, name, source) {
			clientOf(typeUrl, source)?.client.forget(typeUrl, name);
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
			for (const open of filesOfType.values()) for (const subscription of open.values()) subscription.close();
		},
	};
}

/** The node of a bootstrap, with what a proxy says of itself. */
export function describeNode(node: Node, version: string): Node {
	return create(NodeSchema, {
		...node,
		userAgentName: "amime",
		userAgentVersionType: { case: "userAgentVersion", value: version },
	});
}

/** What a server of its own sends goes by the names that it is wanted under. */
function qualifyNames(consumer: XdsConsumer, source: ConfigSourceConfig): XdsConsumer {
	const qualify = (name: string): string => qualifyName(name, source);
	return {
		async apply(update) {
			const added = update.added.map((resource) => ({ ...resource, name: qualify(resource.name) }));
			const broken = update.broken?.map((one) => (one.name === "" ? one : { ...one, name: qualify(one.name) }));
			const named = { ...update, added, removed: update.removed.map(qualify) };
			const refused = await consumer.apply(broken === undefined ? named : { ...named, broken });
			return refused.map(showPlainly);
		},
		missing: (typeUrl, names) => consumer.missing(typeUrl, names.map(qualify)),
	};
}
