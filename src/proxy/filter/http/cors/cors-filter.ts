import { getHeader, setHeader } from "../../../../core/index.ts";
import { matchString } from "../../../../engine/matcher/index.ts";
import { isInFraction } from "../../../../engine/runtime/index.ts";
import type { StatsScope } from "../../../../telemetry/index.ts";
import type { DataPathContext } from "../../../data-path-context.ts";
import type { CorsPolicy, HttpFilterOverride } from "../../../runtime-config/index.ts";
import { createCorsStats } from "../../../stats/index.ts";
import type { FilterStream, HttpFilter } from "../filter.ts";

/** A request whose origin its route allows. */
interface AllowedOrigin {
	readonly origin: string;
	readonly policy: CorsPolicy;
}

/** Answers preflights and marks answers for origins that the route's policy allows. Spec: `envoy.extensions.filters.http.cors.v3`. */
export function createCorsFilter(
	name: string,
	disabled: boolean,
	index: number,
	context: DataPathContext,
	scope: StatsScope,
): HttpFilter {
	const stats = createCorsStats(scope.scope("cors"));
	return {
		name,
		disabled,
		index,
		onRequestHead(stream) {
			const override = stream.routeConfig(name) as HttpFilterOverride | undefined;
			// As in Envoy, answers that the proxy makes itself have no policy.
			if (override?.kind !== "cors" || stream.route?.action.kind !== "forward") return "continue";
			const policy = override.config;
			const random = context.random.next();
			const isEnabled = isInFraction(policy.enabled, random, context.runtime);
			if (!isEnabled && !isInFraction(policy.shadowEnabled, random, context.runtime)) return "continue";
			const origin = getHeader(stream.request.headers, "origin");
			if (origin === undefined || origin === "") return "continue";
			if (!policy.allowOrigins.some((matcher) => matchString(matcher, origin))) {
				stats.origin_invalid.value++;
				if (policy.forwardNotMatchingPreflights || !isPreflight(stream)) return "continue";
				stream.sendLocalReply({ status: 200, body: "", details: "cors_response", flags: 0 });
				return "stop";
			}
			stats.origin_valid.value++;
			if (!isEnabled) return "continue";
			stream.setState(index, { origin, policy } satisfies AllowedOrigin);
			if (!isPreflight(stream)) return "continue";
			stream.sendLocalReply({
				status: 200,
				body: "",
				details: "cors_response",
				flags: 0,
				headers: answerPreflight(stream, policy),
			});
			return "stop";
		},
		onResponseHead(stream, head) {
			const allowed = stream.getState(index) as AllowedOrigin | undefined;
			if (allowed === undefined) return "continue";
			const { origin, policy } = allowed;
			const { headers } = head;
			setHeader(headers, "access-control-allow-origin", origin);
			if (policy.allowCredentials === true) setHeader(headers, "access-control-allow-credentials", "true");
			if (policy.exposeHeaders !== "") setHeader(headers, "access-control-expose-headers", policy.exposeHeaders);
			return "continue";
		},
	};
}

function isPreflight({ request }: FilterStream): boolean {
	const method = getHeader(request.headers, "access-control-request-method");
	return request.method === "OPTIONS" && method !== undefined && method !== "";
}

/** What a preflight asks for beside the fields that every allowed answer has. */
function answerPreflight({ request }: FilterStream, policy: CorsPolicy): string[] {
	const headers: string[] = [];
	if (policy.allowMethods !== "") headers.push("access-control-allow-methods", policy.allowMethods);
	if (policy.allowHeaders !== "") headers.push("access-control-allow-headers", policy.allowHeaders);
	if (policy.maxAge !== "") headers.push("access-control-max-age", policy.maxAge);
	const asksPrivate = getHeader(request.headers, "access-control-request-private-network") === "true";
	if (policy.allowPrivateNetworkAccess === true && asksPrivate) {
		headers.push("access-control-allow-private-network", "true");
	}
	return headers;
}
