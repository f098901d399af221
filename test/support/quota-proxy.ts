import type { BucketId, QuotaAction, QuotaLedger } from "../../src/control/quota/ledger.ts";
import { QuotaBucket, type QuotaStrategy } from "../../src/engine/quota/index.ts";

/** A proxy as a quota authority sees it, on a clock of the test's: the engine's bucket, told leases as they would come over the wire. */
export interface QuotaProxy {
	readonly id: string;
	/** Of a steady load, what passed since the start. */
	passed: number;
	readonly bucket: QuotaBucket;
	/** Requests a second that it is asked for. */
	perSecond: number;
	/** Neither reports nor is told. */
	isCut: boolean;
}

const lost: QuotaStrategy = { kind: "bucket", config: { maxTokens: 1, tokensPerFill: 1, fillIntervalMs: 1_000 } };

/** A proxy without a lease; without one a request a second passes. */
export function createQuotaProxy(id: string, bucket: BucketId, perSecond: number, now: number): QuotaProxy {
	const fallback = { withoutLease: lost, expired: { strategy: lost, forMs: 3_600_000 } };
	return { id, passed: 0, bucket: new QuotaBucket(bucket, fallback, now), perSecond, isCut: false };
}

/** Passes time in steps of 10 ms: loads proxies, lets them report every second, lets the authority look every half second. */
export function passTime(
	ledgers: readonly QuotaLedger[],
	proxies: readonly (QuotaProxy & { readonly ledger?: QuotaLedger })[],
	from: number,
	ms: number,
	leaseMs: number,
	onTick: (now: number) => void = () => undefined,
): number {
	const byId = new Map(proxies.map((proxy) => [proxy.id, proxy]));
	const apply = (actions: readonly QuotaAction[], now: number): void => {
		for (const { holder, lease } of actions) {
			const proxy = byId.get(holder);
			if (proxy === undefined || proxy.isCut || lease === undefined) continue;
			proxy.bucket.assign(toStrategy(lease), leaseMs, now);
		}
	};
	const end = from + ms;
	for (let now = from; now < end; now += 10) {
		for (const [position, proxy] of proxies.entries()) {
			const due = Math.floor(((now + 10) * proxy.perSecond) / 1_000) - Math.floor((now * proxy.perSecond) / 1_000);
			for (let request = 0; request < due; request++) if (proxy.bucket.take(now)) proxy.passed++;
			if (proxy.isCut || (now + position * 130) % 1_000 >= 10) continue;
			const ledger = proxy.ledger ?? ledgers[0]!;
			const usage = proxy.bucket.takeUsage(now);
			ledger.report(proxy.id, proxy.bucket.id, usage, now);
			apply(ledger.settle(now), now);
		}
		if (now % 500 === 0) {
			onTick(now);
			for (const ledger of ledgers) apply(ledger.tick(now), now);
		}
	}
	return end;
}

function toStrategy(lease: NonNullable<QuotaAction["lease"]>): QuotaStrategy {
	if (lease.kind !== "bucket") return lease;
	const config = { maxTokens: lease.size, tokensPerFill: lease.rate, fillIntervalMs: 1_000 };
	return { kind: "bucket", config };
}
