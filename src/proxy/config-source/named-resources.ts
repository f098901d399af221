import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import type { Clock, Timer, Validated } from "../../core/index.ts";
import type { RefusedResource, ResourceUpdate } from "../../xds/client/index.ts";
import type { ResourceBook, ResourceOrigin } from "./resource-book.ts";
import { formatProblems, translatePacked } from "./translators.ts";
import type { Need, Warmups } from "./warmup.ts";

/** What resources of one type are, and where they go. */
export interface NamedResourcesDeps<Desc extends DescMessage, Config> {
	readonly typeUrl: string;
	readonly schema: Desc;
	/** What waits for them. */
	readonly need: Need["kind"];
	translate(message: MessageShape<Desc>): Validated<Config>;
	/** Gives a message the name that the resource goes by within the proxy, where that is another one. */
	rename?(message: MessageShape<Desc>, name: string): MessageShape<Desc>;
	put(added: readonly Config[], removed: readonly string[]): void;
	readonly warmups: Warmups;
	readonly book: ResourceBook;
	readonly clock: Clock;
}

/** Resources of one type by name, such as route configurations: they need no warming, and others wait for them. */
export interface NamedResources {
	has(name: string): boolean;
	apply(update: ResourceUpdate, origin: ResourceOrigin): RefusedResource[];
	/** Names that will not come: listeners stop to wait for them. */
	missing(names: readonly string[]): void;
	/** Drops what nobody refers to, after a while. */
	keepOnly(names: ReadonlySet<string>): void;
	close(): void;
}

/** Connections of a replaced listener may still ask for its routes while they drain. */
const lingerMs = 60_000;

export function createNamedResources<Desc extends DescMessage, Config>(
	deps: NamedResourcesDeps<Desc, Config>,
): NamedResources {
	const { book, clock, need, typeUrl, warmups } = deps;
	const known = new Set<string>();
	const leaving = new Map<string, Timer>();

	function drop(name: string): void {
		leaving.delete(name);
		known.delete(name);
		book.remove(typeUrl, name);
		deps.put([], [name]);
	}

	return {
		has: (name) => known.has(name),
		apply(update, origin) {
			const refused: RefusedResource[] = [];
			const added: Config[] = [];
			const names: string[] = [];
			for (const resource of update.added) {
				if (known.has(resource.name) && book.isSame(typeUrl, resource)) continue;
				const translated = translatePacked(deps.schema, resource.value, (message) =>
					deps.translate(deps.rename?.(message, resource.name) ?? message),
				);
				if (translated.ok) {
					book.accept(typeUrl, resource, origin, true);
					added.push(translated.value);
					names.push(resource.name);
				} else {
					const problem = formatProblems(translated.problems);
					refused.push({ name: resource.name, problem });
					book.refuse(typeUrl, resource, problem);
				}
			}
			for (const name of names) known.add(name);
			if (added.length > 0) deps.put(added, []);
			// Like Envoy, what serves stays when it is said not to exist.
			for (const name of [...names, ...update.removed]) warmups.meet(need, name);
			return refused;
		},
		missing(names) {
			for (const name of names) warmups.meet(need, name);
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
