import type { HeaderMatcher } from "../matcher/types.ts";
import type { RuntimeFraction } from "../runtime/runtime.ts";

/** `envoy.extensions.filters.http.fault.v3.HTTPFault`. */
export interface FaultConfig {
	readonly delay:
		| {
				/** Undefined: the `x-envoy-fault-delay-request` header says it. */
				readonly fixedMs: number | undefined;
				readonly fraction: RuntimeFraction;
		  }
		| undefined;
	readonly abort:
		| {
				readonly status:
					| { readonly kind: "http"; readonly status: number }
					| { readonly kind: "grpc"; readonly status: number }
					/** `x-envoy-fault-abort-request` or `x-envoy-fault-abort-grpc-request`. */
					| { readonly kind: "header" };
				/** The answer's body; empty for Envoy's own. */
				readonly body: string;
				readonly fraction: RuntimeFraction;
		  }
		| undefined;
	readonly responseRateLimit:
		| {
				/** Undefined: the `x-envoy-fault-throughput-response` header says it. */
				readonly fixedKibibytesPerSecond: number | undefined;
				readonly fraction: RuntimeFraction;
		  }
		| undefined;
	readonly upstreamCluster: string;
	readonly downstreamNodes: readonly string[];
	readonly headers: readonly HeaderMatcher[];
	/** -1 for no bound. */
	readonly maxActiveFaults: number;
	/** Runtime keys that override a duration, a status, the bound. */
	readonly runtimeKeys: {
		readonly delayDuration: string;
		readonly abortHttpStatus: string;
		readonly abortGrpcStatus: string;
		readonly maxActiveFaults: string;
	};
	readonly disableDownstreamClusterStats: boolean;
}
