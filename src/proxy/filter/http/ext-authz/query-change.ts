/** A path with some query parameters set and others taken out; the rest stays in its place. */
export function changeQuery(
	path: string,
	toSet: readonly { readonly name: string; readonly value: string }[],
	toRemove: readonly string[],
): string {
	const query = path.indexOf("?");
	const base = query === -1 ? path : path.slice(0, query);
	const pairs = query === -1 ? [] : path.slice(query + 1).split("&");
	const parameters = new Map<string, string>();
	for (const pair of pairs) {
		if (pair === "") continue;
		const equals = pair.indexOf("=");
		const name = equals === -1 ? pair : pair.slice(0, equals);
		if (!parameters.has(name)) parameters.set(name, equals === -1 ? "" : pair.slice(equals + 1));
	}
	for (const { name, value } of toSet) parameters.set(name, value);
	for (const name of toRemove) parameters.delete(name);
	// Sorted, as Envoy writes them.
	const text = [...parameters.keys()]
		.sort()
		.map((name) => `${name}=${parameters.get(name)}`)
		.join("&");
	return text === "" ? base : `${base}?${text}`;
}
