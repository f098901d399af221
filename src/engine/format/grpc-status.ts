import { grpcStatusNames } from "../../core/index.ts";

const camel = [
	"OK",
	"Canceled",
	"Unknown",
	"InvalidArgument",
	"DeadlineExceeded",
	"NotFound",
	"AlreadyExists",
	"PermissionDenied",
	"ResourceExhausted",
	"FailedPrecondition",
	"Aborted",
	"OutOfRange",
	"Unimplemented",
	"Internal",
	"Unavailable",
	"DataLoss",
	"Unauthenticated",
];

/** The name of a gRPC status, its number when it has none, undefined when there is no status. */
export function grpcStatusText(status: number | undefined, form: "CAMEL_STRING" | "SNAKE_STRING"): string | undefined {
	if (status === undefined) return undefined;
	return (form === "CAMEL_STRING" ? camel : grpcStatusNames)[status] ?? String(status);
}

/** The gRPC status that stands for an HTTP status (gRPC "HTTP to gRPC status code mapping"). */
export function grpcStatusOfHttp(status: number): number {
	switch (status) {
		case 400:
			return 13;
		case 401:
			return 16;
		case 403:
			return 7;
		case 404:
			return 12;
		case 429:
		case 502:
		case 503:
		case 504:
			return 14;
		default:
			return 2;
	}
}

/** The HTTP status that stands for a gRPC status, as Envoy maps it for retries and outlier detection. */
export function httpStatusOfGrpc(status: number): number {
	const statuses = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];
	return statuses[status] ?? 500;
}
