import type { ObjectRef } from "../../provenance/index.ts";
import { type Case, compact, type Diagnosis, hasFlag, type KnownMesh, nameOf } from "./diagnosis.ts";
import { findRoute } from "./of-route.ts";
import { findInstanceAt, findTrafficPolicy, findUpstream, isOwnApplication } from "./upstream.ts";

/** Bounds that were reached: circuit breakers, timeouts, sizes. */
export function diagnoseBounds(asked: Case): Diagnosis | undefined {
	const { failure } = asked;
	if (hasFlag(failure, "UO")) return diagnoseOverflow(asked);
	if (hasFlag(failure, "UT")) return diagnoseTimeout(asked);
	if (hasFlag(failure, "FI", "DI")) return diagnoseFault(asked);
	return diagnoseSize(asked);
}

function diagnoseOverflow(asked: Case): Diagnosis {
	const upstream = findUpstream(asked);
	const pool = upstream === undefined ? undefined : findTrafficPolicy(upstream, asked.mesh, "connectionPool");
	const limits = Object.entries(pool?.value ?? {}).flatMap(([name, value]) =>
		/^(maxConnections|http1MaxPendingRequests|http2MaxRequests|maxRetries)$/.test(name) ? `${name} ${value}` : [],
	);
	const where = upstream?.host ?? "the cluster";
	return {
		fault: "configuration",
		explanation: [
			pool?.ref === undefined
				? `too many connections or requests at once to ${where}: its circuit breaker is open`
				: `too many connections or requests at once to ${where}: its circuit breaker is open; ${nameOf(pool.ref)} allows ${limits.join(", ") || "the defaults"}`,
		],
		fix: "raise the bound if the service can take more (or add replicas); or call it less at once",
		objects: compact([pool?.ref, ...(upstream?.objects.slice(0, 1) ?? [])]),
	};
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
	const what = (failure.details ?? "").replace(/^http[123]\./, "").replaceAll("_", " ");
	return {
		fault: "caller",
		explanation: [`what the client sent is no proper HTTP${what === "" ? "" : `: ${what}`}`],
		fix: "does the client speak HTTP to this port, and of the right version? TLS to a port of plain HTTP looks like this, too",
		objects: [],
	};
}
