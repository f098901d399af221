import type { CsrfPolicy } from "../../api/gen/envoy/extensions/filters/http/csrf/v3/csrf_pb.js";
import type { StringMatcher } from "../../engine/matcher/index.ts";
import type { RuntimeFraction } from "../../engine/runtime/index.ts";
import { readStringMatcher } from "./matchers.ts";
import type { Scope } from "./scope.ts";
import { readFraction, readRuntimeFraction } from "./values.ts";

/** `envoy.extensions.filters.http.csrf.v3.CsrfPolicy`. */
export interface CsrfConfig {
	readonly enabled: RuntimeFraction;
	/** Counted, and not enforced. */
	readonly shadowEnabled: RuntimeFraction;
	readonly additionalOrigins: readonly StringMatcher[];
}

export function readCsrf(message: CsrfPolicy, scope: Scope): CsrfConfig {
	return {
		enabled: readRuntimeFraction(message.filterEnabled) ?? readFraction(undefined),
		shadowEnabled: readRuntimeFraction(message.shadowEnabled) ?? readFraction(undefined),
		additionalOrigins: message.additionalOrigins.map((matcher, index) =>
			readStringMatcher(matcher, scope.at("additional_origins", index)),
		),
	};
}
