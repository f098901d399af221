/** Where amime deliberately does something else than Envoy 1.40; docs/reference/envoy-support.md shows them, and the acceptance suite
 *  accepts them. */
export interface Deviation {
	/** What differs. */
	readonly what: string;
	/** Why that is better. */
	readonly why: string;
	/** Cases of the acceptance suite that show it. */
	readonly cases: readonly string[];
}

export const deviations: readonly Deviation[] = [
	{
		what: "RSA keys of less than 2048 bits are left out of a key set.",
		why: "RFC 7518 section 3.3 demands that size: shorter ones have been broken.",
		cases: [],
	},
	{
		what: "A token whose header has `crit` is refused.",
		why: "RFC 7515 section 4.1.11: who does not understand what it names must not accept the token, and no extension is understood (`b64` among them).",
		cases: [],
	},
	{
		what: "A chunk that is followed by anything but CR LF ends the request with 400 before any of it goes on.",
		why: "A server behind the proxy that reads such framing differently could be made to see a second request.",
		cases: ["bad-requests/chunk data too long", "bad-requests/(totals)"],
	},
	{
		what: "HTTP/2 stream identifiers that go down, and frames of streams that have ended, break the connection or reset the stream.",
		why: "RFC 9113 sections 5.1 and 5.1.1 demand it and h2spec tests it; Envoy answers such streams and passes over such frames.",
		cases: ["http2/raw stream ids going down", "http2/(totals)"],
	},
	{
		what: "A first line that is neither HTTP/2's preface nor looks like an HTTP/1 request ends an AUTO connection without an answer.",
		why: "Whoever sent it expects HTTP/2 and could not read a 400 of HTTP/1.",
		cases: [],
	},
	{
		what: "When an HTTP/2 response is complete before its request, the rest may come for 50 ms before the stream is reset with NO_ERROR.",
		why: "A client that was about to finish sees an orderly end instead of a reset.",
		cases: [],
	},
	{
		what: "A connection that network RBAC denies gets nothing of the server's greeting before it is closed with its first byte.",
		why: "Who may not talk to a server learns nothing from it; Envoy passes the greeting on.",
		cases: [],
	},
	{
		what: "TLS to upstreams goes up to version 1.3 where the configuration names no maximum.",
		why: "It is the better version; Envoy's clients stop at 1.2.",
		cases: [],
	},
	{
		what: "A client that shares no ALPN protocol with the listener gets the first one that it named.",
		why: "Node's TLS would end the handshake otherwise; Envoy goes on without a protocol.",
		cases: [],
	},
	{
		what: "A query that jwt_authn or header_mutation changes keeps the escapes of its other parameters; spaces and control characters are never written raw, nor are fields of answers into which an ext_authz or rate limit service puts a line end or NUL.",
		why: "Envoy writes decoded text into the request line, which can break it, or say something else than the client did; and line ends in fields of answers, which begin others.",
		cases: [],
	},
];
