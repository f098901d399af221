import type { ObjectRef } from "../provenance/index.ts";

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
}

/** One that a proxy of the mesh has told, with what the control plane knows about it. */
export interface ToldFailure extends FailedRequest {
	/** `namespace/name` of the instance whose proxy it is. */
	readonly proxy: string;
	/** Sentences, the most telling first. */
	readonly explanation: readonly string[];
	/** The objects that decided, the one that denied first. */
	readonly objects: readonly ObjectRef[];
}

const texts = [
	...(["request_id", "method", "authority", "path", "flags", "details", "reason", "would_deny", "audited"] as const),
	...(["route", "route_config", "route_rule", "upstream_cluster"] as const),
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
	const duration = typeof value["duration_ms"] === "number" ? value["duration_ms"] : null;
	return { ...all, ...read, duration_ms: duration } as FailedRequest;
}

/** What strangers sent must not steer the terminal that it is shown on. */
function toPrintable(field: unknown): unknown {
	return typeof field === "string" ? field.replaceAll(/\p{Cc}/gu, "\ufffd") : field;
}
