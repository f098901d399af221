import { ListenerSchema } from "../../api/gen/envoy/config/listener/v3/listener_pb.js";
import type { Log } from "../../core/index.ts";
import {
	listenerType,
	type ReceivedResource,
	type RefusedResource,
	type ResourceUpdate,
} from "../../xds/client/index.ts";
import { type AddressConfig, differsInChainsOnly, type ListenerConfig, plainName } from "../runtime-config/index.ts";
import type { ConfigEvents } from "./events.ts";
import {
	type ExtensionReference,
	hasInlineKey,
	listExtensionReferences,
	listListenerSecrets,
	listRouteReferences,
	listScopeReferences,
	type RouteReference,
	type ScopeReference,
	type SecretReference,
} from "./references.ts";
import type { ResourceBook, ResourceOrigin } from "./resource-book.ts";
import type { ListenerTarget, ResourceProblem } from "./targets.ts";
import { formatProblems, type Translators, translatePacked } from "./translators.ts";
import { needOf, type Warmups } from "./warmup.ts";

export interface ListenersDeps {
	readonly target: ListenerTarget;
	readonly translators: Translators;
	readonly warmups: Warmups;
	readonly book: ResourceBook;
	readonly hasRoute: (name: string) => boolean;
	readonly hasSecret: (name: string) => boolean;
	readonly hasExtension: (name: string) => boolean;
	readonly hasScopes: (reference: ScopeReference) => boolean;
	readonly onReferencesChanged: () => void;
	readonly events: ConfigEvents;
	readonly log: Log;
}

/** The listeners, warming and active. */
export interface Listeners {
	/** Resolves with those that could not be bound. */
	addStatic(configs: readonly ListenerConfig[]): Promise<readonly ResourceProblem[]>;
	apply(update: ResourceUpdate, origin: ResourceOrigin): Promise<RefusedResource[]>;
	routeReferences(): RouteReference[];
	scopeReferences(): ScopeReference[];
	extensionReferences(): ExtensionReference[];
	secretReferences(): SecretReference[];
	/** Resolves once no listener warms and none is being applied. */
	whenWarm(): Promise<void>;
	isWarming(name: string): boolean;
	readonly warmingNames: readonly string[];
}

interface WarmingListener {
	readonly config: ListenerConfig;
	/** Undefined for those of the bootstrap. */
	readonly resource: ReceivedResource | undefined;
	readonly origin: ResourceOrigin;
	stopWaiting: () => void;
	/** Whether its needs are met and only the turn of its batch is waited for. */
	isReady: boolean;
}

export function createListeners(deps: ListenersDeps): Listeners {
	const { book, log, target, translators, warmups } = deps;
	const staticNames = new Set<string>();
	const active = new Map<string, ListenerConfig>();
	const warming = new Map<string, WarmingListener>();
	/** Applications one after the other. */
	let turn: Promise<unknown> = Promise.resolve();
	let warmCallbacks: (() => void)[] = [];

	function warm(
		config: ListenerConfig,
		resource: ReceivedResource | undefined,
		origin: ResourceOrigin,
	): WarmingListener {
		cancelWarming(config.name);
		const entry: WarmingListener = { config, resource, origin, stopWaiting: () => undefined, isReady: false };
		warming.set(config.name, entry);
		const needs = [
			...listRouteReferences(config)
				.filter(({ name }) => !deps.hasRoute(name))
				.map((reference) => needOf("route", reference)),
			...listScopeReferences(config)
				.filter((reference) => !deps.hasScopes(reference))
				.map((reference) => needOf("scopes", reference)),
			...listExtensionReferences(config)
				.filter(({ isAwaited, name }) => isAwaited && !deps.hasExtension(name))
				.map((reference) => needOf("extension", reference)),
			...listListenerSecrets(config)
				.filter(({ isAwaited, name }) => isAwaited && !deps.hasSecret(name))
				.map((reference) => needOf("secret", reference)),
		];
		let inBatch = true;
		entry.stopWaiting = warmups.begin(needs, (timedOut) => {
			for (const need of timedOut) {
				log.warn("listener stops waiting", { listener: config.name, for: `${need.kind} ${plainName(need.name)}` });
			}
			entry.isReady = true;
			// Late ones go alone; their problems can no longer be part of the answer to the server.
			if (!inBatch) void activate([entry], []);
		});
		inBatch = false;
		return entry;
	}

	function cancelWarming(name: string): void {
		warming.get(name)?.stopWaiting();
		warming.delete(name);
	}

	function activate(
		entries: readonly WarmingListener[],
		removed: readonly string[],
	): Promise<readonly ResourceProblem[]> {
		const result = turn.then(async () => {
			const current = entries.filter((entry) => warming.get(entry.config.name) === entry);
			if (current.length === 0 && removed.length === 0) return [];
			const problems = await target.applyListeners(
				current.map(({ config }) => config),
				removed,
			);
			const failed = new Map(problems.map(({ name, problem }) => [name, problem]));
			for (const entry of current) finish(entry, failed.get(entry.config.name));
			settle();
			return problems;
		});
		turn = result.catch(() => undefined);
		return result;
	}

	function finish(entry: WarmingListener, problem: string | undefined): void {
		const { config, origin, resource } = entry;
		if (warming.get(config.name) === entry) warming.delete(config.name);
		if (problem !== undefined) {
			log.error("listener could not be applied", { listener: config.name, problem });
			if (resource !== undefined) book.refuse(listenerType, resource, problem);
			return;
		}
		const before = active.get(config.name);
		active.set(config.name, config);
		if (resource === undefined) return;
		// A listener that changes in place goes on under the version that it was made with, as Envoy shows it.
		const isInPlace = before !== undefined && differsInChainsOnly(before, config);
		const version = isInPlace ? book.get(listenerType, resource.name)?.version : undefined;
		book.accept(listenerType, { ...resource, version: version ?? resource.version }, origin, !hasInlineKey(config));
	}

	function settle(): void {
		deps.onReferencesChanged();
		deps.events.listenersWarming(warming.size);
		if (warming.size > 0) return;
		const callbacks = warmCallbacks;
		warmCallbacks = [];
		for (const callback of callbacks) callback();
	}

	/** Two listeners cannot have one address, bound or not, unless it has a port 0 that the later one binds. */
	function findTakenAddress(config: ListenerConfig, leaving: readonly string[]): string | undefined {
		for (const other of everyConfig()) {
			if (other.name === config.name || leaving.includes(other.name)) continue;
			const own = new Set(other.addresses.map(formatAddress));
			const colliding = config.addresses.filter((address) => !isAnyPort(address) || !config.bindToPort);
			const taken = colliding.map(formatAddress).find((address) => own.has(address));
			if (taken === undefined) continue;
			return `error adding listener: '${config.name}' has duplicate address '${taken}' as existing listener`;
		}
		return undefined;
	}

	function everyConfig(): ListenerConfig[] {
		return [...active.values(), ...[...warming.values()].map(({ config }) => config)];
	}

	return {
		async addStatic(configs) {
			for (const config of configs) staticNames.add(config.name);
			const entries = configs.map((config) => warm(config, undefined, "bootstrap"));
			deps.onReferencesChanged();
			return activate(
				entries.filter(({ isReady }) => isReady),
				[],
			);
		},
		async apply(update, origin) {
			const refused: RefusedResource[] = [];
			const entries: WarmingListener[] = [];
			for (const resource of update.added) {
				if (staticNames.has(resource.name)) continue;
				const known = warming.get(resource.name)?.resource ?? book.get(listenerType, resource.name);
				if (known !== undefined && Buffer.compare(known.value, resource.value) === 0) continue;
				const translated = translatePacked(ListenerSchema, resource.value, translators.listener);
				const taken = translated.ok ? findTakenAddress(translated.value, update.removed) : undefined;
				if (translated.ok && taken === undefined) entries.push(warm(translated.value, resource, origin));
				else {
					const problem = translated.ok ? taken! : formatProblems(translated.problems);
					refused.push({ name: resource.name, problem });
					book.refuse(listenerType, resource, problem);
				}
			}
			const removed = update.removed.filter((name) => !staticNames.has(name));
			for (const name of removed) {
				cancelWarming(name);
				active.delete(name);
				book.remove(listenerType, name);
			}
			deps.onReferencesChanged();
			deps.events.listenersWarming(warming.size);
			const problems = await activate(
				entries.filter(({ isReady }) => isReady),
				removed,
			);
			return [...refused, ...problems];
		},
		routeReferences: () => everyConfig().flatMap(listRouteReferences),
		scopeReferences: () => everyConfig().flatMap(listScopeReferences),
		extensionReferences: () => everyConfig().flatMap(listExtensionReferences),
		secretReferences: () => everyConfig().flatMap(listListenerSecrets),
		async whenWarm() {
			await turn;
			if (warming.size > 0) await new Promise<void>((resolve) => warmCallbacks.push(resolve));
		},
		isWarming: (name) => warming.has(name),
		get warmingNames() {
			return [...warming.keys()];
		},
	};
}

function isAnyPort(address: AddressConfig): boolean {
	return address.kind === "socket" && address.port === 0;
}

function formatAddress(address: AddressConfig): string {
	if (address.kind !== "socket") return address.path;
	return address.address.includes(":") ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`;
}
