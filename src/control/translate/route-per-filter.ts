import type { MessageInitShape } from "@bufbuild/protobuf";
import type { RouteSchema } from "../../api/gen/envoy/config/route/v3/route_components_pb.js";
import { CorsPolicySchema } from "../../api/gen/envoy/extensions/filters/http/cors/v3/cors_pb.js";
import { HTTPFaultSchema } from "../../api/gen/envoy/extensions/filters/http/fault/v3/fault_pb.js";
import type { Cors, Fault, RouteRule } from "../../model/index.ts";
import { duration, fractionalPercent, packAny, stringMatcher } from "./messages.ts";
import { limitRouteConfig } from "./rate-limit/filters.ts";

/** Names of the HTTP filters that routes configure: every outbound and gateway listener has them. */
export const faultFilterName = "envoy.filters.http.fault";
export const corsFilterName = "envoy.filters.http.cors";

type RouteInit = Extract<MessageInitShape<typeof RouteSchema>, { readonly $typeName?: undefined }>;

/** What a rule says to filters before the router. */
export function perFilterConfig({ fault, cors, rateLimits = [] }: RouteRule): Pick<RouteInit, "typedPerFilterConfig"> {
	return {
		typedPerFilterConfig: {
			...(fault !== undefined && { [faultFilterName]: translateFault(fault) }),
			...(cors !== undefined && { [corsFilterName]: translateCors(cors) }),
			...limitRouteConfig(rateLimits),
		},
	};
}

function translateFault({ delay, abort }: Fault) {
	return packAny(HTTPFaultSchema, {
		...(delay !== undefined && {
			delay: {
				faultDelaySecifier: { case: "fixedDelay", value: duration(delay.durationMs) },
				percentage: fractionalPercent(delay.percent),
			},
		}),
		...(abort !== undefined && {
			abort: {
				errorType:
					"httpStatus" in abort
						? { case: "httpStatus", value: abort.httpStatus }
						: { case: "grpcStatus", value: abort.grpcStatus },
				percentage: fractionalPercent(abort.percent),
			},
		}),
	});
}

function translateCors(cors: Cors) {
	return packAny(CorsPolicySchema, {
		allowOriginStringMatch: cors.allowOrigins.map(({ kind, value }) => stringMatcher(kind, value)),
		allowMethods: cors.allowMethods.join(","),
		allowHeaders: cors.allowHeaders.join(","),
		exposeHeaders: cors.exposeHeaders.join(","),
		...(cors.maxAgeMs !== undefined && { maxAge: String(Math.floor(cors.maxAgeMs / 1000)) }),
		...(cors.allowCredentials !== undefined && { allowCredentials: cors.allowCredentials }),
		filterEnabled: { defaultValue: fractionalPercent(100) },
		forwardNotMatchingPreflights: cors.forwardsUnmatchedPreflights ?? true,
	});
}
