import type { Clock, Log, Random, Timer } from "../../core/index.ts";
import type { GrpcClients } from "../grpc-client/index.ts";
import type { GrpcServiceConfig } from "../runtime-config/index.ts";
import { QuotaClient } from "./quota-client.ts";

/** The quota clients of a proxy, one for each service and domain: filters of listeners that replace one another go on with the same
 *  buckets. */
export interface QuotaClients {
	/** The client of a service; `release` when the filter is gone. */
	acquire(service: GrpcServiceConfig, domain: string): { readonly client: QuotaClient; release(): void };
	close(): void;
}

/** What quota clients need of the proxy. */
export interface QuotaContext {
	readonly clock: Clock;
	readonly random: Random;
	readonly log: Log;
	readonly grpc: GrpcClients;
}

/** A client that no filter uses is kept this long, for the listener that comes in the place of another. */
const keptMs = 10_000;

/** Creates the quota clients of a proxy. */
export function createQuotaClients(context: QuotaContext): QuotaClients {
	const known = new Map<string, { readonly client: QuotaClient; users: number; timer: Timer | undefined }>();
	return {
		acquire(service, domain) {
			const key = JSON.stringify([service.target, domain]);
			let entry = known.get(key);
			if (entry === undefined) {
				const { clock, random, log, grpc } = context;
				const client = new QuotaClient({ ...{ clock, random, log, domain }, service: grpc.client(service) });
				entry = { client, users: 0, timer: undefined };
				known.set(key, entry);
			}
			const used = entry;
			used.users++;
			used.timer?.cancel();
			let isReleased = false;
			return {
				client: used.client,
				release() {
					if (isReleased) return;
					isReleased = true;
					if (--used.users > 0) return;
					used.timer = context.clock.setTimer(
						keptMs,
						() => {
							known.delete(key);
							used.client.close();
						},
						{ unref: true },
					);
				},
			};
		},
		close() {
			for (const { client, timer } of known.values()) {
				timer?.cancel();
				client.close();
			}
			known.clear();
		},
	};
}
