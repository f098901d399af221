import { randomUUID } from "node:crypto";
import { systemRandom } from "../../core/index.ts";
import type { Store } from "../../registry/index.ts";
import { joinQuotaMembers } from "./members.ts";
import { createQuotaService, type QuotaService, type QuotaServiceOptions } from "./quota-service.ts";

export interface OpenQuotaOptions extends QuotaServiceOptions {
	readonly store: Store;
	/** What is opened is put here, the first first. */
	readonly closers: (() => Promise<void> | void)[];
}

/** Opens the quota authority of a control plane, beside the others of its store.
 *  @throws MeshError of the store when it cannot be read */
export async function openQuota(options: OpenQuotaOptions): Promise<QuotaService> {
	const { store, clock, log, closers } = options;
	const quota = createQuotaService(options);
	closers.push(() => quota.close());
	const members = await joinQuotaMembers({ store, clock, log, random: systemRandom, id: randomUUID() });
	closers.push(() => members.close());
	quota.join(members);
	return quota;
}
