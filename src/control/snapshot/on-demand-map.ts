import type { ResourceMap } from "./client-view.ts";

type Resource = ResourceMap extends ReadonlyMap<string, infer R> ? R : never;

/** Resources that a client is given, and more that it may ask for by name: iteration and size are of the first, look-ups of both. */
export class OnDemandMap extends Map<string, Resource> {
	readonly #all: () => ResourceMap;

	/** @param all everything, made when somebody asks */
	constructor(given: Iterable<readonly [string, Resource]>, all: () => ResourceMap) {
		super(given);
		this.#all = all;
	}

	override get(name: string): Resource | undefined {
		return super.get(name) ?? this.#all().get(name);
	}

	override has(name: string): boolean {
		return super.has(name) || this.#all().has(name);
	}

	/** Whether a client is given it without asking. */
	isGiven(name: string): boolean {
		return super.has(name);
	}

	/** The same with further given resources. */
	with(resources: readonly Resource[]): OnDemandMap {
		return new OnDemandMap([...this, ...resources.map((resource) => [resource.name, resource] as const)], this.#all);
	}
}
