import type { Expression } from "../expression/index.ts";
import type { HeaderMatcher, MetadataMatcher } from "../matcher/types.ts";

/** `envoy.config.accesslog.v3.AccessLogFilter`: which streams are logged (and which local replies a mapper takes). */
export type AccessLogFilter =
	| { readonly kind: "status-code"; readonly comparison: Comparison }
	/** Milliseconds. */
	| { readonly kind: "duration"; readonly comparison: Comparison }
	| { readonly kind: "not-health-check" }
	| { readonly kind: "traceable" }
	| {
			readonly kind: "runtime";
			readonly runtimeKey: string;
			readonly numerator: number;
			readonly denominator: number;
			readonly independentRandomness: boolean;
	  }
	| { readonly kind: "and"; readonly filters: readonly AccessLogFilter[] }
	| { readonly kind: "or"; readonly filters: readonly AccessLogFilter[] }
	| { readonly kind: "header"; readonly matcher: HeaderMatcher }
	/** Bits of ResponseFlag; 0 means any flag. */
	| { readonly kind: "response-flag"; readonly flags: number }
	| { readonly kind: "grpc-status"; readonly statuses: readonly number[]; readonly exclude: boolean }
	| { readonly kind: "metadata"; readonly matcher: MetadataMatcher; readonly matchIfKeyNotFound: boolean }
	/** Streams of which it is true; where it fails it is not. */
	| { readonly kind: "expression"; readonly expression: Expression }
	| { readonly kind: "log-type"; readonly types: readonly string[]; readonly exclude: boolean };

export interface Comparison {
	readonly operator: "equal" | "greater-or-equal" | "less-or-equal" | "not-equal";
	readonly value: number;
	/** Runtime key that overrides the value; empty for none. */
	readonly runtimeKey: string;
}
