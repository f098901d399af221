import {
	type ScopedRouteConfiguration,
	ScopedRouteConfigurationSchema,
} from "../../api/gen/envoy/config/route/v3/scoped_route_pb.js";
import { type RefusedResource, type ResourceUpdate, scopedRouteType } from "../../xds/client/index.ts";
import { plainName, qualifyName, type RouteScopeConfig } from "../runtime-config/index.ts";
import type { RouteReference, ScopeReference } from "./references.ts";
import type { ResourceBook, ResourceOrigin } from "./resource-book.ts";
import type { RouteScopeTarget } from "./targets.ts";
import { formatProblems, type Translators, translatePacked } from "./translators.ts";
import { needOf, type Warmups } from "./warmup.ts";

export interface RouteScopesDeps {
	readonly target: RouteScopeTarget;
	readonly translators: Translators;
	readonly warmups: Warmups;
	readonly book: ResourceBook;
	readonly hasRoute: (name: string) => boolean;
	/** The sources of scopes that listeners name. */
	references(): readonly ScopeReference[];
	/** Scopes name other route configurations: they are to be subscribed to. */
	onReferencesChanged(): void;
}

/** Scopes of routes that come over SRDS. */
export interface RouteScopes {
	/** Whether the first scopes have come, with their route configurations. */
	readonly hasCome: boolean;
	readonly count: number;
	apply(update: ResourceUpdate, origin: ResourceOrigin): RefusedResource[];
	/** The first ones will not come for now: listeners stop to wait. */
	giveUp(): void;
	/** The route configurations that scopes name. */
	routeReferences(): RouteReference[];
}

export function createRouteScopes(deps: RouteScopesDeps): RouteScopes {
	const { book, target, translators, warmups } = deps;
	const scopes = new Map<string, RouteScopeConfig>();
	let hasCome = false;
	let stopWaiting: () => void = () => undefined;

	function routeReferences(): RouteReference[] {
		return deps.references().flatMap(({ routeSource, statPrefix }) => {
			if (routeSource === undefined) return [];
			return [...scopes.values()].flatMap(({ routes }) =>
				routes.kind === "named"
					? [{ name: qualifyName(plainName(routes.name), routeSource), source: routeSource, statPrefix }]
					: [],
			);
		});
	}

	/** Route configurations go by the names of their sources as well. */
	function nameSource(message: ScopedRouteConfiguration): ScopedRouteConfiguration {
		const { routeConfigurationName } = message;
		if (routeConfigurationName === "") return message;
		const routeSource = deps.references()[0]?.routeSource;
		return { ...message, routeConfigurationName: qualifyName(routeConfigurationName, routeSource) };
	}

	/** Two scopes with one key cannot be told apart. */
	function findConflict(scope: RouteScopeConfig, removed: ReadonlySet<string>): string | undefined {
		const key = JSON.stringify(scope.key);
		for (const other of scopes.values()) {
			if (other.name === scope.name || removed.has(other.name) || JSON.stringify(other.key) !== key) continue;
			return `scope key conflict found, first scope is '${other.name}', second scope is '${scope.name}'`;
		}
		return undefined;
	}

	function waitForRoutes(): void {
		const needs = routeReferences()
			.filter(({ name }) => !deps.hasRoute(name))
			.map((reference) => needOf("route", reference));
		stopWaiting();
		stopWaiting = warmups.begin(needs, () => {
			hasCome = true;
			meet();
		});
	}

	function meet(): void {
		for (const { name } of deps.references()) warmups.meet("scopes", name);
	}

	return {
		get hasCome() {
			return hasCome;
		},
		get count() {
			return scopes.size;
		},
		routeReferences,
		giveUp: meet,
		apply(update, origin) {
			const refused: RefusedResource[] = [];
			const added: RouteScopeConfig[] = [];
			const removed = update.removed.filter((name) => scopes.has(name));
			const leaving = new Set(removed);
			for (const resource of update.added) {
				if (scopes.has(resource.name) && book.isSame(scopedRouteType, resource)) continue;
				const translated = translatePacked(ScopedRouteConfigurationSchema, resource.value, (message) =>
					translators.scope(nameSource(message)),
				);
				const conflict = translated.ok ? findConflict(translated.value, leaving) : undefined;
				if (translated.ok && conflict === undefined) {
					scopes.set(resource.name, translated.value);
					added.push(translated.value);
					book.accept(scopedRouteType, resource, origin, true);
				} else {
					const problem = translated.ok ? conflict! : formatProblems(translated.problems);
					refused.push({ name: resource.name, problem });
					book.refuse(scopedRouteType, resource, problem);
				}
			}
			for (const name of removed) {
				scopes.delete(name);
				book.remove(scopedRouteType, name);
			}
			if (added.length > 0 || removed.length > 0) target.applyScopes(added, removed);
			deps.onReferencesChanged();
			waitForRoutes();
			return refused;
		},
	};
}
