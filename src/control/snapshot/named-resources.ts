import type { XdsResource } from "../../xds/server/index.ts";

/** Resources that are built when somebody asks for their name: clients that subscribe to ten of them cost ten. */
export class NamedResources implements ReadonlyMap<string, XdsResource> {
	readonly #built = new Map<string, XdsResource>();
	readonly #build: (name: string) => XdsResource | undefined;
	readonly #names: () => Iterable<string>;

	/** @param names every name, for those who want all
	 *  @param build undefined for a name that is not there */
	constructor(names: () => Iterable<string>, build: (name: string) => XdsResource | undefined) {
		this.#names = names;
		this.#build = build;
	}

	get(name: string): XdsResource | undefined {
		const known = this.#built.get(name);
		if (known !== undefined) return known;
		const resource = this.#build(name);
		if (resource !== undefined) this.#built.set(name, resource);
		return resource;
	}

	has(name: string): boolean {
		return this.get(name) !== undefined;
	}

	get size(): number {
		return [...this.keys()].length;
	}

	*entries(): MapIterator<[string, XdsResource]> {
		for (const name of this.#names()) {
			const resource = this.get(name);
			if (resource !== undefined) yield [name, resource];
		}
	}

	*keys(): MapIterator<string> {
		for (const [name] of this.entries()) yield name;
	}

	*values(): MapIterator<XdsResource> {
		for (const [, resource] of this.entries()) yield resource;
	}

	[Symbol.iterator](): MapIterator<[string, XdsResource]> {
		return this.entries();
	}

	forEach(callback: (value: XdsResource, name: string, map: ReadonlyMap<string, XdsResource>) => void): void {
		for (const [name, resource] of this.entries()) callback(resource, name, this);
	}
}
