/** Envoy's default list. Clients that do not offer the hybrid cost a server nothing by it; towards servers a share of it is made for every
 *  handshake, as Envoy does: what is recorded today shall not be read when there are computers for it. */
const defaultGroups = ["X25519MLKEM768", "X25519", "P-256"];

/** The key exchanges of a context in the words of the library: those that are configured, in order of preference, or Envoy's.
 *  @param library the version of OpenSSL; hybrids and stars came with 3.5 */
export function formatKeyExchanges(configured: readonly string[], library: string = process.versions.openssl): string {
	const isConfigured = configured.length > 0;
	if (!hasHybrids(library)) return (isConfigured ? configured : defaultGroups.filter(isClassic)).join(":");
	const groups = isConfigured ? configured : defaultGroups;
	// A client sends a share of each group with a star: as Envoy's of the first hybrid and of the first other one, lest it is asked again.
	const shared = [groups.find(isClassic), groups.find((group) => !isClassic(group))];
	// A hybrid that nobody asked for may be missing, in providers of a kind of their own.
	const prefix = (group: string): string =>
		(isConfigured || isClassic(group) ? "" : "?") + (shared.includes(group) ? "*" : "");
	// Behind a stroke come groups for those alone who know none before it: a client that knows the hybrid is asked for a share of it.
	const separator = (group: string, before: string | undefined): string =>
		before === undefined ? "" : isClassic(group) === isClassic(before) ? ":" : "/";
	return groups.map((group, index) => separator(group, groups[index - 1]) + prefix(group) + group).join("");
}

function hasHybrids(library: string): boolean {
	const [major = 0, minor = 0] = library.split(".").map(Number);
	return major > 3 || (major === 3 && minor >= 5);
}

function isClassic(group: string): boolean {
	return !group.includes("MLKEM");
}
