/** Why a stream ended otherwise than by a plain answer of the upstream: one bit each, in Envoy's order. */
export const ResponseFlag = {
	failedLocalHealthCheck: 1 << 0,
	noHealthyUpstream: 1 << 1,
	upstreamRequestTimeout: 1 << 2,
	localReset: 1 << 3,
	upstreamRemoteReset: 1 << 4,
	upstreamConnectionFailure: 1 << 5,
	upstreamConnectionTermination: 1 << 6,
	upstreamOverflow: 1 << 7,
	noRouteFound: 1 << 8,
	delayInjected: 1 << 9,
	faultInjected: 1 << 10,
	rateLimited: 1 << 11,
	unauthorizedExternalService: 1 << 12,
	rateLimitServiceError: 1 << 13,
	downstreamConnectionTermination: 1 << 14,
	upstreamRetryLimitExceeded: 1 << 15,
	streamIdleTimeout: 1 << 16,
	invalidEnvoyRequestHeaders: 1 << 17,
	downstreamProtocolError: 1 << 18,
	upstreamMaxStreamDurationReached: 1 << 19,
	responseFromCacheFilter: 1 << 20,
	noFilterConfigFound: 1 << 21,
	durationTimeout: 1 << 22,
	upstreamProtocolError: 1 << 23,
	noClusterFound: 1 << 24,
	overloadManager: 1 << 25,
	dnsResolutionFailed: 1 << 26,
	dropOverload: 1 << 27,
	downstreamRemoteReset: 1 << 28,
	unconditionalDropOverload: 1 << 29,
} as const;

/** The flag behind each bit: the short text of access logs and the long one of `%RESPONSE_FLAGS_LONG%`. */
const names: readonly (readonly [short: string, long: string])[] = [
	["LH", "FailedLocalHealthCheck"],
	["UH", "NoHealthyUpstream"],
	["UT", "UpstreamRequestTimeout"],
	["LR", "LocalReset"],
	["UR", "UpstreamRemoteReset"],
	["UF", "UpstreamConnectionFailure"],
	["UC", "UpstreamConnectionTermination"],
	["UO", "UpstreamOverflow"],
	["NR", "NoRouteFound"],
	["DI", "DelayInjected"],
	["FI", "FaultInjected"],
	["RL", "RateLimited"],
	["UAEX", "UnauthorizedExternalService"],
	["RLSE", "RateLimitServiceError"],
	["DC", "DownstreamConnectionTermination"],
	["URX", "UpstreamRetryLimitExceeded"],
	["SI", "StreamIdleTimeout"],
	["IH", "InvalidEnvoyRequestHeaders"],
	["DPE", "DownstreamProtocolError"],
	["UMSDR", "UpstreamMaxStreamDurationReached"],
	["RFCF", "ResponseFromCacheFilter"],
	["NFCF", "NoFilterConfigFound"],
	["DT", "DurationTimeout"],
	["UPE", "UpstreamProtocolError"],
	["NC", "NoClusterFound"],
	["OM", "OverloadManagerTerminated"],
	["DF", "DnsResolutionFailed"],
	["DO", "DropOverload"],
	["DR", "DownstreamRemoteReset"],
	["UDO", "UnconditionalDropOverload"],
];

/** The short names of every set flag joined by `,`; empty when none is set. */
export function formatResponseFlags(flags: number, early = 0): string {
	return joinFlags(flags, early, 0);
}

/** The long names of every set flag joined by `,`; empty when none is set. */
export function formatLongResponseFlags(flags: number, early = 0): string {
	return joinFlags(flags, early, 1);
}

/** The bit of a short name, or undefined when there is no such flag. */
export function parseResponseFlag(short: string): number | undefined {
	const index = names.findIndex((name) => name[0] === short);
	return index === -1 ? undefined : 1 << index;
}

/** Flags come out in the order in which they were set: those of `early` were set before the outcome. */
function joinFlags(flags: number, early: number, form: 0 | 1): string {
	if (flags === 0) return "";
	const before = flags & early;
	if (before !== 0 && before !== flags) return `${joinFlags(before, 0, form)},${joinFlags(flags & ~early, 0, form)}`;
	let text = "";
	for (let bit = 0; bit < names.length; bit++) {
		if ((flags & (1 << bit)) === 0) continue;
		text = text === "" ? names[bit]![form] : `${text},${names[bit]![form]}`;
	}
	return text;
}
