import type { ConnectionState } from "./connection-state.ts";
import { Http2ErrorCode, type Http2Fault } from "./error-codes.ts";
import { maxFrameBytes, maxWindowBytes, SettingId } from "./frames.ts";

/** What is wrong with the peer's settings. */
export interface SettingsFault {
	readonly fault: Http2Fault;
	readonly code: number;
}

const protocolFault: SettingsFault = { fault: "protocol", code: Http2ErrorCode.protocolError };
const windowFault: SettingsFault = { fault: "flow-control", code: Http2ErrorCode.flowControlError };

/** Applies the payload of a SETTINGS frame (RFC 9113 section 6.5.2); unknown settings are passed over. */
export function applySettings<Owner>(
	state: ConnectionState<Owner>,
	bytes: Buffer,
	start: number,
	end: number,
): SettingsFault | undefined {
	let windowBytes = state.peerWindowBytes;
	let largestWindowBytes = 0;
	for (let at = start; at < end; at += 6) {
		const value = bytes.readUInt32BE(at + 2);
		switch (bytes.readUInt16BE(at)) {
			case SettingId.headerTableSize:
				state.encoder.setPeerTableBytes(value);
				break;
			case SettingId.enablePush:
				if (value > 1 || (value === 1 && !state.isServer)) return protocolFault;
				break;
			case SettingId.maxConcurrentStreams:
				state.peerMaxStreams = value;
				break;
			case SettingId.initialWindowSize:
				if (value > maxWindowBytes) return windowFault;
				windowBytes = value;
				largestWindowBytes = Math.max(largestWindowBytes, value);
				break;
			case SettingId.maxFrameSize:
				if (value < maxFrameBytes || value > 0xffffff) return protocolFault;
				break;
			case SettingId.enableConnectProtocol:
				if (value > 1 || (value === 0 && state.peerTakesExtendedConnect)) return protocolFault;
				state.peerTakesExtendedConnect = value === 1;
				break;
		}
	}
	return windowBytes === state.peerWindowBytes && largestWindowBytes <= windowBytes
		? undefined
		: resizeWindows(state, windowBytes, largestWindowBytes);
}

/** Changes the windows of all streams once, however often the frame changes its mind.
 *  @param largestBytes the largest size that the frame names, which no window may overflow either */
function resizeWindows<Owner>(
	state: ConnectionState<Owner>,
	bytes: number,
	largestBytes: number,
): SettingsFault | undefined {
	const before = state.peerWindowBytes;
	for (const stream of state.streams.values()) {
		if (stream.sendWindow + largestBytes - before > maxWindowBytes) return windowFault;
		stream.sendWindow += bytes - before;
	}
	state.peerWindowBytes = bytes;
	return undefined;
}
