const absolute = /^[a-z][a-z0-9+.-]*:\/\/(?:\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::(\d{1,5}))?(?:[/?][\x21\x22\x24-\x7e]*)?$/i;
const relative = /^[A-Za-z0-9\-._~!$&'()*+,;=@%?]*(?:\/[A-Za-z0-9\-._~!$&'()*+,;=@%?:/]*)?$/;

/** Whether a Referer is one that a client may send (RFC 9110 10.1.3): an absolute URL or a relative reference, without userinfo and
 *  without a fragment. Envoy takes others out. */
export function isRefererValid(value: string): boolean {
	const found = absolute.exec(value);
	if (found !== null) return found[1] === undefined || Number(found[1]) <= 65_535;
	return relative.test(value);
}
