import { type DescMessage, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { type Bootstrap, BootstrapSchema } from "../../api/gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { ClusterSchema } from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import { TypedExtensionConfigSchema } from "../../api/gen/envoy/config/core/v3/extension_pb.js";
import { ListenerSchema } from "../../api/gen/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "../../api/gen/envoy/config/route/v3/route_pb.js";
import { ScopedRouteConfigurationSchema } from "../../api/gen/envoy/config/route/v3/scoped_route_pb.js";
import { type TraceWrapper, TraceWrapperSchema } from "../../api/gen/envoy/data/tap/v3/wrapper_pb.js";
import { SecretSchema } from "../../api/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { type Log, MeshError, type SharedCounts, type Validated } from "../../core/index.ts";
import type { MetricsRegistry } from "../../telemetry/index.ts";
import type { ClusterFollowers, ClusterManager } from "../cluster/index.ts";
import type {
	ClusterDiscovery,
	ExtensionTarget,
	RouteScopeTarget,
	RouteTarget,
	Translators,
} from "../config-source/index.ts";
import type { FailedRequests } from "../failed-requests/index.ts";
import type { ListenerManager, SocketSupply } from "../listener/index.ts";
import type { ConfigSourceConfig } from "../runtime-config/index.ts";
import type { SecretStore } from "../secret/index.ts";
import type { TapControl } from "../tap/index.ts";
import { ClusterRelay } from "./cluster-relay.ts";
import type { FromWorker, HostResult, ToWorker, Travelling, WorkerStart, WorkerThread } from "./messages.ts";
import { createRemoteListeners } from "./remote-listeners.ts";
import { createStatsMerge, type StatsMerge } from "./stats-merge.ts";

export interface WorkerPoolOptions {
	readonly bootstrap: Bootstrap;
	readonly flags: { readonly concurrency: number };
	readonly log: Log;
	readonly counts: SharedCounts;
	/** Sockets that were taken over from another process. */
	readonly sockets?: SocketSupply;
	readonly startWorker: (start: WorkerStart) => WorkerThread;
	/** A worker died: the proxy cannot go on. */
	readonly onFatal?: (error: Error) => void;
}

/** What main keeps itself. */
export interface LeadingParts {
	readonly registry: MetricsRegistry;
	readonly clusters: ClusterManager;
	readonly secrets: SecretStore;
	readonly failedRequests: FailedRequests;
	readonly discovery: ClusterDiscovery;
}

/** The workers of a proxy, as targets of its configuration. */
export interface WorkerPool {
	readonly followers: ClusterFollowers;
	readonly listeners: ListenerManager;
	readonly routes: RouteTarget;
	readonly extensions: ExtensionTarget;
	readonly scopes: RouteScopeTarget;
	/** Keeps secrets here as well: health checks and management servers use them. */
	readonly secrets: SecretStore;
	/** To be called before anything is configured. */
	attach(parts: LeadingParts): void;
	/** Wraps translators so that what they make can travel. */
	remember(translators: Translators): Translators;
	/** Resolves when every worker runs. */
	start(): Promise<void>;
	/** Brings the statistics up to date. */
	collect(): Promise<void>;
	setRuntime(values: ReadonlyMap<string, unknown>): void;
	setLocalHealth(isFailing: boolean): void;
	/** Filters of all workers that record when they are asked to. */
	readonly taps: TapControl;
	reopenLogs(): void;
	/** Every worker writes its logs and ends. */
	close(): Promise<void>;
}

type DiscoverMessage = Extract<FromWorker, { readonly type: "discover" }>;

/** Creates a pool; its threads start with `start`. */
export function createWorkerPool(options: WorkerPoolOptions): WorkerPool {
	const { flags, log } = options;
	const threads: WorkerThread[] = [];
	const bootstrap = toBinary(BootstrapSchema, options.bootstrap);
	/** Packed messages by what they were translated to. */
	const packed = new WeakMap<object, Uint8Array>();
	const waiting = new Map<number, (message: FromWorker) => void>();
	/** Of filters that can record, by worker. */
	const tapIds = new Map<number, ReadonlySet<string>>();
	let submitTrace: ((trace: TraceWrapper) => void) | undefined;
	let lastId = 0;
	let isClosing = false;
	let parts: LeadingParts | undefined;
	let merge: StatsMerge | undefined;

	const post = (message: ToWorker): void => {
		for (const thread of threads) thread.send(message);
	};
	const travel = (config: object & { readonly name: string }): Travelling => {
		const bytes = packed.get(config);
		return bytes === undefined ? { kind: "bootstrap", name: config.name } : { kind: "packed", bytes };
	};
	/** Asks one worker and resolves with its answer. */
	const ask = <Answer extends FromWorker>(thread: WorkerThread, make: (id: number) => ToWorker): Promise<Answer> =>
		new Promise((resolve) => {
			const id = ++lastId;
			waiting.set(id, (message) => resolve(message as Answer));
			thread.send(make(id));
		});
	const relay = new ClusterRelay(post, travel);
	const listeners = createRemoteListeners({
		threads,
		ask,
		post,
		travel,
		...(options.sockets === undefined ? {} : { sockets: options.sockets }),
	});

	function onMessage(index: number, message: FromWorker): void {
		if (message.type === "results") report(message.results);
		else if (message.type === "discover") discover(threads[index]!, message);
		else if (message.type === "tap-ids") tapIds.set(index, message.ids);
		else if (message.type === "trace") submitTrace?.(fromBinary(TraceWrapperSchema, message.trace));
		else if (message.type === "ready") return;
		else {
			if (message.type === "collected") {
				merge?.apply(index, message.delta);
				listeners.setConnections(index, message.connections);
				parts?.failedRequests.add(message.failed);
			}
			waiting.get(message.id)?.(message);
			waiting.delete(message.id);
		}
	}

	function report(results: readonly HostResult[]): void {
		for (const { cluster: name, host: address, result, times } of results) {
			const cluster = parts?.clusters.get(name);
			const host = cluster?.hosts.find((one) => one.address === address);
			if (cluster === undefined || host === undefined) continue;
			for (let time = 0; time < times; time++) {
				if (typeof result === "number") cluster.reportResponse(host, result);
				else cluster.reportLocal(host, result);
			}
		}
		// What was decided is to be known before the next request comes.
		relay.flush();
	}

	function discover(thread: WorkerThread, { id, name, source, timeoutMs }: DiscoverMessage): void {
		const query = { name, timeoutMs, source: JSON.parse(source) as ConfigSourceConfig };
		parts?.discovery.discover(query, (outcome) => thread.send({ type: "discovered", id, outcome }));
	}

	function startThread(index: number): Promise<void> {
		const start = { index, count: flags.concurrency, bootstrap, counts: options.counts.buffer };
		const thread = options.startWorker(start);
		threads.push(thread);
		return new Promise((resolve, reject) => {
			thread.onMessage((message) => {
				if (message.type === "ready") resolve();
				else onMessage(index, message);
			});
			thread.onEnd((problem) => {
				if (isClosing) return;
				const error = new MeshError(
					"WORKER_DIED",
					`worker ${index} ended: ${problem}; the proxy cannot serve without it`,
				);
				reject(error);
				options.onFatal?.(error);
			});
		});
	}

	return {
		followers: relay,
		listeners,
		routes: {
			applyRoutes(added, removed) {
				post({ type: "routes", added: added.map(travel), removed });
			},
		},
		extensions: {
			applyExtensions(added, removed) {
				post({ type: "extensions", added: added.map(travel), removed });
			},
		},
		scopes: {
			applyScopes(added, removed) {
				post({ type: "scopes", added: added.map(travel), removed });
			},
		},
		get secrets(): SecretStore {
			const { secrets } = parts!;
			return {
				...secrets,
				apply(config) {
					const problems = secrets.apply(config);
					if (problems.length === 0) post({ type: "secret", config: travel(config) });
					return problems;
				},
				remove(name) {
					secrets.remove(name);
					post({ type: "secret-removed", name });
				},
			};
		},
		attach(leading) {
			parts = leading;
			merge = createStatsMerge(leading.registry, leading.clusters);
			relay.attach(leading.clusters);
		},
		remember(translators) {
			const keep =
				<In extends Message, Out>(schema: DescMessage, translate: (message: In) => Validated<Out>) =>
				(message: In): Validated<Out> => {
					const translated = translate(message);
					if (translated.ok) packed.set(translated.value as object, toBinary(schema, message));
					return translated;
				};
			return {
				...translators,
				listener: keep(ListenerSchema, translators.listener),
				routes: keep(RouteConfigurationSchema, translators.routes),
				extension: keep(TypedExtensionConfigSchema, translators.extension),
				scope: keep(ScopedRouteConfigurationSchema, translators.scope),
				cluster: keep(ClusterSchema, translators.cluster),
				secret: keep(SecretSchema, translators.secret),
			};
		},
		async start() {
			await Promise.all(Array.from({ length: flags.concurrency }, (_value, index) => startThread(index)));
			log.info("workers run", { workers: threads.length });
		},
		async collect() {
			await Promise.all(threads.map((thread) => ask(thread, (id) => ({ type: "collect", id }))));
		},
		setRuntime: (values) => post({ type: "runtime", values: [...values] }),
		setLocalHealth: (isFailing) => post({ type: "local-health", isFailing }),
		taps: {
			ids: () => new Set([...tapIds.values()].flatMap((ids) => [...ids])),
			attach(request, submit) {
				submitTrace = submit;
				post({ type: "tap", request });
				return () => {
					submitTrace = undefined;
					post({ type: "tap", request: undefined });
				};
			},
		},
		reopenLogs: () => post({ type: "reopen-logs" }),
		async close() {
			isClosing = true;
			await Promise.race([
				Promise.all(threads.map((thread) => ask(thread, (id) => ({ type: "close", id })))),
				new Promise((resolve) => setTimeout(resolve, closeTimeoutMs).unref()),
			]);
			await Promise.all(threads.map((thread) => thread.terminate()));
		},
	};
}

/** A worker that does not answer is ended. */
const closeTimeoutMs = 2_000;
