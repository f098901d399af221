import { getSystemErrorMap } from "node:util";

/** The end of a stream, as the library says it. */
export const endOfStream = -4095;

/** Made at first use: Node makes a new one for each question. */
let names: ReturnType<typeof getSystemErrorMap> | undefined;

/** Errors without a target, by call and status: as many as the system has. */
const known = new Map<string, NodeJS.ErrnoException>();

/** An error of a system call that names no target; the same one each time, since clients that reset connections cause very many. */
export function streamErrorOf(status: number, call: string): NodeJS.ErrnoException {
	const key = call + status;
	const found = known.get(key);
	if (found !== undefined) return found;
	const error = createStreamError(status, call);
	known.set(key, error);
	return error;
}

/** An error of a system call as Node's own sockets have it: `code` is its name. */
export function createStreamError(status: number, call: string, target = ""): NodeJS.ErrnoException {
	names ??= getSystemErrorMap();
	const code = names.get(status)?.[0] ?? `UNKNOWN_${-status}`;
	const text = target === "" ? `${call} ${code}` : `${call} ${code} ${target}`;
	// The stack would be that of the event loop: nobody learns anything from it, and taking it costs more than all else here.
	const { stackTraceLimit } = Error;
	Error.stackTraceLimit = 0;
	const error = new Error(text);
	Error.stackTraceLimit = stackTraceLimit;
	return Object.assign(error, { code, errno: status, syscall: call });
}
