/** Why a stream to an upstream ended early, in Envoy's words (`Http::Utility::resetReasonToString`). */
export type ResetReason =
	| "local connection failure"
	| "remote connection failure"
	| "connection timeout"
	| "connection termination"
	| "local reset"
	| "remote reset"
	| "remote refused stream reset"
	| "remote error with CONNECT request"
	| "overflow"
	| "protocol error";

/** Failures to get a connection at all. */
export type PoolFailure = Extract<
	ResetReason,
	"local connection failure" | "remote connection failure" | "connection timeout" | "overflow"
>;
