import type { ObjectRef } from "../../provenance/index.ts";
import { type Case, compact, type Diagnosis, hasFlag, isSession, type KnownMesh, nameOf } from "./diagnosis.ts";
import { findRoute } from "./of-route.ts";
import { findInstanceAt, findTrafficPolicy, findUpstream, isOwnApplication } from "./upstream.ts";

/** Bounds that were reached: circuit breakers, timeouts, sizes. */
export function diagnoseBounds(asked: Case): Diagnosis | undefined {
	const { failure } = asked;
	// A TCP session that found no place to wait in ends with its attempts.
	if (hasFlag(failure, "UO") || (hasFlag(failure, "URX") && isSession(failure) && failure.limit !== null))
		return diagnoseOverflow(asked);
	if (hasFlag(failure, "UT")) return diagnoseTimeout(asked);
	if (hasFlag(failure, "FI", "DI")) return diagnoseFault(asked);
	return diagnoseSize(asked);
}

/** A limit of a circuit breaker: the part of a connection pool and the field of it that set it, and what it bounds. */
interface BreakerLimit {
	readonly part: "http" | "tcp";
	readonly field: string;
	readonly what: string;
	/** Where there is but one. */
	readonly one: string;
}

const breakerLimits: ReadonlyMap<string, BreakerLimit> = new Map([
	[
		"max_pending_requests",
		{
			part: "http",
			field: "http1MaxPendingRequests",
			what: "waiting for a connection",
			one: "waiting for a connection",
		},
	],
	["max_requests", { part: "http", field: "http2MaxRequests", what: "requests at once", one: "request at once" }],
	["max_connections", { part: "tcp", field: "maxConnections", what: "connections", one: "connection" }],
	["max_retries", { part: "http", field: "maxRetries", what: "retries at once", one: "retry at once" }],
]);
const breakerFields: ReadonlySet<string> = new Set([...breakerLimits.values()].map(({ field }) => field));

function diagnoseOverflow(asked: Case): Diagnosis {
	const { failure, mesh } = asked;
	if (failure.details === "maintenance_mode")
		return {
			fault: "policy",
			explanation: ["the runtime of the proxy has this cluster in maintenance (upstream.maintenance_mode)"],
			fix: "take the key out of the runtime of the proxy when the maintenance is over",
			objects: [],
		};
	const upstream = findUpstream(asked);
	const pool = upstream === undefined ? undefined : findTrafficPolicy(upstream, mesh, "connectionPool");
	const where = upstream?.host ?? (isOwnApplication(asked) ? "the application beside the proxy" : "the cluster");
	const reached = (failure.limit ?? "").split(", ").flatMap((text) => {
		const [name = "", value = ""] = text.split(" ");
		const known = breakerLimits.get(name);
		if (known === undefined) return [];
		const { part, field, what, one } = known;
		return { field: `${part}.${field}`, text: `${value} ${value === "1" ? one : what} (${field})` };
	});
	let allows = "";
	if (reached.length > 0) {
		allows = `: no more than ${reached.map(({ text }) => text).join(", ")}`;
	} else if (pool?.ref !== undefined) {
		const set = Object.entries(pool.value).flatMap(([name, value]) =>
			breakerFields.has(name) ? `${name} ${value}` : [],
		);
		allows = `: ${nameOf(pool.ref)} allows ${set.join(", ") || "the defaults"}`;
	}
	const fields = reached.flatMap(({ field }) => (pool?.ref === undefined ? [] : findLimit(pool.ref, field, mesh)));
	return {
		fault: "configuration",
		explanation: [`too much at once for ${where}, its circuit breaker is open${allows}`],
		fix: `raise ${reached.map(({ field }) => `connectionPool.${field}`).join(" or ") || "the bound"} if ${where} can take more (or add replicas); or call it less at once`,
		objects: compact([
			...(fields.length > 0 ? new Set(fields) : [pool?.ref]),
			...(upstream?.objects.slice(0, 1) ?? []),
		]),
	};
}

/** A field of a connection pool where it is written, the whole pool where it is not. */
function findLimit(pool: ObjectRef, field: string, { provenance }: KnownMesh): ObjectRef {
	return provenance.of("DestinationRule", pool, `${pool.path}.${field}`) ?? pool;
}

function diagnoseTimeout(asked: Case): Diagnosis {
	const { failure, mesh } = asked;
	const route = findRoute(asked);
	const isTry = failure.details?.includes("per_try") === true;
	const at = findInstanceAt(mesh, failure.upstream_host);
	const who = isOwnApplication(asked)
		? "the application"
		: at === undefined
			? (failure.upstream_host ?? "the endpoint")
			: `${at.instance.namespace}/${at.instance.name}`;
	const bound = route === undefined ? undefined : findTimeout(route, isTry, mesh);
	const whose =
		bound === undefined
			? "the timeout of the route, or of the caller's x-envoy-upstream-rq-timeout-ms"
			: `the timeout of ${nameOf(bound)}`;
	return {
		fault: "application",
		explanation: [
			`${who} did not answer within ${failure.duration_ms === null ? "" : `${failure.duration_ms} ms, `}${whose}`,
		],
		fix: "find out what takes it so long (its own calls: 'amime why' on the callee, traces), or raise the timeout",
		objects: compact([bound ?? route]),
	};
}

/** The field that says how long a request, or one try, may take. */
function findTimeout(route: ObjectRef, isTry: boolean, { provenance }: KnownMesh): ObjectRef | undefined {
	if (route.path === "") return undefined;
	const fields =
		route.kind === "VirtualService"
			? [isTry ? "retries.perTryTimeout" : "timeout"]
			: route.kind === "HTTPRoute" || route.kind === "GRPCRoute"
				? [isTry ? "timeouts.backendRequest" : "timeouts.request", "timeouts.backendRequest"]
				: [];
	for (const field of fields) {
		const kind = route.kind as "VirtualService" | "HTTPRoute" | "GRPCRoute";
		const found = provenance.of(kind, route, `${route.path}.${field}`);
		if (found !== undefined) return found;
	}
	return undefined;
}

function diagnoseFault(asked: Case): Diagnosis {
	const route = findRoute(asked);
	return {
		fault: "configuration",
		explanation: [
			`a fault was injected on purpose${route === undefined ? " (VirtualService, fault)" : ` by ${nameOf(route)}`}`,
		],
		fix: "take the fault out of the rule when the experiment is over",
		objects: compact([route]),
	};
}

/** What a message was refused for, by the details of proxies. */
const sizes: readonly (readonly [pattern: RegExp, sentence: string, fix: string])[] = [
	[
		/headers_too_large|too_many_headers|headers_count/,
		"the head of the request is larger than the proxy takes (60 KiB and 100 headers unless configured)",
		"send fewer and shorter headers: mostly cookies or tokens that have grown",
	],
	[
		/request_payload_too_large|payload_too_large/,
		"the body of the request is larger than a filter of the route holds",
		"send less at once, or raise the bound of what has to see whole bodies (external authorization, EnvoyFilter)",
	],
];

function diagnoseSize({ failure }: Case): Diagnosis | undefined {
	const found = sizes.find(([pattern]) => pattern.test(failure.details ?? ""));
	if (found !== undefined) return { fault: "caller", explanation: [found[1]], fix: found[2], objects: [] };
	if (!hasFlag(failure, "DPE")) return undefined;
	const told = (failure.details ?? "").replace(/^http[123]\./, "").replaceAll("_", " ");
	// Envoy's word for whatever is no HTTP.
	const what = told === "codec error" ? "" : told;
	return {
		fault: "caller",
		explanation: [`what the client sent is no proper HTTP${what === "" ? "" : `: ${what}`}`],
		fix: "does the client speak HTTP to this port, and of the right version? TLS to a port of plain HTTP looks like this, too",
		objects: [],
	};
}
