import { toBinary } from "@bufbuild/protobuf";
import { TraceWrapperSchema } from "../../api/gen/envoy/data/tap/v3/wrapper_pb.js";
import { assertNever, describeError, type Log } from "../../core/index.ts";
import type { RouteTableConfig } from "../../engine/router/index.ts";
import type { MetricsRegistry } from "../../telemetry/index.ts";
import type { ClusterLeader, ClusterManager } from "../cluster/index.ts";
import type { ClusterDiscovery, ExtensionTarget, RouteScopeTarget, RouteTarget } from "../config-source/index.ts";
import { drainAtOnce } from "../drain/index.ts";
import type { FailedRequests } from "../failed-requests/index.ts";
import type { ListenerManager } from "../listener/index.ts";
import type {
	ClusterConfig,
	ExtensionConfig,
	ListenerConfig,
	RouteScopeConfig,
	SecretConfig,
} from "../runtime-config/index.ts";
import type { SecretStore } from "../secret/index.ts";
import { attachPacked, type TapBoard } from "../tap/index.ts";
import { LeaderDiscovery } from "./leader-discovery.ts";
import type { BoundListener, FromWorker, ToWorker, Travelling } from "./messages.ts";
import { ResultQueue } from "./result-queue.ts";
import type { SocketOrigins } from "./socket-origins.ts";
import { createStatsReporter } from "./stats-delta.ts";

/** What a worker serves with. */
export interface WorkerServing {
	readonly registry: MetricsRegistry;
	readonly clusters: ClusterManager;
	readonly listeners: ListenerManager;
	readonly secrets: SecretStore;
	readonly dataPath: {
		readonly routes: RouteTarget;
		readonly extensions: ExtensionTarget;
		readonly scopes: RouteScopeTarget;
		readonly context: { readonly taps: TapBoard };
	};
	readonly failedRequests: Pick<FailedRequests, "takeNew">;
	readonly runtime: { override(values: ReadonlyMap<string, unknown>): void };
	readonly localHealth: { isFailing: boolean };
	readonly accessLogs: { reopen(): void };
	close(): Promise<void>;
}

/** Translates what travelled; the same functions as main's. */
export interface Followed {
	listener(config: Travelling): ListenerConfig;
	cluster(config: Travelling): ClusterConfig;
	routes(config: Travelling): RouteTableConfig;
	extension(config: Travelling): ExtensionConfig;
	scope(config: Travelling): RouteScopeConfig;
	secret(config: Travelling): SecretConfig;
}

export interface FollowOptions {
	readonly log: Log;
	readonly translate: Followed;
	readonly sockets: SocketOrigins;
	send(message: FromWorker): void;
	/** The worker has closed everything. */
	onClosed(): void;
	/** The data path, given whom it tells about results and asks for clusters. */
	createServing(leader: ClusterLeader, discovery: ClusterDiscovery): WorkerServing;
}

/** A worker: does what main says, in the order it says it. @returns what takes main's messages */
export function followLeader(options: FollowOptions): (message: ToWorker) => void {
	const { log, send, sockets, translate } = options;
	const results = new ResultQueue((list) => send({ type: "results", results: list }));
	const discovery = new LeaderDiscovery(send);
	const leader: ClusterLeader = { report: (cluster, host, result) => results.report(cluster, host, result) };
	const serving = options.createServing(leader, discovery);
	const { clusters, listeners } = serving;
	const { taps } = serving.dataPath.context;
	taps.onChange((ids) => send({ type: "tap-ids", ids }));
	let detachTap: (() => void) | undefined;
	const reporter = createStatsReporter(serving.registry, clusters);
	/** Messages one after the other: listeners take a while to bind. */
	let turn: Promise<void> = Promise.resolve();

	async function handle(message: ToWorker): Promise<void> {
		switch (message.type) {
			case "cluster": {
				const config = translate.cluster(message.config);
				const prepared = clusters.prepareCluster(config, message.assignment);
				if (message.assignment !== undefined) clusters.applyAssignment(config.name, message.assignment);
				prepared.activate();
				clusters.follow(config.name, message.flags, []);
				return;
			}
			case "clusters-removed":
				return clusters.removeClusters(message.names);
			case "assignment":
				return clusters.applyAssignment(message.cluster, message.assignment);
			case "readdressed":
				return clusters.readdress(message.cluster, message.endpoint);
			case "health":
				return clusters.follow(message.cluster, message.flags, message.gone);
			case "routes":
				return serving.dataPath.routes.applyRoutes(message.added.map(translate.routes), message.removed);
			case "extensions":
				return serving.dataPath.extensions.applyExtensions(message.added.map(translate.extension), message.removed);
			case "scopes":
				return serving.dataPath.scopes.applyScopes(message.added.map(translate.scope), message.removed);
			case "secret":
				return reportProblems("secret", serving.secrets.apply(translate.secret(message.config)));
			case "secret-removed":
				return serving.secrets.remove(message.name);
			case "listeners": {
				sockets.expect(message.sockets);
				const problems = await listeners.applyListeners(message.added.map(translate.listener), message.removed);
				send({ type: "listeners-applied", id: message.id, problems, bound: listBound(listeners) });
				return;
			}
			case "runtime":
				return serving.runtime.override(new Map(message.values));
			case "local-health":
				serving.localHealth.isFailing = message.isFailing;
				return;
			case "drain":
				if (message.handsOver) listeners.handOver();
				else listeners.drain(message.atOnce ? drainAtOnce : undefined);
				return;
			case "announce-drain":
				return listeners.announceDrain(message.inboundOnly);
			case "stop-accepting":
				return listeners.stopAccepting(message.inboundOnly);
			case "collect": {
				const connections = listeners.listeners().reduce((sum, { activeConnections }) => sum + activeConnections, 0);
				send({
					type: "collected",
					id: message.id,
					delta: reporter.collect(),
					connections,
					failed: serving.failedRequests.takeNew(),
				});
				return;
			}
			case "tap":
				detachTap?.();
				detachTap = undefined;
				if (message.request !== undefined) {
					detachTap = attachPacked(taps, message.request, (trace) =>
						send({ type: "trace", trace: toBinary(TraceWrapperSchema, trace) }),
					);
				}
				return;
			case "discovered":
				return discovery.settle(message.id, message.outcome);
			case "reopen-logs":
				return serving.accessLogs.reopen();
			case "close":
				results.flush();
				await serving.close();
				send({ type: "closed", id: message.id });
				return options.onClosed();
			default:
				return assertNever(message);
		}
	}

	function reportProblems(what: string, problems: readonly unknown[]): void {
		if (problems.length > 0) log.error(`${what} could not be used by a worker`, { problems });
	}

	return (message) => {
		turn = turn
			.then(() => handle(message))
			.catch((error: unknown) => {
				log.error("a worker could not follow", { message: message.type, problem: describeError(error) });
			});
	};
}

function listBound(listeners: ListenerManager): BoundListener[] {
	return listeners.listeners().map(({ config, sockets }) => ({
		name: config.name,
		sockets: sockets.map((ofAddress) => ({
			address: ofAddress[0]!.address,
			descriptors: ofAddress.flatMap(({ descriptor }) => descriptor ?? []),
		})),
	}));
}
