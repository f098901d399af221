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
	/** What policies that are only tried would have denied it for. */
	readonly would_deny: string | null;
	/** The AUDIT policy that it matched. */
	readonly audited: string | null;
	readonly duration_ms: number | null;
	readonly local_address: string | null;
	readonly remote_address: string | null;
	/** SPIFFE id of the peer. */
	readonly caller: string | null;
	readonly callee: string | null;
	readonly route: string | null;
	/** Path of the object that the route is from. */
	readonly route_config: string | null;
	readonly upstream_cluster: string | null;
	readonly upstream_host: string | null;
	readonly upstream_attempts: number | null;
	readonly upstream_failure: string | null;
}

/** One that a proxy of the mesh has told. */
export interface ToldFailure extends FailedRequest {
	/** `namespace/name` of the instance whose sidecar it is. */
	readonly proxy: string;
}

/** @returns the request, or undefined for a line that is none */
export function parseFailedRequest(line: string): FailedRequest | undefined {
	try {
		const value = JSON.parse(line) as Partial<FailedRequest> | null;
		return typeof value?.time === "string" && typeof value.status === "number" ? (value as FailedRequest) : undefined;
	} catch {
		return undefined;
	}
}
