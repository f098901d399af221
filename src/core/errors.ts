/** An error that a peer, a user or the network caused: a stable code, and a sentence that names the thing and the likely fix.
 *  Codes are listed in docs/reference/errors.md. */
export class MeshError extends Error {
	readonly code: string;

	constructor(code: string, message: string, options?: ErrorOptions) {
		super(message, options);
		this.name = "MeshError";
		this.code = code;
	}
}

/** One fault found by validation: where, and what is wrong. */
export interface Problem {
	/** Field path such as `spec.rules[2].matches[0].path.value`; empty for the whole document. */
	readonly path: string;
	/** Lower case, no full stop, with the likely fix. */
	readonly problem: string;
}

/** The outcome of validation: a value, or every problem at once. */
export type Validated<T> =
	| { readonly ok: true; readonly value: T }
	| { readonly ok: false; readonly problems: readonly Problem[] };

/** The message of anything thrown, with its causes, for one line of a log.
 *  @param said what stands before it, and need not be said again */
export function describeError(error: unknown, said = ""): string {
	if (!(error instanceof Error)) return String(error);
	const own =
		describeSystemError(error, said) ?? (error.message === "" && "code" in error ? String(error.code) : error.message);
	return error.cause === undefined ? own : `${own}: ${describeError(error.cause, own)}`;
}

/** What the operating system says of files and listeners, in words. */
const systemErrors: Readonly<Record<string, string>> = {
	ENOENT: "there is no such file or folder",
	EACCES: "this user may not do that",
	EPERM: "this user may not do that",
	EISDIR: "it is a folder, not a file",
	ENOTDIR: "a part of the path is a file, not a folder",
	ELOOP: "links lead in a circle",
	ENAMETOOLONG: "the name is too long",
	ENOSPC: "the disk is full",
	EROFS: "the disk may only be read",
	EMFILE: "too many files are open in this process",
	EADDRINUSE: "something listens there already",
	EADDRNOTAVAIL: "this machine has no such address",
};

/** `ENOENT: no such file or directory, open '/x'` names a call of the system and repeats the path. */
function describeSystemError(error: Error, said: string): string | undefined {
	const { code = "", syscall, path } = error as NodeJS.ErrnoException;
	const words = systemErrors[code];
	if (words === undefined || syscall === undefined) return undefined;
	const where =
		path === undefined || path === "" || said.includes(path.slice(path.lastIndexOf("/") + 1)) ? "" : `${path}: `;
	return `${where}${words} (${code})`;
}
