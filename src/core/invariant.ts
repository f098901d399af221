/** Asserts what only a mistake of ours can break: the process must not go on.
 *  @throws Error when `condition` is false */
export function invariant(condition: unknown, message: string): asserts condition {
	if (!condition) throw new Error(`invariant broken: ${message}`);
}

/** Ends a switch over a discriminated union; a new kind without a case fails to compile. */
export function assertNever(value: never): never {
	throw new Error(`invariant broken: unexpected ${JSON.stringify(value)}`);
}
