import type { MessageInitShape } from "@bufbuild/protobuf";
import type { RouteMatchSchema } from "../../api/gen/envoy/config/route/v3/route_components_pb.js";
import type { BackendRef, Destination, ExternalAuth, RouteRule } from "../../model/index.ts";
import { fractionalPercent } from "./messages.ts";

/** What one route of a rule is for. */
export interface RuleShare {
	readonly rule: RouteRule;
	/** Of its match: which of the requests that come to it it takes. */
	readonly match: Pick<MessageInitShape<typeof RouteMatchSchema>, "runtimeFraction">;
}

/** The routes of a rule: one, unless backends have filters of their own (Gateway API, HTTPBackendRef.filters), which clusters of a
 *  weighted route cannot have. Then each backend has a route for its share. A proxy asks all routes with one random number per request, so
 *  each takes what is below the sum of the shares up to its own. */
export function splitByBackend(rule: RouteRule): readonly RuleShare[] {
	const weighted = rule.backends.filter(({ weight }) => weight > 0);
	if (!weighted.some(({ filters }) => filters !== undefined)) return [{ rule, match: {} }];
	const total = sumOf(weighted);
	return weighted.map((backend, position) => {
		const { filters, ...bare } = backend;
		const mirrors = [...(rule.mirrors ?? []), ...(filters?.mirrors ?? [])];
		const upTo = sumOf(weighted.slice(0, position + 1));
		return {
			rule: { ...rule, ...filters, ...(mirrors.length > 0 && { mirrors }), backends: [bare] },
			match: upTo === total ? {} : { runtimeFraction: { defaultValue: fractionalPercent((upTo / total) * 100) } },
		};
	});
}

/** Everything that requests of a rule are sent to, mirrors and external authorizers included. */
export function listDestinations(rule: RouteRule): Destination[] {
	const mirrors = [rule, ...rule.backends.map(({ filters }) => filters)].flatMap((actions) => actions?.mirrors ?? []);
	return [...rule.backends, ...mirrors, ...listExternalAuths(rule)].map(({ destination }) => destination);
}

/** The authorizers that requests of a rule are shown to, those of its backends included. */
export function listExternalAuths({ externalAuth, backends }: RouteRule): ExternalAuth[] {
	return [externalAuth, ...backends.map(({ filters }) => filters?.externalAuth)].filter((auth) => auth !== undefined);
}

function sumOf(backends: readonly BackendRef[]): number {
	return backends.reduce((sum, { weight }) => sum + weight, 0);
}
