/** `compute`, done once for each object and forgotten with it; the object must not change. */
export function rememberByObject<Key extends object, Value extends object | string | number | boolean | null>(
	compute: (key: Key) => Value,
): (key: Key) => Value {
	const known = new WeakMap<Key, Value>();
	return (key) => {
		let value = known.get(key);
		if (value === undefined) {
			value = compute(key);
			known.set(key, value);
		}
		return value;
	};
}
