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

/** The message of anything thrown, with its causes, for one line of a log. */
export function describeError(error: unknown): string {
	if (!(error instanceof Error)) return String(error);
	const own = error.message === "" && "code" in error ? String(error.code) : error.message;
	return error.cause === undefined ? own : `${own}: ${describeError(error.cause)}`;
}
