import type { Clock } from "../../../../core/index.ts";
import { authorize, explainDenial, formatDenial, type RbacRules } from "../../../../engine/authorization/index.ts";
import { createStreamInfo } from "../../../../engine/format/index.ts";
import type { NetworkRbacConfig } from "../../../runtime-config/index.ts";
import type { RbacStats } from "../../../stats/index.ts";
import type { DownstreamConnection, NetworkGate } from "../network-filter.ts";

const metadataNamespace = "envoy.filters.network.rbac";

/** Judges connections once their handshake is done, and closes those that are denied with their first byte, as Envoy does. Unlike
 *  Envoy a denied peer that waits for the server's greeting gets none. */
export function createNetworkRbac(config: NetworkRbacConfig, stats: RbacStats, clock: Clock): NetworkGate {
	const recordOf = ({ facts }: DownstreamConnection) => createStreamInfo(facts, clock.now(), clock.wall());
	function judge(rules: RbacRules, connection: DownstreamConnection): ReturnType<typeof authorize> {
		return authorize(rules, recordOf(connection));
	}
	return {
		watchesBytes: config.isContinuous,
		judge(connection) {
			if (config.rules === undefined) return undefined;
			const { allowed, policy } = judge(config.rules, connection);
			if (allowed) return undefined;
			return {
				terminationDetails: `rbac_access_denied_matched_policy[${policy}]`,
				closeReason: "rbac_deny_close",
				delayMs: config.delayDenyMs,
				lacks: formatDenial(explainDenial(config.rules, recordOf(connection))),
			};
		},
		onFirstByte(connection) {
			if (config.shadowRules !== undefined) {
				const { allowed, matched, policy } = judge(config.shadowRules, connection);
				(allowed ? stats.shadow_allowed : stats.shadow_denied).value++;
				connection.facts.dynamicMetadata?.set(metadataNamespace, {
					...(connection.facts.dynamicMetadata.get(metadataNamespace) as object | undefined),
					[`${config.shadowRulesStatPrefix}shadow_engine_result`]: allowed ? "allowed" : "denied",
					...(matched ? { [`${config.shadowRulesStatPrefix}shadow_effective_policy_id`]: policy } : {}),
				});
			}
			if (config.rules === undefined) return;
			(judge(config.rules, connection).allowed ? stats.allowed : stats.denied).value++;
		},
	};
}
