import {
	type TypedExtensionConfig,
	TypedExtensionConfigSchema,
} from "../../api/gen/envoy/config/core/v3/extension_pb.js";
import { RouteConfigurationSchema } from "../../api/gen/envoy/config/route/v3/route_pb.js";
import { SecretSchema } from "../../api/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { RuntimeSchema } from "../../api/gen/envoy/service/runtime/v3/rtds_pb.js";
import {
	type Clock,
	type Log,
	MeshError,
	type Problem,
	type Random,
	type Timer,
	type Validated,
} from "../../core/index.ts";
import type { StatsScope } from "../../telemetry/index.ts";
import {
	clusterType,
	endpointType,
	extensionType,
	listenerType,
	type RefusedResource,
	type ResourceUpdate,
	routeType,
	runtimeType,
	scopedRouteType,
	secretType,
} from "../../xds/client/index.ts";
import type { FileWatcher } from "../file-watcher/index.ts";
import {
	type BootstrapConfig,
	type ConfigSourceConfig,
	type ExtensionConfig,
	plainName,
	type SecretConfig,
	showPlainly,
} from "../runtime-config/index.ts";
import type { SecretStore } from "../secret/index.ts";
import { createArrivals } from "./arrivals.ts";
import { type ClusterDiscovery, createOnDemandClusters } from "./cluster-discovery.ts";
import { createClusters } from "./clusters.ts";
import { createConfigEvents, type SubscriptionUse, wholeName } from "./events.ts";
import { findMisfit } from "./extension-fit.ts";
import type { UnknownFields } from "./file-source.ts";
import { isWholeType } from "./file-subscription.ts";
import { createLastGood, type LastGood } from "./last-good.ts";
import { createListeners } from "./listeners.ts";
import { createNamedResources } from "./named-resources.ts";
import type { Reference } from "./references.ts";
import {
	type AcceptedResource,
	createResourceBook,
	type RefusedVersion,
	type ResourceOrigin,
} from "./resource-book.ts";
import { createRouteScopes } from "./route-scopes.ts";
import { createRouteUses, useOf } from "./route-uses.ts";
import { readRuntimeLayer } from "./runtime-layer.ts";
import { createSources } from "./sources.ts";
import type { ConfigTargets } from "./targets.ts";
import { formatProblems, type Translators, translatePacked } from "./translators.ts";
import { createWarmups, needOf } from "./warmup.ts";

export interface ConfigSourceOptions {
	readonly bootstrap: BootstrapConfig;
	readonly translators: Translators;
	readonly targets: ConfigTargets;
	readonly secrets: SecretStore;
	readonly files: FileWatcher;
	readonly clock: Clock;
	readonly random: Random;
	readonly log: Log;
	/** The root of the proxy's statistics. */
	readonly stats: StatsScope;
	/** The version that management servers are told. */
	readonly version: string;
	/** What to do with fields in files that nobody knows. */
	readonly unknownFields: UnknownFields;
	/** Where the last good configuration is kept; it is not kept without. */
	readonly stateFolder?: string;
	/** How long a start waits for a management server before it uses what is kept; 2 000 by default. */
	readonly lastGoodAfterMs?: number;
}

/** The proxy's configuration, followed from its sources. */
export interface ConfigSource extends ClusterDiscovery {
	/** Resolves when everything configured so far is warm and listens: the proxy is then live.
	 *  @throws MeshError for what the bootstrap asks and cannot be done */
	start(): Promise<void>;
	/** Whether there is a cluster of that name, warming ones included. */
	hasCluster(name: string): boolean;
	/** What is accepted and what was refused last, for the admin port. */
	describe(): ConfigSourceState;
	close(): void;
}

export interface ConfigSourceState {
	readonly accepted: readonly AcceptedResource[];
	readonly refused: readonly RefusedVersion[];
	readonly warmingClusters: readonly string[];
	readonly warmingListeners: readonly string[];
	readonly isConnected: boolean;
	/** Secrets that are subscribed to and have not come. */
	readonly awaitedSecrets: readonly string[];
	/** The version of the last update of a type that changed something. */
	versionOf(typeUrl: string): string;
}

/** Creates the configuration of one proxy; nothing happens before `start`. */
export function createConfigSource(options: ConfigSourceOptions): ConfigSource {
	const { bootstrap, clock, secrets, targets, translators } = options;
	const log = options.log.child("config-source");
	const book = createResourceBook(() => clock.wall());
	const events = createConfigEvents(options.stats, clock);
	const warmups = createWarmups(clock);
	const hasSecret = (name: string): boolean => secrets.get(name) !== undefined;
	let resumeClusters: (() => void) | undefined;
	let closed = false;
	/** Names put to use from disk, until the server's first list of the type tells which of them are gone. */
	const restored = new Map<string, Set<string>>();
	const arrivals = createArrivals();
	/** By type: the version of the last update that changed something. */
	const versions = new Map<string, string>();

	const routes = createNamedResources({
		typeUrl: routeType,
		schema: RouteConfigurationSchema,
		need: "route",
		translate: translators.routes,
		rename,
		put: (added, removed) => targets.routes.applyRoutes(added, removed),
		warmups,
		book,
		clock,
	});
	const extensions = createNamedResources({
		typeUrl: extensionType,
		schema: TypedExtensionConfigSchema,
		need: "extension",
		translate: translateExtension,
		rename,
		put: (added, removed) => targets.extensions.applyExtensions(added, removed),
		warmups,
		book,
		clock,
	});
	const scopes = createRouteScopes({
		target: targets.scopes,
		translators,
		warmups,
		book,
		hasRoute: (name) => routes.has(name),
		references: () => listeners.scopeReferences(),
		onReferencesChanged: follow,
	});
	const clusters = createClusters({
		target: targets.clusters,
		assignmentTarget: targets.assignments,
		translators,
		warmups,
		book,
		hasSecret,
		onReferencesChanged: follow,
		onActivated: (name) => discovery.settled(name, "available"),
		onWarmingChanged(warming) {
			resumeClusters?.();
			resumeClusters = warming && !closed ? sources.pause(clusterType) : undefined;
		},
		events,
		log,
	});
	const listeners = createListeners({
		target: targets.listeners,
		translators,
		warmups,
		book,
		hasRoute: (name) => routes.has(name),
		hasExtension: (name) => extensions.has(name),
		hasScopes: () => scopes.hasCome,
		hasSecret,
		onReferencesChanged: follow,
		events,
		log,
	});
	const sources = createSources({
		...options,
		log,
		apply,
		missing,
		findRuleProblems,
		acceptedOf: (typeUrl) => book.acceptedOf(typeUrl),
		fileRead(typeUrl, name, outcome) {
			events.fileRead(typeUrl, name, outcome);
			if (name === undefined) arrivals.arrived(typeUrl);
			if (typeUrl === scopedRouteType && outcome.kind !== "accepted") scopes.giveUp();
		},
		connectionChanged: (connected) => events.connectionChanged(connected),
	});
	const discovery = createOnDemandClusters({ sources, clock, log });
	const lastGood: LastGood | undefined =
		options.stateFolder === undefined
			? undefined
			: createLastGood({
					folder: options.stateFolder,
					nodeId: bootstrap.node.id,
					list: () => book.accepted(),
					clock,
					log,
				});

	const routeUses = createRouteUses();

	/** Subscribes to what clusters and listeners refer to. */
	function follow(): void {
		if (closed) return;
		const scopeReferences = listeners.scopeReferences();
		const extensionReferences = listeners.extensionReferences();
		const routeReferences = [...listeners.routeReferences(), ...scopes.routeReferences()];
		const secretReferences = [...clusters.secretReferences(), ...listeners.secretReferences()];
		const endpointReferences = clusters.assignmentReferences();
		events.retain([
			...runtimeUses(),
			...routeUses(routeReferences),
			...endpointReferences.map((reference) => useOf(endpointType, reference, `cluster.${reference.statName}`)),
			...secretReferences.map((reference) => useOf(secretType, reference, `sds.${plainName(reference.name)}`)),
			...extensionReferences.map((reference) =>
				useOf(extensionType, reference, `extension_config_discovery.${reference.of}.${plainName(reference.name)}`),
			),
			...scopeReferences.map((reference) => ({
				...useOf(scopedRouteType, reference, `http.${reference.statPrefix}.scoped_rds.${reference.name}`),
				name: wholeName,
			})),
		]);
		events.scopes(scopes.count, scopes.routeReferences().length);
		sources.want(endpointType, endpointReferences);
		sources.want(secretType, secretReferences);
		sources.want(extensionType, extensionReferences);
		sources.wantAllOf(
			scopedRouteType,
			scopeReferences.map(({ source }) => source),
		);
		sources.want(routeType, routeReferences);
		routes.keepOnly(new Set(routeReferences.map(({ name }) => name)));
		extensions.keepOnly(new Set(extensionReferences.map(({ name }) => name)));
	}

	/** A filter's configuration must be of a type that every listener which names it allows. */
	function translateExtension(message: TypedExtensionConfig): Validated<ExtensionConfig> {
		const translated = translators.extension(message);
		if (!translated.ok) return translated;
		for (const reference of listeners.extensionReferences().filter(({ name }) => name === translated.value.name)) {
			const problem = findMisfit(translated.value, reference);
			if (problem !== undefined) return { ok: false, problems: [{ path: "typed_config", problem }] };
		}
		return translated;
	}

	async function apply(update: ResourceUpdate, origin: ResourceOrigin): Promise<readonly RefusedResource[]> {
		if (closed) return [];
		const whole = origin === "server" ? withoutRestored(update) : update;
		const began = clock.now();
		const changes = book.changesOf(update.typeUrl);
		const accepted = book.acceptedOf(update.typeUrl);
		if (isWholeType(update.typeUrl)) book.forgetRefused(update.typeUrl);
		const refused = await dispatch(whole, origin);
		// Scopes are put together anew with every update.
		const isChange = book.acceptedOf(update.typeUrl) !== accepted || update.typeUrl === scopedRouteType;
		if (origin !== "file") events.updated(whole, refused, { durationMs: clock.now() - began, isChange });
		const warms = update.typeUrl === listenerType && update.added.some(({ name }) => listeners.isWarming(name));
		if (warms || book.changesOf(update.typeUrl) !== changes) versions.set(update.typeUrl, update.version);
		arrivals.arrived(update.typeUrl);
		if (origin === "server") lastGood?.changed();
		return refused;
	}

	function dispatch(
		update: ResourceUpdate,
		origin: ResourceOrigin,
	): readonly RefusedResource[] | Promise<readonly RefusedResource[]> {
		switch (update.typeUrl) {
			case clusterType:
				return applyClusters(update, origin);
			case endpointType:
				return clusters.applyAssignments(update, origin);
			case listenerType:
				return listeners.apply(update, origin);
			case routeType:
				return routes.apply(update, origin);
			case extensionType:
				return extensions.apply(update, origin);
			case scopedRouteType:
				return scopes.apply(update, origin);
			case secretType:
				return applySecrets(update, origin);
			case runtimeType:
				return applyRuntime(update, origin);
			default:
				return update.added.map(({ name }) => ({ name, problem: `type ${update.typeUrl} is not supported` }));
		}
	}

	function applyClusters(update: ResourceUpdate, origin: ResourceOrigin): readonly RefusedResource[] {
		const refused = clusters.apply(update, origin);
		settleMissing([...update.removed, ...refused.map(({ name }) => name)]);
		return refused;
	}

	function settleMissing(names: readonly string[]): void {
		for (const name of names) if (!clusters.has(name)) discovery.settled(name, "missing");
	}

	/** The server's first full list says by absence which resources from disk are gone. */
	function withoutRestored(update: ResourceUpdate): ResourceUpdate {
		const names = restored.get(update.typeUrl);
		if (names === undefined) return update;
		restored.delete(update.typeUrl);
		const present = new Set(update.added.map(({ name }) => name));
		return { ...update, removed: [...update.removed, ...[...names].filter((name) => !present.has(name))] };
	}

	function applySecrets(update: ResourceUpdate, origin: ResourceOrigin): readonly RefusedResource[] {
		const refused: RefusedResource[] = [];
		for (const resource of update.added) {
			const { name, value } = resource;
			const translated = translatePacked(SecretSchema, value, (message) => translators.secret(rename(message, name)));
			const problems = translated.ok ? applySecret(translated.value) : translated.problems;
			if (problems.length === 0) {
				book.accept(secretType, resource, origin, false);
				warmups.meet("secret", name);
			} else {
				const problem = formatProblems(problems);
				refused.push({ name, problem });
				book.refuse(secretType, resource, problem);
			}
		}
		return refused;
	}

	/** A secret of another kind than those that refer to it wait for changes nothing. */
	function applySecret(secret: SecretConfig): readonly Problem[] {
		const references = [...clusters.secretReferences(), ...listeners.secretReferences()];
		const wrong = references.find(({ name, kind }) => name === secret.name && kind !== secret.kind);
		if (wrong !== undefined) return [{ path: "", problem: `is a ${secret.kind}, a ${wrong.kind} is expected` }];
		return secrets.apply(secret);
	}

	function applyRuntime(update: ResourceUpdate, origin: ResourceOrigin): readonly RefusedResource[] {
		const refused: RefusedResource[] = [];
		for (const resource of update.added) {
			const { name, value } = resource;
			const translated = translatePacked(RuntimeSchema, value, readRuntimeLayer);
			if (translated.ok) {
				book.accept(runtimeType, resource, origin, true);
				targets.runtime.applyLayer(name, translated.value);
				warmups.meet("runtime", name);
			} else {
				const problem = formatProblems(translated.problems);
				refused.push({ name, problem });
				book.refuse(runtimeType, resource, problem);
			}
		}
		return refused;
	}

	/** Layers of the runtime come before anything else: routes and filters ask for their values. */
	async function fetchRuntime(): Promise<void> {
		const layers = bootstrap.runtimeLayers.flatMap((layer): Reference[] =>
			layer.kind === "rtds" ? [{ name: layer.resource, source: layer.source }] : [],
		);
		if (layers.length === 0) return;
		events.retain(runtimeUses());
		const done = new Promise<void>((resolve) => {
			warmups.begin(
				layers.map((reference) => needOf("runtime", reference)),
				() => resolve(),
			);
		});
		sources.want(runtimeType, layers);
		await done;
	}

	function runtimeUses(): SubscriptionUse[] {
		return bootstrap.runtimeLayers.flatMap((layer) =>
			layer.kind === "rtds" ? [useOf(runtimeType, { name: layer.resource, source: layer.source }, "runtime")] : [],
		);
	}

	function missing(typeUrl: string, names: readonly string[]): void {
		if (typeUrl === clusterType) settleMissing(names);
		else if (typeUrl === endpointType) clusters.missingAssignments(names);
		else if (typeUrl === routeType) routes.missing(names);
		else if (typeUrl === extensionType) extensions.missing(names);
		else if (typeUrl === runtimeType) for (const name of names) warmups.meet("runtime", name);
		else if (typeUrl === secretType) for (const name of names) warmups.meet("secret", name);
	}

	function findRuleProblems({ typeUrl, added }: ResourceUpdate): readonly RefusedResource[] {
		return added.flatMap((resource) => {
			const problems = translators.rules(typeUrl, resource.value);
			if (problems.length === 0) return [];
			const problem = formatProblems(problems);
			return [{ name: resource.name, problem }];
		});
	}

	/** Subscribes to all of a type and resolves when the first of it came, or the wait for it ended. */
	async function fetch(typeUrl: string, source: ConfigSourceConfig | undefined): Promise<void> {
		if (source === undefined) return;
		events.subscribed(typeUrl, source.kind !== "path");
		sources.wantAll(typeUrl, source);
		const inTime = await arrivals.first(typeUrl, source.initialFetchTimeoutMs, clock);
		if (inTime) return;
		events.timedOut(typeUrl);
		log.warn("no configuration in time, going on without", { typeUrl, afterMs: source.initialFetchTimeoutMs });
	}

	/** Clusters and what belongs to them at once; listeners when their turn comes. */
	async function restore(): Promise<void> {
		if (closed || lastGood === undefined || sources.isConnected) return;
		const saved = lastGood.load();
		if (saved === undefined) return;
		log.warn("no answer from the management server, serving with the last good configuration");
		for (const typeUrl of [endpointType, routeType, clusterType, listenerType]) {
			if (typeUrl === listenerType) await new Promise<void>((resolve) => clusters.whenWarm(resolve));
			if (closed || arrivals.has(typeUrl)) continue;
			const added = saved.get(typeUrl) ?? [];
			if (typeUrl === clusterType || typeUrl === listenerType) {
				restored.set(typeUrl, new Set(added.map(({ name }) => name)));
			}
			await apply({ typeUrl, version: "", added, removed: [] }, "disk");
		}
	}

	let restoreTimer: Timer | undefined;

	return {
		async start() {
			for (const secret of bootstrap.secrets) {
				const problems = secrets.apply(secret);
				if (problems.length === 0) continue;
				throw new MeshError("SECRET_UNUSABLE", `static secret ${secret.name}: ${formatProblems(problems)}`);
			}
			if (lastGood !== undefined) {
				restoreTimer = clock.setTimer(options.lastGoodAfterMs ?? 2_000, () => void restore(), { unref: true });
			}
			await fetchRuntime();
			clusters.addStatic(bootstrap.clusters);
			await fetch(clusterType, bootstrap.cds);
			await new Promise<void>((resolve) => clusters.whenWarm(resolve));
			const problems = await listeners.addStatic(bootstrap.listeners);
			const first = problems[0];
			if (first !== undefined) throw new MeshError("LISTENER_FAILED", `listener ${first.name}: ${first.problem}`);
			await fetch(listenerType, bootstrap.lds);
			await listeners.whenWarm();
		},
		hasCluster: (name) => clusters.has(name),
		discover: (query, done) => discovery.discover(query, done),
		describe: () => ({
			accepted: book.accepted().map(showPlainly),
			refused: book.refused().map(showPlainly),
			warmingClusters: clusters.warmingNames,
			warmingListeners: listeners.warmingNames,
			isConnected: sources.isConnected,
			awaitedSecrets: [
				...new Set(
					[...clusters.secretReferences(), ...listeners.secretReferences()]
						.filter(({ isAwaited, name }) => isAwaited && !hasSecret(name))
						.map(({ name }) => plainName(name)),
				),
			],
			versionOf: (typeUrl) => versions.get(typeUrl) ?? "",
		}),
		close() {
			closed = true;
			restoreTimer?.cancel();
			arrivals.close();
			lastGood?.flush();
			discovery.close();
			sources.close();
			warmups.close();
			routes.close();
			extensions.close();
		},
	};
}

/** A message goes by the name of its source as well, where that is not the aggregated server. */
function rename<Named extends { readonly name: string }>(message: Named, name: string): Named {
	return plainName(name) === name ? message : { ...message, name };
}
