/** Remembers what was built from what: a value is built anew only when one of its inputs is another one. */
export interface Memo {
	/** The value of `key`, kept while `inputs` are the same, one by one (`Object.is`). `keep` may put the old value in the place of an
	 *  equal new one, so that what depends on it stays as well. */
	get<T>(key: string, inputs: readonly unknown[], build: () => T, keep?: (before: T, after: T) => boolean): T;
	/** Begins a generation; what the last two did not ask for is forgotten. */
	advance(): void;
}

interface Entry {
	inputs: readonly unknown[];
	value: unknown;
	usedIn: number;
}

export function createMemo(): Memo {
	const entries = new Map<string, Entry>();
	let generation = 0;
	return {
		get<T>(key: string, inputs: readonly unknown[], build: () => T, keep?: (before: T, after: T) => boolean): T {
			const entry = entries.get(key);
			if (entry === undefined) {
				const value = build();
				entries.set(key, { inputs, value, usedIn: generation });
				return value;
			}
			entry.usedIn = generation;
			if (areSame(entry.inputs, inputs)) return entry.value as T;
			const value = build();
			entry.inputs = inputs;
			if (keep === undefined || !keep(entry.value as T, value)) entry.value = value;
			return entry.value as T;
		},
		advance() {
			generation++;
			for (const [key, entry] of entries) if (entry.usedIn < generation - 2) entries.delete(key);
		},
	};
}

function areSame(before: readonly unknown[], after: readonly unknown[]): boolean {
	return before.length === after.length && before.every((input, position) => Object.is(input, after[position]));
}
