import {
	authorize,
	explainDenial,
	formatDenial,
	type RbacConfig,
	type RbacRules,
	type RbacVerdict,
} from "../../../../engine/authorization/index.ts";
import type { StatsScope } from "../../../../telemetry/index.ts";
import type { HttpFilterOverride } from "../../../runtime-config/index.ts";
import { createRbacStats, type RbacStats } from "../../../stats/index.ts";
import type { FilterStream, HttpFilter } from "../filter.ts";

const metadataNamespace = "envoy.filters.http.rbac";

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
			const { rules, shadowRules } = active;
			// Where a route's config has no prefixes, those of the filter hold, as in Envoy.
			if (shadowRules !== undefined) {
				const verdict = judge(
					stream,
					shadowRules,
					`${active.shadowRulesStatPrefix || config.shadowRulesStatPrefix}shadow`,
				);
				(verdict.allowed ? stats.shadow_allowed : stats.shadow_denied).value++;
				if (!verdict.allowed) noteWouldDeny(stream, shadowRules, verdict);
				if (active.trackPerRuleStats) countPolicy(scope, config.shadowRulesStatPrefix, verdict, "shadow_");
			}
			if (rules === undefined) return "continue";
			const verdict = judge(stream, rules, `${active.rulesStatPrefix || config.rulesStatPrefix}enforced`);
			const { allowed, policy } = verdict;
			if (rules.action === "log") {
				stream.setDynamicMetadata("envoy.common", { access_log_hint: verdict.matched });
				if (verdict.matched) stream.setDynamicMetadata("amime", { audited: policy });
			}
			if (rules.treeLogs === true) {
				stream.setDynamicMetadata("envoy.common", { access_log_hint: verdict.isLogged === true });
			}
			if (active.trackPerRuleStats) countPolicy(scope, config.rulesStatPrefix, verdict, "");
			if (allowed) {
				stats.allowed.value++;
				return "continue";
			}
			stats.denied.value++;
			const reason = formatDenial(explainDenial(rules, stream.record));
			if (reason !== "") stream.setDynamicMetadata("amime", { denied: reason });
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

/** Judges a request and writes down what came out, for access logs and later filters. */
function judge(stream: FilterStream, rules: RbacRules, prefix: string): RbacVerdict {
	const verdict = authorize(rules, stream.record);
	const result = { [`${prefix}_engine_result`]: verdict.allowed ? "allowed" : "denied" };
	if (verdict.matched) result[`${prefix}_effective_policy_id`] = verdict.policy;
	stream.setDynamicMetadata(metadataNamespace, result);
	return verdict;
}

/** For access logs and `amime why`: which policy that is only tried would have denied the request. */
function noteWouldDeny(stream: FilterStream, rules: RbacRules, { policy }: RbacVerdict): void {
	// Rules of external authorizers are tried to find out whether to ask.
	if (policy.startsWith("istio-ext-authz-")) return;
	const reason = formatDenial(explainDenial(rules, stream.record));
	const told = `${policy}${reason === "" ? "" : ` ${reason}`}`;
	const marked = stream.record.dynamicMetadata?.get("amime") as { readonly would_deny?: unknown } | undefined;
	const before = marked?.would_deny;
	stream.setDynamicMetadata("amime", { would_deny: typeof before === "string" ? `${before} | ${told}` : told });
}

function countPolicy(
	scope: StatsScope,
	statPrefix: string,
	{ matched, policy, allowed }: RbacVerdict,
	prefix: "" | "shadow_",
): void {
	if (!matched) return;
	scopeOf(scope, statPrefix)
		.scope(`policy.${policy}`)
		.counter(`${prefix}${allowed ? "allowed" : "denied"}`).value++;
}

function scopeOf(scope: StatsScope, prefix: string): StatsScope {
	return scope.scope(prefix === "" ? "rbac" : `rbac.${prefix.replace(/\.$/, "")}`);
}

/** The counters, each below the prefix its rules ask for. */
function createStats(config: RbacConfig, scope: StatsScope): RbacStats {
	return createRbacStats(scopeOf(scope, config.rulesStatPrefix), scopeOf(scope, config.shadowRulesStatPrefix));
}
