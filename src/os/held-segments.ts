import { startupSnapshot } from "node:v8";
import { findFfi } from "./native.ts";
import { openSystemCalls, type SocketOption, type SystemCalls } from "./system-calls.ts";

/** IPPROTO_TCP, TCP_CORK: only full segments leave, the rest after 200 ms, with the end, or when it is taken off (tcp(7)). */
const cork = { level: 6, name: 3 };
const held: SocketOption = { ...cork, value: new Uint8Array(Int32Array.of(1).buffer) };
const free: SocketOption = { ...cork, value: new Uint8Array(Int32Array.of(0).buffer) };

let calls: SystemCalls | undefined | "not looked for" = "not looked for";

/** Holds back what a TCP socket sends in less than a full segment, or lets it go: several writes become one segment, which wakes the peer once.
 *  @returns false where that cannot be done, and nothing is held */
export function holdSegments(descriptor: number, isHeld: boolean): boolean {
	// No snapshot can hold the interface.
	if (startupSnapshot.isBuildingSnapshot()) return false;
	if (calls === "not looked for") calls = openDirectCalls();
	return calls?.setOption(descriptor, isHeld ? held : free) === true;
}

/** Calls by another thread cost more than they would save. */
function openDirectCalls(): SystemCalls | undefined {
	const opened = findFfi() === undefined ? undefined : openSystemCalls();
	return opened?.ok === true ? opened.calls : undefined;
}
