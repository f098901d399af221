import { RouteConfigurationSchema } from "../../api/gen/envoy/config/route/v3/route_pb.js";
import type { Clock, Timer } from "../../core/index.ts";
import type { RouteTableConfig } from "../../engine/router/index.ts";
import { type RefusedResource, type ResourceUpdate, routeType } from "../../xds/client/index.ts";
import type { ResourceBook, ResourceOrigin } from "./resource-book.ts";
import type { RouteTarget } from "./targets.ts";
import { formatProblems, type Translators, translatePacked } from "./translators.ts";
import type { Warmups } from "./warmup.ts";

export interface RoutesDeps {
	readonly target: RouteTarget;
	readonly translators: Translators;
	readonly warmups: Warmups;
	readonly book: ResourceBook;
	readonly clock: Clock;
}

/** Route configurations by name. They need no warming. */
export interface Routes {
	has(name: string): boolean;
	apply(update: ResourceUpdate, origin: ResourceOrigin): RefusedResource[];
	/** Names that will not come: listeners stop to wait for them. */
	missing(names: readonly string[]): void;
	/** Drops what no listener refers to, after a while. */
	keepOnly(names: ReadonlySet<string>): void;
	close(): void;
}

/** Connections of a replaced listener may still ask for its routes while they drain. */
const lingerMs = 60_000;

export function createRoutes(deps: RoutesDeps): Routes {
	const { book, clock, target, translators, warmups } = deps;
	const known = new Set<string>();
	const leaving = new Map<string, Timer>();

	function drop(name: string): void {
		leaving.delete(name);
		known.delete(name);
		book.remove(routeType, name);
		target.applyRoutes([], [name]);
	}

	return {
		has: (name) => known.has(name),
		apply(update, origin) {
			const refused: RefusedResource[] = [];
			const added: RouteTableConfig[] = [];
			const names: string[] = [];
			for (const resource of update.added) {
				if (known.has(resource.name) && book.isSame(routeType, resource)) continue;
				const translated = translatePacked(RouteConfigurationSchema, resource.value, translators.routes);
				if (translated.ok) {
					book.accept(routeType, resource, origin, true);
					added.push(translated.value);
					names.push(resource.name);
				} else {
					const problem = formatProblems(translated.problems);
					refused.push({ name: resource.name, problem });
					book.refuse(routeType, resource, problem);
				}
			}
			for (const name of names) known.add(name);
			if (added.length > 0) target.applyRoutes(added, []);
			// Like Envoy, a route configuration that serves stays when it is said not to exist.
			for (const name of [...names, ...update.removed]) warmups.meet("route", name);
			return refused;
		},
		missing(names) {
			for (const name of names) warmups.meet("route", name);
		},
		keepOnly(names) {
			for (const [name, timer] of leaving) {
				if (!names.has(name)) continue;
				timer.cancel();
				leaving.delete(name);
			}
			for (const name of known) {
				if (names.has(name) || leaving.has(name)) continue;
				leaving.set(
					name,
					clock.setTimer(lingerMs, () => drop(name), { unref: true }),
				);
			}
		},
		close() {
			for (const timer of leaving.values()) timer.cancel();
		},
	};
}
