import { getHeader, setHeader } from "../../../../core/index.ts";
import { matchString } from "../../../../engine/matcher/index.ts";
import { isInFraction } from "../../../../engine/runtime/index.ts";
import type { StatsScope } from "../../../../telemetry/index.ts";
import type { DataPathContext } from "../../../data-path-context.ts";
import type { CorsPolicy } from "../../../runtime-config/index.ts";
import { createCorsStats } from "../../../stats/index.ts";
import type { FilterStream, HttpFilter } from "../filter.ts";
import type { PassRequestHead } from "../pass-head.ts";
import { routeConfigsOf } from "../route-configs.ts";

/** A request whose origin its route allows. */
interface AllowedOrigin {
	readonly origin: string;
	readonly policies: readonly CorsPolicy[];
}

/** Answers preflights and marks answers for origins that the route's policies allow: each field comes from the most specific policy that
 *  has it. Spec: `envoy.extensions.filters.http.cors.v3`. */
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
			// As in Envoy, answers that the proxy makes itself have no policy.
			if (stream.route?.action.kind !== "forward") return "continue";
			const policies = routeConfigsOf(stream, name, "cors").map(({ config }) => config);
			policies.reverse();
			const first = policies[0];
			if (first === undefined) return "continue";
			const random = context.random.next();
			const isEnabled = isInFraction(first.enabled, random, context.runtime);
			if (!isEnabled && !isInFraction(first.shadowEnabled, random, context.runtime)) return "continue";
			const origin = getHeader(stream.request.headers, "origin");
			if (origin === undefined || origin === "") return "continue";
			const isAllowed = isOriginAllowed(policies, origin);
			(isAllowed ? stats.origin_valid : stats.origin_invalid).value++;
			if (!isEnabled) return "continue";
			if (isAllowed) stream.setState(index, { origin, policies } satisfies AllowedOrigin);
			if (!isPreflight(stream)) return "continue";
			if (!isAllowed && find(policies, "forwardNotMatchingPreflights") !== false) return "continue";
			const headers = answerPreflight(stream.request, policies);
			stream.sendLocalReply({ status: 200, body: "", details: "cors_response", flags: 0, isBare: true, headers });
			return "stop";
		},
		onResponseHead(stream, head) {
			const allowed = stream.getState(index) as AllowedOrigin | undefined;
			if (allowed === undefined) return;
			const { origin, policies } = allowed;
			const { headers } = head;
			setHeader(headers, "access-control-allow-origin", origin);
			if (find(policies, "allowCredentials") === true) setHeader(headers, "access-control-allow-credentials", "true");
			const exposed = find(policies, "exposeHeaders");
			if (exposed !== undefined) setHeader(headers, "access-control-expose-headers", exposed);
		},
	};
}

/** A field's value in the first policy that has one; empty texts are none. */
function find<K extends keyof CorsPolicy>(policies: readonly CorsPolicy[], field: K): CorsPolicy[K] | undefined {
	return policies.find((policy) => policy[field] !== undefined && policy[field] !== "")?.[field];
}

function isOriginAllowed(policies: readonly CorsPolicy[], origin: string): boolean {
	const matchers = policies.find(({ allowOrigins }) => allowOrigins.length > 0)?.allowOrigins ?? [];
	return matchers.some((matcher) => matchString(matcher, "*") || matchString(matcher, origin));
}

function isPreflight({ request }: FilterStream): boolean {
	const method = getHeader(request.headers, "access-control-request-method");
	return request.method === "OPTIONS" && method !== undefined && method !== "";
}

/** What a preflight asks for beside the fields that every allowed answer has. `*` is what the client asked about. */
function answerPreflight({ headers: asked }: PassRequestHead, policies: readonly CorsPolicy[]): string[] {
	const headers: string[] = [];
	if (find(policies, "allowCredentials") === true) headers.push("access-control-allow-credentials", "true");
	const methods = find(policies, "allowMethods");
	if (methods !== undefined) {
		const text = methods === "*" ? (getHeader(asked, "access-control-request-method") ?? "") : methods;
		headers.push("access-control-allow-methods", text);
	}
	const names = find(policies, "allowHeaders");
	if (names !== undefined) {
		const text = names === "*" ? (getHeader(asked, "access-control-request-headers") ?? "") : names;
		headers.push("access-control-allow-headers", text);
	}
	const age = find(policies, "maxAge");
	if (age !== undefined) headers.push("access-control-max-age", age);
	const asksPrivate = getHeader(asked, "access-control-request-private-network") === "true";
	if (asksPrivate && find(policies, "allowPrivateNetworkAccess") === true) {
		headers.push("access-control-allow-private-network", "true");
	}
	return headers;
}
