import type { SpiffeId } from "./spiffe-id.ts";

/** Who gets an identity: the workloads that `parentId` attests with at least these selectors. Fields as SPIRE's registration entries. */
export interface RegistrationEntry {
	/** Chosen by the control plane unless given; letters, digits, `.`, `_` and `-`. */
	readonly id: string;
	/** The identity. */
	readonly spiffeId: SpiffeId;
	/** The agent, or the identity of a group of agents, that may give it out. The control plane's own ID makes it an alias: an identity
	 *  of every agent whose own selectors match. */
	readonly parentId: SpiffeId;
	/** `type:value`, such as `unix:uid:1000`; a workload has the identity when it has all of them. */
	readonly selectors: readonly string[];
	/** The mesh's lifetime of certificates when absent. */
	readonly x509TtlMs?: number;
	/** Five minutes when absent. */
	readonly jwtTtlMs?: number;
	/** Names besides the SPIFFE ID in its certificate. */
	readonly dnsNames: readonly string[];
	/** Tells identities of one workload apart; empty for none. */
	readonly hint: string;
	/** Trust domains whose bundles its holders get. */
	readonly federatesWith: readonly string[];
	/** Its holders may use the control plane's admin API. */
	readonly admin: boolean;
	/** Its holders are authorities of the trust domain themselves. */
	readonly downstream: boolean;
	/** Milliseconds since the epoch; for good when absent. */
	readonly expiresAt?: number;
	/** Milliseconds since the epoch. */
	readonly createdAt: number;
}

/** A node that showed who it is. */
export interface AttestedAgent {
	readonly spiffeId: SpiffeId;
	/** How it showed that: `join_token`, `x509pop` or `k8s_psat`. */
	readonly attestor: string;
	/** What was found out about the node. */
	readonly selectors: readonly string[];
	/** Serial number of the certificate that it showed last. */
	readonly serial: string;
	/** Of a newer one that it has not shown yet. */
	readonly nextSerial?: string;
	/** The one before `serial`, and until when calls that were under way may show it still (milliseconds since the epoch). */
	readonly previous?: { readonly serial: string; readonly until: number };
	/** The name of the join token that it attested with, until it has shown a certificate: until then its answer may have been lost. */
	readonly joinToken?: string;
	/** Milliseconds since the epoch: the end of that certificate. */
	readonly expiresAt: number;
	/** Milliseconds since the epoch. */
	readonly attestedAt: number;
	/** It is refused until it is allowed again. */
	readonly isBanned: boolean;
}

/** Whether somebody with `present` has everything that `needed` asks for. */
export function matchesSelectors(needed: readonly string[], present: ReadonlySet<string>): boolean {
	return needed.length > 0 && needed.every((selector) => present.has(selector));
}

/** The entries that an agent may give out: those below its own ID, below its aliases, and below any of these.
 *  @param serverId the control plane's own ID, parent of aliases */
export function findAgentEntries(
	entries: readonly RegistrationEntry[],
	agent: Pick<AttestedAgent, "spiffeId" | "selectors">,
	serverId: SpiffeId,
): RegistrationEntry[] {
	const present = new Set(agent.selectors);
	const children = Map.groupBy(entries, (entry) => entry.parentId);
	const aliases = (children.get(serverId) ?? []).filter((entry) => matchesSelectors(entry.selectors, present));
	const parents = [agent.spiffeId, ...aliases.map((alias) => alias.spiffeId)];
	const seen = new Set<SpiffeId>();
	const found = new Set<RegistrationEntry>();
	for (let parent = parents.pop(); parent !== undefined; parent = parents.pop()) {
		if (seen.has(parent)) continue;
		seen.add(parent);
		for (const child of children.get(parent) ?? []) {
			// What the control plane is the parent of belongs to nodes.
			if (child.parentId === serverId) continue;
			found.add(child);
			parents.push(child.spiffeId);
		}
	}
	return [...found];
}
