import type { Clock } from "../../../../core/index.ts";
import { authorize } from "../../../../engine/authorization/index.ts";
import { createStreamInfo } from "../../../../engine/format/index.ts";
import type { NetworkRbacConfig } from "../../../runtime-config/index.ts";
import type { RbacStats } from "../../../stats/index.ts";
import type { NetworkGate } from "../network-filter.ts";

/** Judges connections once their handshake is done: a peer that waits for the server's greeting gets none either. */
export function createNetworkRbac(config: NetworkRbacConfig, stats: RbacStats, clock: Clock): NetworkGate {
	return {
		judge({ facts }) {
			const stream = createStreamInfo(facts, clock.now(), clock.wall());
			if (config.shadowRules !== undefined) {
				const count = authorize(config.shadowRules, stream).allowed ? stats.shadow_allowed : stats.shadow_denied;
				count.value++;
			}
			if (config.rules === undefined) return undefined;
			const { allowed, policy } = authorize(config.rules, stream);
			if (allowed) {
				stats.allowed.value++;
				return undefined;
			}
			stats.denied.value++;
			return { terminationDetails: `rbac_access_denied_matched_policy[${policy}]`, delayMs: config.delayDenyMs };
		},
	};
}
