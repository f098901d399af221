import { readFileSync } from "node:fs";
import { release } from "node:os";
import type { SystemCalls } from "./system-calls.ts";

/** The process at the other end of a unix socket, as the kernel saw it when it connected. */
export interface PeerProcess {
	readonly pid: number;
	readonly uid: number;
	readonly gid: number;
	/** Whether `pid` still means that process. What was read of `/proc/<pid>` before this is true was read of it and of no other. */
	isSame(): boolean;
	close(): void;
}

const socketLevel = 1;
const peerCredentials = 17;
const peerProcessDescriptor = 77;

/** Asks the kernel who connected (`SO_PEERCRED`), and holds on to that process: by `SO_PEERPIDFD` (Linux 6.5), else by a descriptor of
 *  whoever has the number, else by the time it was started.
 *  @param descriptor of the accepted socket
 *  @returns undefined when the process is of another PID namespace, or gone */
export function openPeerProcess(calls: SystemCalls, descriptor: number): PeerProcess | undefined {
	const credentials = calls.getOption(descriptor, socketLevel, peerCredentials, 12);
	if (credentials === undefined || credentials.length < 12) return undefined;
	const pid = credentials.readInt32LE(0);
	if (pid <= 0) return undefined;
	const handed = calls.getOption(descriptor, socketLevel, peerProcessDescriptor, 4)?.readInt32LE(0);
	// A kernel that has the option and gives nothing says that the process is gone: its number may be another one's already.
	if (handed === undefined && handsProcesses()) return undefined;
	const process = handed ?? calls.openProcess(pid);
	const startTime = readStartTime(pid);
	if (startTime === undefined) {
		if (process !== undefined) calls.close(process);
		return undefined;
	}
	let isOpen = true;
	return {
		pid,
		uid: credentials.readUInt32LE(4),
		gid: credentials.readUInt32LE(8),
		isSame: () => isOpen && readStartTime(pid) === startTime && (process === undefined || readPid(process) === pid),
		close() {
			if (isOpen && process !== undefined) calls.close(process);
			isOpen = false;
		},
	};
}

/** Whether this kernel has `SO_PEERPIDFD`. */
function handsProcesses(): boolean {
	const [major = 0, minor = 0] = release().split(".").map(Number);
	return major > 6 || (major === 6 && minor >= 5);
}

/** When a process was started, in the kernel's ticks (proc_pid_stat(5), field 22); undefined when there is none of that number.
 *  @param proc where the process file system is */
export function readStartTime(pid: number, proc = "/proc"): string | undefined {
	const stat = readProcFile(`${proc}/${pid}/stat`);
	// The name before the last parenthesis may hold anything.
	return stat
		?.slice(stat.lastIndexOf(")") + 2)
		.split(" ")
		.at(19);
}

/** The process of a process descriptor; -1 once it has ended. */
function readPid(descriptor: number): number {
	const info = readProcFile(`/proc/self/fdinfo/${descriptor}`) ?? "";
	return Number(/^Pid:\s*(-?\d+)$/m.exec(info)?.[1] ?? -1);
}

function readProcFile(path: string): string | undefined {
	try {
		return readFileSync(path, "latin1");
	} catch {
		// The process is gone: that is the answer.
		return undefined;
	}
}
