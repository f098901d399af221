import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Server, type ServerDuplexStream, status } from "@grpc/grpc-js";
import {
	type RateLimitQuotaResponse,
	RateLimitQuotaResponseSchema,
	type RateLimitQuotaUsageReports,
	RateLimitQuotaUsageReportsSchema,
} from "../../api/gen/envoy/service/rate_limit_quota/v3/rlqs_pb.js";
import type { Clock, Log, Timer } from "../../core/index.ts";
import { formatLimitName, type RateLimitPolicy } from "../../model/index.ts";
import { type StreamPeer, streamPeerOf } from "../../xds/server/index.ts";
import type { ControlMetrics } from "../metrics.ts";
import { quotaDomain, quotaNodeHeader } from "../translate/index.ts";
import type { Budget } from "./lease.ts";
import { type BucketStatus, type QuotaAction, QuotaLedger } from "./ledger.ts";
import { maxPublished, type QuotaMembers } from "./members.ts";
import { encodeActions } from "./messages.ts";

/** The times of a quota authority. */
export interface QuotaTimes {
	/** How long a lease is good for; 12 s by default, twice what a stock Envoy takes to report and more. Whole seconds. */
	readonly leaseMs?: number;
	/** How often leases are looked at; 500 ms by default. */
	readonly tickMs?: number;
}

export interface QuotaServiceOptions extends QuotaTimes {
	/** Why a peer may not speak for the proxy of an instance, `namespace/name`, or for one without a name; without it everybody may. */
	readonly refuse?: (peer: StreamPeer, name: string | undefined) => string | undefined;
	readonly clock: Clock;
	readonly log: Log;
	readonly metrics: Pick<ControlMetrics, "counter" | "gauge">;
}

/** The quota authority of a control plane: proxies report over it what they let through, and are told what they may. */
export interface QuotaService {
	addTo(server: Pick<Server, "addService">): void;
	/** The limits in force. */
	apply(policies: readonly RateLimitPolicy[]): void;
	/** The other control planes of the store. */
	join(members: QuotaMembers): void;
	/** Every bucket that is known here, the most wanted first. */
	status(): BucketStatus[];
	close(): void;
}

type Call = Pick<
	ServerDuplexStream<RateLimitQuotaUsageReports, RateLimitQuotaResponse>,
	"metadata" | "getPeer" | "getAuthContext" | "write" | "end" | "on" | "emit"
>;

/** A proxy's stream; one that does not read what it is told is told no more until it does. */
interface QuotaStream {
	readonly call: Call;
	isBlocked: boolean;
}

/** A stock Envoy reports every 5 s; a lease outlives two reports that got lost. */
export const defaultLeaseMs = 12_000;
const defaultTickMs = 500;
/** Buckets in one report; more are not read. */
const maxUsages = 10_000;

/** Creates a quota authority without limits. Spec: `envoy.service.rate_limit_quota.v3`. */
export function createQuotaService(options: QuotaServiceOptions): QuotaService {
	const { clock, log } = options;
	const leaseMs = options.leaseMs ?? defaultLeaseMs;
	const budgets = new Map<string, Budget>();
	const calls = new Map<string, QuotaStream>();
	const reports = options.metrics.counter("amime_quota_reports_total");
	const refused = options.metrics.counter("amime_quota_refused_reports_total");
	const told = options.metrics.counter("amime_quota_leases_total");
	const buckets = options.metrics.gauge("amime_quota_buckets");
	const streams = options.metrics.gauge("amime_quota_streams");
	const ledger = new QuotaLedger({
		budgetOf: (limit) => budgets.get(limit),
		leaseMs,
		reportMs: leaseMs / 2,
	});
	let members: QuotaMembers | undefined;
	let sequence = 0;

	function tell(actions: readonly QuotaAction[]): void {
		if (actions.length === 0) return;
		for (const [holder, own] of Map.groupBy(actions, (action) => action.holder)) {
			const stream = calls.get(holder);
			if (stream === undefined || stream.isBlocked) continue;
			told.value += own.length;
			stream.isBlocked = !stream.call.write(encodeActions(own, leaseMs));
		}
	}

	function open(call: Call): void {
		const [named] = call.metadata.get(quotaNodeHeader);
		const holder = named === undefined || named === "" ? `${call.getPeer()} #${++sequence}` : String(named);
		// Who speaks for another proxy would take its lease away.
		const refusal = options.refuse?.(streamPeerOf(call), named === undefined ? undefined : String(named));
		if (refusal !== undefined) {
			const failure = { code: status.PERMISSION_DENIED, details: refusal };
			call.emit("error", Object.assign(new Error(refusal), failure));
			return;
		}
		// A proxy that connects anew goes on under its name; its old stream is over, whatever it thinks.
		calls.get(holder)?.call.end();
		const stream = { call, isBlocked: false };
		calls.set(holder, stream);
		streams.value = calls.size;
		ledger.connected(holder);
		let domain: string | undefined;
		const end = (): void => {
			if (calls.get(holder) !== stream) return;
			calls.delete(holder);
			streams.value = calls.size;
			ledger.disconnected(holder, clock.now());
		};
		call.on("data", (message: RateLimitQuotaUsageReports) => {
			domain ??= message.domain;
			if (domain !== quotaDomain) {
				refused.value++;
				return;
			}
			take(holder, message);
		});
		call.on("error", (error) => log.debug("quota stream broke", { holder, problem: error.message }));
		call.on("drain", () => {
			stream.isBlocked = false;
		});
		call.on("end", () => call.end());
		call.on("close", end);
		call.on("cancelled", end);
	}

	function take(holder: string, message: RateLimitQuotaUsageReports): void {
		const now = clock.now();
		for (const usage of message.bucketQuotaUsages.slice(0, maxUsages)) {
			const { timeElapsed } = usage;
			const elapsedMs = Number(timeElapsed?.seconds ?? 0n) * 1000 + (timeElapsed?.nanos ?? 0) / 1e6;
			const counts = {
				allowed: Number(usage.numRequestsAllowed),
				denied: Number(usage.numRequestsDenied),
				elapsedMs,
			};
			reports.value++;
			const fault = ledger.report(holder, usage.bucketId?.bucket ?? {}, counts, now);
			if (fault === undefined) {
				countRequests(usage.bucketId!.bucket["limit"]!, counts);
				continue;
			}
			refused.value++;
			log.debug("a proxy's report is not taken", { holder, fault, limit: usage.bucketId?.bucket["limit"] ?? "" });
		}
		tell(ledger.settle(now));
	}

	/** Limits are of the configuration, so there are few. */
	function countRequests(
		limit: string,
		{ allowed, denied }: { readonly allowed: number; readonly denied: number },
	): void {
		options.metrics.counter("amime_rate_limit_requests_total", { limit, result: "allowed" }).value += allowed;
		options.metrics.counter("amime_rate_limit_requests_total", { limit, result: "limited" }).value += denied;
	}

	let timer: Timer | undefined;
	const arm = (): void => {
		timer = clock.setTimer(
			options.tickMs ?? defaultTickMs,
			() => {
				if (members !== undefined) {
					members.publish(ledger.demands(maxPublished));
					const { shareOf } = members;
					ledger.setShares(shareOf);
				}
				tell(ledger.tick(clock.now()));
				buckets.value = ledger.size;
				arm();
			},
			{ unref: true },
		);
	};
	arm();

	return {
		addTo(server) {
			server.addService(
				{
					stream: {
						path: "/envoy.service.rate_limit_quota.v3.RateLimitQuotaService/StreamRateLimitQuotas",
						requestStream: true,
						responseStream: true,
						requestSerialize: (message: RateLimitQuotaUsageReports) =>
							Buffer.from(toBinary(RateLimitQuotaUsageReportsSchema, message)),
						requestDeserialize: (bytes: Buffer) => fromBinary(RateLimitQuotaUsageReportsSchema, bytes),
						responseSerialize: (message: RateLimitQuotaResponse) =>
							Buffer.from(toBinary(RateLimitQuotaResponseSchema, message)),
						responseDeserialize: (bytes: Buffer) => fromBinary(RateLimitQuotaResponseSchema, bytes),
					},
				},
				{ stream: open },
			);
		},
		apply(policies) {
			const next = describeBudgets(policies);
			let isChanged = next.size !== budgets.size;
			for (const [limit, budget] of next) {
				const known = budgets.get(limit);
				if (known !== undefined && isSameBudget(known, budget)) continue;
				isChanged = true;
				budgets.set(limit, budget);
			}
			for (const limit of budgets.keys()) if (!next.has(limit)) budgets.delete(limit);
			if (!isChanged) return;
			const now = clock.now();
			tell([...ledger.limitsChanged(now), ...ledger.settle(now)]);
		},
		join(joined) {
			members = joined;
		},
		status: () => ledger.status(clock.now()),
		close() {
			timer?.cancel();
			for (const { call } of calls.values()) call.end();
			calls.clear();
		},
	};
}

function describeBudgets(policies: readonly RateLimitPolicy[]): Map<string, Budget> {
	const budgets = new Map<string, Budget>();
	for (const policy of policies)
		for (const limit of policy.limits) {
			if (limit.scope !== "global") continue;
			const name = formatLimitName(policy, limit);
			budgets.set(name, {
				limit: name,
				rate: limit.requests / limit.unitSeconds,
				burst: limit.burst,
				isDryRun: limit.isDryRun,
				maxKeys: limit.maxKeys,
			});
		}
	return budgets;
}

function isSameBudget(left: Budget, right: Budget): boolean {
	return (
		left.rate === right.rate &&
		left.burst === right.burst &&
		left.isDryRun === right.isDryRun &&
		left.maxKeys === right.maxKeys
	);
}
