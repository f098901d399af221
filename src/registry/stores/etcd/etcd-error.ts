import { MeshError } from "../../../core/index.ts";

/** The numbers of gRPC's status codes that etcd answers with. */
export const status = {
	invalidArgument: 3,
	deadlineExceeded: 4,
	notFound: 5,
	permissionDenied: 7,
	resourceExhausted: 8,
	outOfRange: 11,
	unavailable: 14,
	unauthenticated: 16,
} as const;

/** A status that a call ended with. */
export interface CallFailure {
	readonly code: number;
	readonly details: string;
}

/** The status in what grpc-js throws; anything else is no failure of a call. */
export function readFailure(error: unknown): CallFailure | undefined {
	if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "number") return undefined;
	return { code: error.code, details: "details" in error ? String(error.details) : error.message };
}

/** Whether another member may do better. */
export function isMemberFailure({ code }: CallFailure): boolean {
	return code === status.unavailable || code === status.deadlineExceeded;
}

/** What etcd's words mean. */
const meanings: readonly (readonly [pattern: RegExp, make: (where: string, cause: unknown) => MeshError])[] = [
	[
		/revision has been compacted/,
		(where, cause) => new MeshError("STORE_COMPACTED", `the revision is no longer kept (${where})`, { cause }),
	],
	[
		/is a future revision/,
		(where, cause) => new MeshError("STORE_FUTURE_REVISION", `the revision is not there yet (${where})`, { cause }),
	],
	[
		/duplicate key given/,
		(where, cause) => new MeshError("STORE_DUPLICATE_KEY", `a transaction changes a key twice (${where})`, { cause }),
	],
	[
		/requested lease not found/,
		(where, cause) =>
			new MeshError("STORE_LEASE_NOT_FOUND", `the lease is not there: it expired or was revoked (${where})`, { cause }),
	],
	[
		/too many operations|request is too large/,
		(where, cause) =>
			new MeshError(
				"STORE_LIMIT",
				`the change is larger than ${where} takes: start it with a larger --max-txn-ops or --max-request-bytes`,
				{ cause },
			),
	],
	[
		/database space exceeded/,
		(where, cause) =>
			new MeshError(
				"STORE_FULL",
				`the quota of ${where} is used up: compact and defragment it, then disarm its alarm`,
				{
					cause,
				},
			),
	],
];

/** What a failed call means for who asked. */
export function toMeshError(failure: CallFailure, where: string, cause?: unknown): MeshError {
	for (const [pattern, make] of meanings) if (pattern.test(failure.details)) return make(`etcd ${where}`, cause);
	if (failure.code === status.unauthenticated || failure.code === status.permissionDenied || isLogin(failure)) {
		const problem = `etcd ${where} refuses this user: give its name and password, or a client certificate, with the right to amime's keys`;
		return new MeshError("STORE_FORBIDDEN", `${problem} (${failure.details})`, { cause });
	}
	const problem = `etcd ${where} does not answer as it should: look at its log and at the network between (${failure.details})`;
	// The cause would repeat it.
	const isSame = cause instanceof Error && cause.message === failure.details;
	return new MeshError("STORE_UNAVAILABLE", problem, isSame ? undefined : { cause });
}

// etcd refuses a missing user or a wrong password as an invalid argument.
function isLogin({ code, details }: CallFailure): boolean {
	return code === status.invalidArgument && /user name|authentication/.test(details);
}
