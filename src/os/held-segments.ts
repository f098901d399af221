import { startupSnapshot } from "node:v8";
import { findFfi, type NativeCalls, openNativeCalls } from "./native.ts";

/** IPPROTO_TCP, TCP_CORK: only full segments leave, the rest after 200 ms, with the end, or when it is taken off (tcp(7)). */
const tcpLevel = 6;
const corkOption = 3;
const on = new Uint8Array(Int32Array.of(1).buffer);
const off = new Uint8Array(Int32Array.of(0).buffer);

let setOption: NativeCalls["setsockopt"] | undefined;
let isLookedFor = false;

/** Holds back what a TCP socket sends in less than a full segment, or lets it go: several writes become one segment, which wakes the peer once.
 *  @returns false where that cannot be done, and nothing is held */
export function holdSegments(descriptor: number, isHeld: boolean): boolean {
	// No snapshot can hold the interface.
	if (startupSnapshot.isBuildingSnapshot()) return false;
	if (!isLookedFor) {
		isLookedFor = true;
		const ffi = process.platform === "linux" ? findFfi() : undefined;
		if (ffi !== undefined) setOption = openNativeCalls(ffi).setsockopt;
	}
	return setOption !== undefined && setOption(descriptor, tcpLevel, corkOption, isHeld ? on : off) === 0;
}
