/** A host that may stand in a URL, escapes and lists not among them: whoever reads them would look for another one than policies do. */
const authorityPattern = /^(?:\[[0-9A-Fa-f:.]+(?:%[\w.~-]+)?\]|[\w.-]+)(?::(?<port>\d+))?$/;
const maxPort = 65_535;

/** The parts of an absolute-form target (RFC 9112 section 3.2.2): the path includes the query and is at least `/`; undefined
 *  when it is no URL with an authority, by the characters and ports that Envoy takes, or has a fragment. A user name is left out: nobody is asked for by one. */
export function splitAbsoluteTarget(
	target: string,
): { readonly scheme: string; readonly authority: string; readonly path: string } | undefined {
	const match = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]+)([^#]*)$/.exec(target);
	if (match === null) return undefined;
	const tail = match[3] ?? "";
	const path = tail.startsWith("/") ? tail : `/${tail}`;
	const authority = match[2]!.slice(match[2]!.lastIndexOf("@") + 1);
	const parts = authorityPattern.exec(authority);
	if (parts === null || Number(parts.groups?.["port"] ?? 0) > maxPort) return undefined;
	return { scheme: match[1]!.toLowerCase(), authority, path };
}
