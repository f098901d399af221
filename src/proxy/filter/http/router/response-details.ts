import { ResponseFlag } from "../../../../engine/format/index.ts";
import type { ResetReason } from "../../../connection-pool/index.ts";

/** How an attempt can fail: its stream was reset, or took longer than its cluster allows. */
export type AttemptFailure = ResetReason | "maximum duration";

/** Status and flag of every way an attempt can break before or after its answer began: the one table of the request path. */
export const resetOutcomes: Readonly<Record<AttemptFailure, { readonly status: number; readonly flag: number }>> = {
	"local connection failure": { status: 503, flag: ResponseFlag.upstreamConnectionFailure },
	"remote connection failure": { status: 503, flag: ResponseFlag.upstreamConnectionFailure },
	"connection timeout": { status: 503, flag: ResponseFlag.upstreamConnectionFailure },
	"connection termination": { status: 503, flag: ResponseFlag.upstreamConnectionTermination },
	"local reset": { status: 503, flag: ResponseFlag.localReset },
	"remote reset": { status: 503, flag: ResponseFlag.upstreamRemoteReset },
	"remote refused stream reset": { status: 503, flag: ResponseFlag.upstreamRemoteReset },
	"remote error with CONNECT request": { status: 503, flag: ResponseFlag.upstreamRemoteReset },
	overflow: { status: 503, flag: ResponseFlag.upstreamOverflow },
	"protocol error": { status: 502, flag: ResponseFlag.upstreamProtocolError },
	"maximum duration": { status: 504, flag: ResponseFlag.upstreamMaxStreamDurationReached },
};

/** The body of the answer when no response came. */
export function formatResetBody(reason: AttemptFailure, isRetry: boolean): string {
	if (reason === "maximum duration") return "upstream max stream duration reached";
	const retried = isRetry ? "retried and the latest " : "";
	return `upstream connect error or disconnect/reset before headers. ${retried}reset reason: ${reason}`;
}

/** Response-code details of a broken attempt. */
export function formatResetDetails(reason: AttemptFailure, detail: string, responseStarted: boolean): string {
	if (reason === "maximum duration") return "upstream_max_stream_duration_reached";
	const when = responseStarted ? "upstream_reset_after_response_started" : "upstream_reset_before_response_started";
	return `${when}{${reason}${detail === "" ? "" : `|${detail}`}}`.replaceAll(" ", "_");
}
