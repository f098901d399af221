import { type AttestedAgent, findAgentEntries, type RegistrationEntry, type SpiffeId } from "../../model/index.ts";
import type { EntryRegistry } from "../../registry/index.ts";

/** What agents may give out. */
export interface AgentEntries {
	/** By id. The same map as long as neither the entries nor the agent change: an agent that has thousands of certificates signed is looked
	 *  for once. */
	of(agent: AttestedAgent): ReadonlyMap<string, RegistrationEntry>;
}

/** @param serverId the control plane's own ID, parent of aliases */
export function createAgentEntries(entries: Pick<EntryRegistry, "list">, serverId: SpiffeId): AgentEntries {
	let all: readonly RegistrationEntry[] = [];
	let known = new WeakMap<AttestedAgent, ReadonlyMap<string, RegistrationEntry>>();
	return {
		of(agent) {
			const now = entries.list();
			if (now !== all) {
				all = now;
				known = new WeakMap();
			}
			const kept = known.get(agent);
			if (kept !== undefined) return kept;
			const found = new Map(findAgentEntries(now, agent, serverId).map((entry) => [entry.id, entry]));
			known.set(agent, found);
			return found;
		},
	};
}
