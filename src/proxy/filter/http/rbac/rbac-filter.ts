import { authorize, type RbacConfig } from "../../../../engine/authorization/index.ts";
import type { StatsScope } from "../../../../telemetry/index.ts";
import type { HttpFilterOverride } from "../../../runtime-config/index.ts";
import { createRbacStats, type RbacStats } from "../../../stats/index.ts";
import type { HttpFilter } from "../filter.ts";

/** Lets requests through that the rules allow; others get 403. Spec: `envoy.extensions.filters.http.rbac.v3`. */
export function createRbacFilter(
	name: string,
	disabled: boolean,
	index: number,
	config: RbacConfig,
	scope: StatsScope,
): HttpFilter {
	const stats = createStats(config, scope);
	return {
		name,
		disabled,
		index,
		onRequestHead(stream) {
			const override = stream.routeConfig(name) as HttpFilterOverride | undefined;
			const active = override?.kind === "rbac" ? override.config : config;
			if (active === undefined) return "continue";
			if (active.shadowRules !== undefined) {
				const allowed = authorize(active.shadowRules, stream.record).allowed;
				(allowed ? stats.shadow_allowed : stats.shadow_denied).value++;
			}
			if (active.rules === undefined) return "continue";
			const { allowed, policy } = authorize(active.rules, stream.record);
			if (allowed) {
				stats.allowed.value++;
				return "continue";
			}
			stats.denied.value++;
			stream.sendLocalReply({
				status: 403,
				body: "RBAC: access denied",
				details: `rbac_access_denied_matched_policy[${policy}]`,
				flags: 0,
			});
			return "stop";
		},
	};
}

/** The counters, each below the prefix its rules ask for. */
function createStats(config: RbacConfig, scope: StatsScope): RbacStats {
	const below = (prefix: string): RbacStats =>
		createRbacStats(scope.scope(prefix === "" ? "rbac" : `rbac.${prefix.replace(/\.$/, "")}`));
	const enforced = below(config.rulesStatPrefix);
	if (config.shadowRulesStatPrefix === config.rulesStatPrefix) return enforced;
	const shadow = below(config.shadowRulesStatPrefix);
	return {
		allowed: enforced.allowed,
		denied: enforced.denied,
		shadow_allowed: shadow.shadow_allowed,
		shadow_denied: shadow.shadow_denied,
	};
}
