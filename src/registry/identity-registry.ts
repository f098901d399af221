import { type Clock, type Log, silentLog, systemClock } from "../core/index.ts";
import type { AttestedAgent, RegistrationEntry } from "../model/index.ts";
import { type Challenges, createChallenges } from "./challenges.ts";
import { createEntryRegistry, type EntryRegistry } from "./entry-registry.ts";
import { createOneTimeSecrets, type OneTimeSecrets } from "./one-time-secrets.ts";
import { openRecordSet, type RecordSet } from "./record-set.ts";
import type { Store } from "./store.ts";

/** Registration entries, the nodes that attested, and what they attest with once: all control planes on one store share them. */
export interface IdentityRegistry {
	readonly entries: EntryRegistry;
	readonly agents: RecordSet<AttestedAgent>;
	readonly secrets: OneTimeSecrets;
	readonly challenges: Challenges;
	close(): void;
}

export interface IdentityRegistryOptions {
	readonly clock?: Clock;
	readonly log?: Log;
}

/** @throws MeshError of the store when it cannot be read */
export async function createIdentityRegistry(
	store: Store,
	options: IdentityRegistryOptions = {},
): Promise<IdentityRegistry> {
	const { clock = systemClock, log = silentLog } = options;
	const records = await openRecordSet<RegistrationEntry>(store, {
		prefix: "/amime/identity/entries/",
		parse: (value) => (hasText(value, "id", "spiffeId", "parentId") ? (value as RegistrationEntry) : undefined),
		clock,
		log,
	});
	const agents = await openRecordSet<AttestedAgent>(store, {
		prefix: "/amime/identity/agents/",
		parse: (value) => (hasText(value, "spiffeId", "attestor") ? (value as AttestedAgent) : undefined),
		clock,
		log,
	});
	const entries = createEntryRegistry(records, clock, log);
	return {
		entries,
		agents,
		secrets: createOneTimeSecrets(store, clock),
		challenges: createChallenges(store, clock),
		close() {
			entries.close();
			records.close();
			agents.close();
		},
	};
}

function hasText(value: unknown, ...fields: readonly string[]): boolean {
	if (typeof value !== "object" || value === null) return false;
	return fields.every((field) => typeof (value as Record<string, unknown>)[field] === "string");
}
