/** Finds values by host in Envoy's order: exact name, longest `*suffix`, longest `prefix*`, `*`. Cost does not grow with the number
 *  of exact names, only with the number of different wildcard lengths. */
export class VirtualHostIndex<T> {
	private readonly exact = new Map<string, T>();
	private readonly suffixes = new WildcardMap<T>((host, length) => host.slice(host.length - length));
	private readonly prefixes = new WildcardMap<T>((host, length) => host.slice(0, length));
	private fallback: T | undefined;

	/** Adds a domain; false when it is there already. */
	add(domain: string, value: T): boolean {
		const lower = domain.toLowerCase();
		if (lower === "*") {
			if (this.fallback !== undefined) return false;
			this.fallback = value;
			return true;
		}
		if (lower.startsWith("*")) return this.suffixes.add(lower.slice(1), value);
		if (lower.endsWith("*")) return this.prefixes.add(lower.slice(0, -1), value);
		if (this.exact.has(lower)) return false;
		this.exact.set(lower, value);
		return true;
	}

	/** The value of a host in lower case. */
	find(host: string): T | undefined {
		return this.exact.get(host) ?? this.suffixes.find(host) ?? this.prefixes.find(host) ?? this.fallback;
	}

	/** How many lengths of wildcards there are: what a host without an exact name costs. */
	get wildcardLengths(): number {
		return this.suffixes.lengths + this.prefixes.lengths;
	}

	/** The value of `*` when it is the only domain: no host needs to be looked at. */
	get only(): T | undefined {
		return this.exact.size === 0 && this.suffixes.isEmpty && this.prefixes.isEmpty ? this.fallback : undefined;
	}
}

class WildcardMap<T> {
	/** Longest first. */
	private readonly byLength: { readonly length: number; readonly values: Map<string, T> }[] = [];
	private readonly cut: (host: string, length: number) => string;

	constructor(cut: (host: string, length: number) => string) {
		this.cut = cut;
	}

	get isEmpty(): boolean {
		return this.byLength.length === 0;
	}

	get lengths(): number {
		return this.byLength.length;
	}

	add(text: string, value: T): boolean {
		let entry = this.byLength.find((one) => one.length === text.length);
		if (entry === undefined) {
			entry = { length: text.length, values: new Map() };
			this.byLength.push(entry);
			this.byLength.sort((a, b) => b.length - a.length);
		}
		if (entry.values.has(text)) return false;
		entry.values.set(text, value);
		return true;
	}

	find(host: string): T | undefined {
		for (const { length, values } of this.byLength) {
			// A wildcard stands for at least one character.
			if (length >= host.length) continue;
			const found = values.get(this.cut(host, length));
			if (found !== undefined) return found;
		}
		return undefined;
	}
}
