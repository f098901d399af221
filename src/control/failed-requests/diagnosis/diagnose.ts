import { type Case, compact, type Diagnosis, hasFlag, isSession } from "./diagnosis.ts";
import { flagHints } from "./flag-hints.ts";
import { diagnoseBounds } from "./of-bounds.ts";
import { diagnoseConnection } from "./of-connection.ts";
import { diagnoseEndpoints } from "./of-endpoints.ts";
import { diagnosePolicy } from "./of-policy.ts";
import { diagnoseRoute, findRoute } from "./of-route.ts";
import { findInstanceAt, findOwnInstance, isOwnApplication } from "./upstream.ts";

/** In the order in which they are asked: what is more certain goes first. */
const diagnosers = [
	diagnosePolicy,
	diagnoseRoute,
	diagnoseEndpoints,
	diagnoseConnection,
	diagnoseBounds,
	diagnoseEnd,
	diagnoseAnswer,
];

/** Why a request failed at one proxy, whose turn it is, and what most likely helps. */
export function diagnose(asked: Case): Diagnosis {
	for (const diagnoser of diagnosers) {
		const found = diagnoser(asked);
		if (found !== undefined && found.explanation.length > 0) return withRoute(found, asked);
		if (found !== undefined) return withRoute({ ...found, explanation: hintsOf(asked) }, asked);
	}
	return withRoute({ explanation: hintsOf(asked), objects: [] }, asked);
}

/** The rule that led there is always worth knowing. */
function withRoute(found: Diagnosis, asked: Case): Diagnosis {
	const route = findRoute(asked);
	if (
		route === undefined ||
		found.objects.some(
			({ kind, name, path }) => kind === route.kind && name === route.name && path.startsWith(route.path),
		)
	)
		return found;
	return { ...found, objects: [...found.objects, ...compact([route])] };
}

function hintsOf({ failure }: Case): readonly string[] {
	return (failure.flags ?? "").split(",").flatMap((flag) => flagHints[flag] ?? []);
}

/** The one that asked went away. */
function diagnoseEnd(asked: Case): Diagnosis | undefined {
	const { failure } = asked;
	const after = failure.duration_ms === null ? "" : ` after ${failure.duration_ms} ms`;
	if (isSession(failure) && hasFlag(failure, "UR")) return diagnoseCut(asked, after);
	if (isSession(failure) && hasFlag(failure, "DT"))
		return {
			fault: "configuration",
			explanation: [`the connection was closed${after}: it may not last longer`],
			fix: "have the client connect anew, or raise maxConnectionDuration",
			objects: [],
		};
	if (hasFlag(failure, "DC"))
		return {
			fault: "caller",
			explanation: [`the client went away${after}, before the answer was complete`],
			fix: "its own timeout is shorter than the answer takes, or it was stopped",
			objects: [],
		};
	if (hasFlag(failure, "DR"))
		return {
			fault: "caller",
			explanation: [`the client, or its proxy, took the request back${after}`],
			fix: "what the caller's proxy says of this request tells why",
			objects: [],
		};
	return undefined;
}

/** The other end of a TCP session was not closed but cut. */
function diagnoseCut(asked: Case, after: string): Diagnosis {
	const at = findInstanceAt(asked.mesh, asked.failure.upstream_host);
	const own = isOwnApplication(asked) ? findOwnInstance(asked) : at?.instance;
	const who = own === undefined ? (asked.failure.upstream_host ?? "the endpoint") : `${own.namespace}/${own.name}`;
	return {
		fault: "application",
		explanation: [`${who} cut the connection${after} (a reset, no proper end)`],
		fix: "its log knows why: mostly it crashed, was stopped, or closed with bytes of the client unread",
		objects: [],
	};
}

/** An answer that came from behind this proxy. */
function diagnoseAnswer(asked: Case): Diagnosis | undefined {
	const { failure, mesh } = asked;
	const told = failure.details === "via_upstream";
	const instance = findOwnInstance(asked);
	const isOwn = isOwnApplication(asked);
	const who = instance === undefined ? "the application" : `the application of ${instance.namespace}/${instance.name}`;
	if (told && isOwn)
		return {
			fault: "application",
			explanation: [`${who} answered ${failure.status} itself`],
			fix: "its log knows why",
			objects: [],
		};
	if (hasFlag(failure, "UPE") && isOwn) {
		const protocol = instance?.ports.find(({ appPort }) => failure.upstream_host?.endsWith(`:${appPort}`))?.protocol;
		return {
			fault: "application",
			explanation: [
				failure.details?.includes("after_response_started") === true
					? `${who} broke off in the middle of its answer`
					: `what ${who} sends is no proper HTTP, or its headers are larger than the proxy takes (60 KiB)`,
			],
			fix: `look into its log; does it speak what its Workload declares${protocol === undefined ? "" : ` (${protocol})`} on this port?`,
			objects: [],
		};
	}
	if (!told) return undefined;
	const at = findInstanceAt(mesh, failure.upstream_host);
	return {
		explanation: [
			`the ${failure.status} came from upstream, not from this proxy${at === undefined ? "" : `: from ${at.instance.namespace}/${at.instance.name}`}`,
			...hintsOf(asked),
		],
		objects: [],
	};
}
