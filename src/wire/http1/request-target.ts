/** The parts of an absolute-form target (RFC 9112 section 3.2.2): the path includes the query and is at least `/`; undefined
 *  when it is no URL with an authority. */
export function splitAbsoluteTarget(
	target: string,
): { readonly scheme: string; readonly authority: string; readonly path: string } | undefined {
	const match = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]+)([^#]*)/.exec(target);
	if (match === null) return undefined;
	const tail = match[3] ?? "";
	const path = tail.startsWith("/") ? tail : `/${tail}`;
	return { scheme: match[1]!.toLowerCase(), authority: match[2]!, path };
}
