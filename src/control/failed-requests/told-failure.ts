import type { ObjectRef } from "../provenance/index.ts";
import type { Fault } from "./diagnosis/index.ts";

/** A line of a proxy's `/failed_requests`: null where it does not know. */
export interface FailedRequest {
	readonly time: string;
	readonly request_id: string | null;
	readonly method: string | null;
	readonly authority: string | null;
	/** Without its query. */
	readonly path: string | null;
	/** 0 when the client was gone before there was one. */
	readonly status: number;
	/** As in access logs, joined by commas. */
	readonly flags: string | null;
	readonly details: string | null;
	/** Why a filter ended the connection. */
	readonly termination_details: string | null;
	/** What the nearest policies lack. */
	readonly reason: string | null;
	/** The policy in dry run that would have denied it. */
	readonly would_deny: string | null;
	/** The AUDIT policy that it matched. */
	readonly audited: string | null;
	readonly duration_ms: number | null;
	readonly route: string | null;
	/** Path of the object that the route is from, and of the field there. */
	readonly route_config: string | null;
	readonly route_rule: string | null;
	readonly upstream_cluster: string | null;
	/** The cluster that the route names and the proxy does not have. */
	readonly missing_cluster: string | null;
	/** The limits of the circuit breaker that were reached, as in Envoy's configuration: `max_pending_requests 1, max_connections 1`. */
	readonly limit: string | null;
	/** Why the name of the endpoint has no address. */
	readonly dns_failure: string | null;
	/** `address:port` of the endpoint, and how often it was tried. */
	readonly upstream_host: string | null;
	readonly upstream_attempts: number | null;
	/** What was wrong with the connection to the endpoint. */
	readonly upstream_failure: string | null;
	/** What was wrong with the connection of the client. */
	readonly caller_failure: string | null;
	/** SPIFFE ID of the endpoint. */
	readonly callee: string | null;
	/** Where the client connected to, and from where. */
	readonly local_address: string | null;
	readonly remote_address: string | null;
	/** What the client's TLS asked for (SNI). */
	readonly server_name: string | null;
}

/** One that a proxy of the mesh has told, with what the control plane knows about it. */
export interface ToldFailure extends FailedRequest {
	/** `namespace/name` of the instance whose proxy it is. */
	readonly proxy: string;
	/** Whose turn it is; null where the proxy only passed on what another one said, or does not know. */
	readonly fault: Fault | null;
	/** Sentences, the most telling first. */
	readonly explanation: readonly string[];
	/** What most likely helps. */
	readonly fix: string | null;
	/** The objects that decided, the one that denied first. */
	readonly objects: readonly ObjectRef[];
}

const texts = [
	...(["request_id", "method", "authority", "path", "flags", "details", "reason", "would_deny", "audited"] as const),
	...(["route", "route_config", "route_rule", "upstream_cluster", "missing_cluster", "upstream_host"] as const),
	...(["limit", "dns_failure", "server_name"] as const),
	...([
		"upstream_failure",
		"caller_failure",
		"callee",
		"local_address",
		"remote_address",
		"termination_details",
	] as const),
] satisfies readonly (keyof FailedRequest)[];

/** Reads one line; fields that are not known here stay as they are.
 *  @returns undefined for a line that is none */
export function parseFailedRequest(line: string): FailedRequest | undefined {
	let value: Record<string, unknown> | null;
	try {
		value = JSON.parse(line) as Record<string, unknown> | null;
	} catch {
		return undefined;
	}
	if (typeof value?.["time"] !== "string" || typeof value["status"] !== "number") return undefined;
	const all = Object.fromEntries(Object.entries(value).map(([name, field]) => [name, toPrintable(field)]));
	const read = Object.fromEntries(texts.map((name) => [name, typeof all[name] === "string" ? all[name] : null]));
	const readNumber = (name: string): number | null => (typeof value[name] === "number" ? value[name] : null);
	const numbers = { duration_ms: readNumber("duration_ms"), upstream_attempts: readNumber("upstream_attempts") };
	return { ...all, ...read, ...numbers } as FailedRequest;
}

/** What strangers sent must not steer the terminal that it is shown on. */
function toPrintable(field: unknown): unknown {
	return typeof field === "string" ? field.replaceAll(/\p{Cc}/gu, "\ufffd") : field;
}
