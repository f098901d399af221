/** Keeps what was made of an object while the object and everything else that it was made of are the same, one by one: then a change of
 *  one object is not a change of all that is made anew. Kept as long as the object is. */
export function createDerived<Owner extends object, Value>(): (
	owner: Owner,
	inputs: readonly unknown[],
	build: () => Value,
) => Value {
	const known = new WeakMap<Owner, { readonly inputs: readonly unknown[]; readonly value: Value }>();
	return (owner, inputs, build) => {
		const before = known.get(owner);
		if (before !== undefined && areSame(before.inputs, inputs)) return before.value;
		const value = build();
		known.set(owner, { inputs, value });
		return value;
	};
}

/** Gives the list of the last call again while its members are the same, so that a list can be an input. */
export function createListKeeper<T>(): (list: readonly T[]) => readonly T[] {
	let last: readonly T[] = [];
	return (list) => {
		if (!areSame(last, list)) last = list;
		return last;
	};
}

function areSame(before: readonly unknown[], after: readonly unknown[]): boolean {
	return before.length === after.length && before.every((input, position) => input === after[position]);
}
