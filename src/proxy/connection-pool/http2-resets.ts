import { Http2ErrorCode } from "../../wire/http2/index.ts";
import type { ResetReason } from "./reset-reason.ts";

/** What a RST_STREAM of the peer means to the router. */
export function resetReasonOf(code: number): ResetReason {
	switch (code) {
		case Http2ErrorCode.refusedStream:
			return "remote refused stream reset";
		case Http2ErrorCode.protocolError:
			return "protocol error";
		case Http2ErrorCode.connectError:
			return "remote error with CONNECT request";
		default:
			return "remote reset";
	}
}
