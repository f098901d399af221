import type { FailedRequest } from "./told-failure.ts";

/** What a response flag means and what usually helps. */
const flagHints: Readonly<Record<string, string>> = {
	UH: "no endpoint of the service is healthy: 'amime endpoints' shows which there are and why not",
	UF: "no connection to the endpoint could be made: is the process up, and do both sides agree on mutual TLS?",
	UC: "the endpoint closed the connection before it answered: look into the log of the process there",
	UO: "a circuit breaker is open: too many connections or requests at once (DestinationRule, connectionPool)",
	UT: "the endpoint did not answer within the route's timeout",
	URX: "every attempt that the retry policy allows has failed",
	UR: "the endpoint reset the request",
	LR: "this proxy reset the request",
	NR: "no route matches: 'amime routes' shows those there are",
	NC: "the route leads to a cluster that is not there: a subset, a port or a host that no object defines",
	DC: "the client went away before the answer was complete",
	FI: "a fault was injected on purpose (VirtualService, fault)",
	DI: "a delay was injected on purpose (VirtualService, fault)",
	RL: "a rate limit is used up",
	UAEX: "the external authorizer refused, or could not be asked",
	RLSE: "the rate limit service could not be asked",
	SI: "nothing moved on the stream for longer than its idle timeout",
	DPE: "what the client sent is no proper HTTP",
	UPE: "what the endpoint sent is no proper HTTP",
	IH: "a header for the proxy has a value that makes no sense",
	DT: "the request took longer than its longest duration",
	UMSDR: "the stream took longer than it may",
	OM: "the proxy is out of memory or connections and sheds load",
	DO: "load is shed on purpose (drop_overload)",
	UDO: "load is shed on purpose (drop_overload)",
	DF: "the name of the endpoint could not be resolved",
	DR: "the client reset the stream",
	NFCF: "a filter's configuration has not arrived yet",
	LH: "the proxy was told to fail health checks",
};

/** Routes for hosts that nobody described: of captured traffic, and of a forward proxy. */
const refusingRoutes: readonly string[] = ["block_all", "unknown_host", "connect_unknown_host"];
const notLetOut =
	"not let out of the mesh: no object describes the host, and outboundTrafficPolicy is REGISTRY_ONLY (MeshConfig, or the Sidecar object of the caller): a ServiceEntry allows it";

/** Sentences on a failure, the most telling first: what its flags and details mean, and what usually helps. */
export function explainFailure({
	details,
	flags,
	status,
	route,
	upstream_cluster: cluster,
}: FailedRequest): readonly string[] {
	const told = (flags ?? "").split(",").flatMap((flag) => flagHints[flag] ?? []);
	if (refusingRoutes.includes(route ?? "") || cluster === "BlackHoleCluster") return [notLetOut];
	const more = explainDetails(details ?? "", status);
	return more === undefined ? told : [more, ...told];
}

function explainDetails(details: string, status: number): string | undefined {
	const policy = /^rbac_access_denied_matched_policy\[(.*)\]$/.exec(details)?.[1];
	if (policy === "none") return "no ALLOW policy matches this caller and request, so it is denied";
	if (policy !== undefined) return `denied by ${describePolicy(policy)}`;
	if (details.startsWith("jwt_authn_access_denied")) {
		return `the token was not accepted: ${details.slice(details.indexOf("{") + 1).replace("}", "")}`;
	}
	if (details === "via_upstream") return `the ${status} came from upstream, not from this proxy`;
	return undefined;
}

/** `ns[shop]-policy[orders]-rule[0]` as people say it. */
function describePolicy(name: string): string {
	const [, namespace, policy, rule] = /^ns\[(.*)\]-policy\[(.*)\]-rule\[(\d+)\]$/.exec(name) ?? [];
	if (policy === undefined) return `policy ${name}`;
	return `AuthorizationPolicy ${namespace}/${policy}, rules[${rule}]`;
}
