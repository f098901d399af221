import { ResponseFlag } from "../../../../engine/format/index.ts";
import { isGrpcRetryOn, isHttpRetryOn } from "../../../../engine/retry/index.ts";
import type { LocalReply } from "../filter.ts";
import type { PassRequestHead } from "../pass-head.ts";

const isNumber = (value: string): boolean => /^\d{1,20}$/.test(value) && BigInt(value) < 1n << 64n;

const rules: Readonly<Record<string, (value: string) => boolean>> = {
	"x-envoy-upstream-rq-timeout-ms": isNumber,
	"x-envoy-upstream-rq-per-try-timeout-ms": isNumber,
	"x-envoy-max-retries": isNumber,
	"x-envoy-retry-on": isHttpRetryOn,
	"x-envoy-retry-grpc-on": isGrpcRetryOn,
};

/** The answer to a request of which one of the headers `names` cannot be understood (`strict_check_headers`); undefined when all can. */
export function refuseForHeaders(names: readonly string[], request: PassRequestHead): LocalReply | undefined {
	for (const name of names) {
		const value = request.get(name);
		if (value === undefined || rules[name]?.(value) !== false) continue;
		return {
			status: 400,
			body: `invalid header '${name}' with value '${value}'`,
			details: `request_headers_failed_strict_check{${name}}`,
			flags: ResponseFlag.invalidEnvoyRequestHeaders,
		};
	}
	return undefined;
}
