import { describeError } from "../core/index.ts";
import { findFfi, type NativeCalls, openNativeCalls } from "./native.ts";
import { decodeSocketAddress } from "./socket-address.ts";
import { createThreadCalls } from "./thread-calls.ts";

/** An option of a socket, by the system's numbers. */
export interface SocketOption {
	readonly level: number;
	readonly name: number;
	readonly value: Uint8Array;
}

/** Where a connection was going before it was redirected. */
export interface OriginalDestination {
	readonly ip: string;
	readonly port: number;
}

/** System calls on descriptors. A call that the system refuses is `false` or undefined. */
export interface SystemCalls {
	/** `SO_ORIGINAL_DST`: undefined when the connection was not redirected. */
	originalDestination(descriptor: number, family: "ipv4" | "ipv6"): OriginalDestination | undefined;
	setOption(descriptor: number, option: SocketOption): boolean;
	/** The first `bytes` bytes of an option's value. */
	getOption(descriptor: number, level: number, name: number, bytes: number): Buffer | undefined;
	/** A copy of a descriptor of another process, for sockets that are taken over (Linux 5.6; the same user or CAP_SYS_PTRACE). */
	takeDescriptor(processId: number, descriptor: number): number | undefined;
	/** A descriptor of a process (Linux 5.3): while it is open, its number cannot come to mean another one. */
	openProcess(processId: number): number | undefined;
	duplicate(descriptor: number): number | undefined;
	close(descriptor: number): void;
	/** A new stream socket. */
	createSocket(family: "ipv4" | "ipv6"): number | undefined;
	bind(descriptor: number, address: Uint8Array): boolean;
	listen(descriptor: number, backlog: number): boolean;
}

export type SystemCallsResult =
	| { readonly ok: true; readonly calls: SystemCalls }
	| { readonly ok: false; readonly reason: string };

let opened: SystemCallsResult | undefined;

/** Opens the system calls, once a process: with the interface of Node (`--experimental-ffi`), else by a thread that has it. */
export function openSystemCalls(): SystemCallsResult {
	opened ??= open();
	return opened;
}

function open(): SystemCallsResult {
	if (process.platform !== "linux") return { ok: false, reason: "it needs Linux" };
	try {
		const ffi = findFfi();
		const native = ffi === undefined ? createThreadCalls() : openNativeCalls(ffi);
		if (native !== undefined) return { ok: true, calls: createSystemCalls(native) };
		return { ok: false, reason: "this Node has no foreign function interface (it needs Node 26)" };
	} catch (error) {
		return { ok: false, reason: `this Node cannot make system calls: ${describeError(error)}` };
	}
}

const ipLevel = 0;
const ipv6Level = 41;
const originalDestinationOption = 80;
const internetStream = { ipv4: 2, ipv6: 10, type: 1, closeOnExec: 0o2000000, nonBlocking: 0o4000 };
/** The same on every architecture that Linux gained them on. */
const pidfdOpen = 434;
const pidfdGetfd = 438;

function createSystemCalls(native: NativeCalls): SystemCalls {
	const orUndefined = (descriptor: number): number | undefined => (descriptor < 0 ? undefined : descriptor);
	return {
		originalDestination(descriptor, family) {
			const value = Buffer.alloc(28);
			const level = family === "ipv4" ? ipLevel : ipv6Level;
			const length = native.getsockopt(descriptor, level, originalDestinationOption, value);
			return length < 0 ? undefined : decodeSocketAddress(value);
		},
		setOption: (descriptor, { level, name, value }) => native.setsockopt(descriptor, level, name, value) === 0,
		getOption(descriptor, level, name, bytes) {
			const value = Buffer.alloc(bytes);
			const length = native.getsockopt(descriptor, level, name, value);
			return length < 0 ? undefined : value.subarray(0, length);
		},
		takeDescriptor(processId, descriptor) {
			const process = native.syscall(pidfdOpen, processId, 0, 0);
			if (process < 0) return undefined;
			const taken = native.syscall(pidfdGetfd, process, descriptor, 0);
			native.close(process);
			return orUndefined(taken);
		},
		openProcess: (processId) => orUndefined(native.syscall(pidfdOpen, processId, 0, 0)),
		duplicate: (descriptor) => orUndefined(native.dup(descriptor)),
		close: (descriptor) => void native.close(descriptor),
		createSocket(family) {
			const { type, closeOnExec, nonBlocking } = internetStream;
			return orUndefined(native.socket(internetStream[family], type | closeOnExec | nonBlocking, 0));
		},
		bind: (descriptor, address) => native.bind(descriptor, address) === 0,
		listen: (descriptor, backlog) => native.listen(descriptor, backlog) === 0,
	};
}
