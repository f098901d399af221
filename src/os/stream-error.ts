import { getSystemErrorMap, getSystemErrorName } from "node:util";

/** The end of a stream, as the library says it. */
export const endOfStream = -4095;

/** An error of a system call as Node's own sockets have it: `code` is its name. */
export function createStreamError(status: number, call: string, target = ""): NodeJS.ErrnoException {
	const code = getSystemErrorMap().has(status) ? getSystemErrorName(status) : `UNKNOWN_${-status}`;
	const text = target === "" ? `${call} ${code}` : `${call} ${code} ${target}`;
	return Object.assign(new Error(text), { code, errno: status, syscall: call });
}
