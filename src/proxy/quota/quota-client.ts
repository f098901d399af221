import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
	type RateLimitQuotaResponse,
	RateLimitQuotaResponseSchema,
	RateLimitQuotaUsageReportsSchema,
} from "../../api/gen/envoy/service/rate_limit_quota/v3/rlqs_pb.js";
import { type Clock, computeBackoff, describeError, type Log, type Random, type Timer } from "../../core/index.ts";
import { type QuotaBucket, QuotaBuckets, quotaKey } from "../../engine/quota/index.ts";
import type { GrpcClient, GrpcStream } from "../grpc-client/index.ts";
import { type QuotaBucketSettings, readQuotaStrategy } from "../runtime-config/index.ts";

/** What a quota client needs. */
export interface QuotaClientOptions {
	readonly service: GrpcClient;
	readonly domain: string;
	readonly clock: Clock;
	readonly random: Random;
	readonly log: Log;
}

const path = "/envoy.service.rate_limit_quota.v3.RateLimitQuotaService/StreamRateLimitQuotas";
/** Buckets kept of one service; further ones take the place of those that are not used. */
export const maxBuckets = 100_000;
/** New buckets of so short a time are told of together. */
const gatherMs = 2;
/** A bucket without requests is told of this often, so that its lease goes on. */
const idleReportMs = 4_000;
const usagesPerMessage = 1_000;
const retry = { baseMs: 500, maxMs: 5_000 };

/** The buckets of one quota service and domain, shared by all filters that name both: says what was let through, takes leases.
 *  Spec: `envoy.service.rate_limit_quota.v3`. */
export class QuotaClient {
	readonly #options: QuotaClientOptions;
	readonly #buckets = new QuotaBuckets(maxBuckets);
	#fresh: QuotaBucket[] = [];
	#stream: GrpcStream | undefined;
	#gather: Timer | undefined;
	#report: Timer | undefined;
	#reportMs = Number.POSITIVE_INFINITY;
	#attempts = 0;
	#isClosed = false;

	constructor(options: QuotaClientOptions) {
		this.#options = options;
	}

	/** The bucket of a name; one that was not there is told of at once. */
	bucketOf(key: string, idOf: () => Readonly<Record<string, string>>, settings: QuotaBucketSettings): QuotaBucket {
		const known = this.#buckets.get(key);
		if (known !== undefined) return known;
		const now = this.#options.clock.now();
		const bucket = this.#buckets.add(key, idOf(), settings.fallback, now);
		this.#reportMs = Math.min(this.#reportMs, settings.reportMs);
		this.#fresh.push(bucket);
		this.#gather ??= this.#options.clock.setTimer(gatherMs, () => this.#tellFresh(), { unref: true });
		this.#arm();
		return bucket;
	}

	close(): void {
		this.#isClosed = true;
		this.#gather?.cancel();
		this.#report?.cancel();
		this.#stream?.cancel();
		this.#stream = undefined;
	}

	#tellFresh(): void {
		this.#gather = undefined;
		const fresh = this.#fresh;
		this.#fresh = [];
		if (this.#stream === undefined) this.#open();
		this.#send(fresh);
	}

	#arm(): void {
		if (this.#report !== undefined || this.#isClosed) return;
		this.#report = this.#options.clock.setTimer(
			this.#reportMs,
			() => {
				this.#report = undefined;
				this.#tellUsage();
				if (this.#buckets.size > 0) this.#arm();
			},
			{ unref: true },
		);
	}

	#tellUsage(): void {
		if (this.#stream === undefined) return;
		const now = this.#options.clock.now();
		const due: QuotaBucket[] = [];
		for (const bucket of this.#buckets.values())
			if (bucket.hasUsage || bucket.unreportedMs(now) >= idleReportMs) due.push(bucket);
		this.#send(due);
	}

	#open(): void {
		const { service, log } = this.#options;
		this.#stream = service.stream(path, {
			onMessage: (message) => this.#onMessage(message),
			onEnd: ({ code, message }) => {
				log.debug("quota stream ended", { cluster: service.clusterName, code, message });
				this.#stream = undefined;
				this.#retry();
			},
		});
	}

	/** Leases go on meanwhile, and then what holds without them. */
	#retry(): void {
		if (this.#isClosed) return;
		const delay = retry.baseMs / 2 + computeBackoff(retry, this.#attempts++, this.#options.random);
		this.#options.clock.setTimer(
			delay,
			() => {
				if (this.#isClosed || this.#stream !== undefined || this.#buckets.size === 0) return;
				this.#open();
				// All of them: the service may be another one, or have forgotten.
				this.#send([...this.#buckets.values()]);
			},
			{ unref: true },
		);
	}

	#send(buckets: readonly QuotaBucket[]): void {
		const { clock, domain } = this.#options;
		const now = clock.now();
		for (let from = 0; from < buckets.length && this.#stream !== undefined; from += usagesPerMessage) {
			const message = create(RateLimitQuotaUsageReportsSchema, {
				domain,
				bucketQuotaUsages: buckets.slice(from, from + usagesPerMessage).map((bucket) => {
					const { allowed, denied, elapsedMs } = bucket.takeUsage(now);
					const micros = Math.max(1, Math.round(elapsedMs * 1_000));
					return {
						bucketId: { bucket: { ...bucket.id } },
						timeElapsed: { seconds: BigInt(Math.floor(micros / 1e6)), nanos: (micros % 1e6) * 1_000 },
						numRequestsAllowed: BigInt(allowed),
						numRequestsDenied: BigInt(denied),
					};
				}),
			});
			this.#stream.send(toBinary(RateLimitQuotaUsageReportsSchema, message));
		}
	}

	#onMessage(bytes: Buffer): void {
		const { clock, log } = this.#options;
		let response: RateLimitQuotaResponse;
		try {
			response = fromBinary(RateLimitQuotaResponseSchema, bytes);
		} catch (error) {
			log.warn("a quota service sends what is no response", { problem: describeError(error) });
			return;
		}
		this.#attempts = 0;
		const now = clock.now();
		for (const { bucketId, bucketAction } of response.bucketAction) {
			const key = quotaKey(bucketId?.bucket ?? {});
			const bucket = this.#buckets.get(key);
			if (bucket === undefined) continue;
			if (bucketAction.case === "abandonAction") {
				this.#buckets.delete(key);
				continue;
			}
			if (bucketAction.case !== "quotaAssignmentAction") continue;
			const { assignmentTimeToLive, rateLimitStrategy } = bucketAction.value;
			const strategy = readQuotaStrategy(rateLimitStrategy);
			if (strategy === undefined) {
				log.warn("a quota service gives a lease of a kind that is not supported", { bucket: key });
				continue;
			}
			const ttlMs =
				assignmentTimeToLive === undefined
					? undefined
					: Number(assignmentTimeToLive.seconds) * 1_000 + assignmentTimeToLive.nanos / 1e6;
			bucket.assign(strategy, ttlMs, now);
		}
	}
}
