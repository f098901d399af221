import { isDeepStrictEqual } from "node:util";
import { type HeaderList, removeHeader, type Timer } from "../../../../core/index.ts";
import { ResponseFlag } from "../../../../engine/format/index.ts";
import type { MetadataCriteria } from "../../../../engine/matcher/index.ts";
import { type AttemptReset, type RetryPolicy, RetryState } from "../../../../engine/retry/index.ts";
import type { ForwardAction } from "../../../../engine/router/index.ts";
import { isFeatureEnabled } from "../../../../engine/runtime/index.ts";
import type { Host } from "../../../cluster/index.ts";
import type { UpstreamCluster } from "../../../connection-pool/index.ts";
import type { VirtualClusterStats } from "../../../stats/index.ts";
import { PassRequestHead, type PassResponseHead } from "../pass-head.ts";
import type { StreamRecord } from "../stream-record.ts";
import type { AttemptFailure } from "./response-details.ts";
import type { RouterFilter } from "./router-filter.ts";

const headerNames = [
	"x-envoy-retry-on",
	"x-envoy-retry-grpc-on",
	"x-envoy-max-retries",
	"x-envoy-hedge-on-per-try-timeout",
	"x-envoy-retriable-header-names",
	"x-envoy-retriable-status-codes",
] as const;

const noHeaders: HeaderList = [];
const plainRequest = new PassRequestHead(noHeaders, "", "", "", "", undefined);

type RetryCounter =
	| "upstream_rq_retry"
	| "upstream_rq_retry_limit_exceeded"
	| "upstream_rq_retry_overflow"
	| "upstream_rq_retry_success";

/** What `x-envoy-retry-on` falls back to on routes without a policy. */
const emptyPolicy: RetryPolicy = {
	retryOn: 0,
	numRetries: 1,
	perTryTimeoutMs: 0,
	perTryIdleTimeoutMs: 0,
	retriableStatusCodes: [],
	backOffBaseMs: 25,
	backOffMaxMs: 250,
	rateLimitedBackOff: undefined,
	retriableHeaders: [],
	retriableRequestHeaders: [],
	hostPredicates: [],
	previousPrioritiesUpdateFrequency: undefined,
	hostSelectionMaxAttempts: 1,
};

const resets: Readonly<Record<AttemptFailure, AttemptReset>> = {
	overflow: "overflow",
	"local connection failure": "connect-failure",
	"remote connection failure": "connect-failure",
	"connection timeout": "connect-failure",
	"connection termination": "reset",
	"local reset": "reset",
	"remote reset": "reset",
	"remote refused stream reset": "refused-stream",
	"remote error with CONNECT request": "reset",
	"protocol error": "reset",
	"maximum duration": "reset",
};

/** The retries of one request: the engine decides, this keeps breakers, counts, hosts tried and the back-off timer. */
export class RetryController {
	readonly #state: RetryState;
	readonly #upstream: UpstreamCluster;
	readonly #filter: RouterFilter;
	readonly #record: StreamRecord;
	readonly #priority: "default" | "high";
	readonly #tried: Host[] = [];
	#holdsResource = false;
	#timer: Timer | undefined;
	/** Whether an attempt was repeated. */
	hasRetried = false;
	readonly hostSelectionMaxAttempts: number;

	/** Of the request's virtual cluster and route. */
	readonly #routes: readonly VirtualClusterStats[];

	private constructor(
		state: RetryState,
		upstream: UpstreamCluster,
		filter: RouterFilter,
		record: StreamRecord,
		priority: "default" | "high",
		routes: readonly VirtualClusterStats[],
	) {
		this.#routes = routes;
		this.#state = state;
		this.#upstream = upstream;
		this.#filter = filter;
		this.#record = record;
		this.#priority = priority;
		this.hostSelectionMaxAttempts = state.policy.hostSelectionMaxAttempts;
	}

	/** Undefined when nothing of this request is retried. */
	static create(
		filter: RouterFilter,
		action: ForwardAction,
		upstream: UpstreamCluster,
		request: PassRequestHead,
		record: StreamRecord,
		routes: readonly VirtualClusterStats[],
	): RetryController | undefined {
		const hasExtensions = request.mayHaveEnvoyFields;
		const policy = action.retryPolicy ?? (hasExtensions ? emptyPolicy : undefined);
		if (policy === undefined) return undefined;
		const isPlain = !hasExtensions && policy.retriableRequestHeaders.length === 0;
		const state = RetryState.create(policy, isPlain ? plainRequest : request);
		if (hasExtensions) for (const name of headerNames) removeHeader(request.headers, name);
		return state === undefined
			? undefined
			: new RetryController(state, upstream, filter, record, action.priority, routes);
	}

	/** A host was chosen. */
	noteHost(host: Host): void {
		this.#tried.push(host);
	}

	/** The priorities the next choice leaves out; undefined while the policy has no opinion (`previous_priorities`). */
	get attemptedPriorities(): readonly number[] | undefined {
		const frequency = this.#state.policy.previousPrioritiesUpdateFrequency;
		if (frequency === undefined || this.#tried.length < frequency) return undefined;
		const counted = this.#tried.length - (this.#tried.length % frequency);
		return [...new Set(this.#tried.slice(0, counted).map((host) => this.#upstream.cluster.priorityOf(host)))];
	}

	/** Whether the policy wants another host than this one for a retry. */
	rejectsHost(host: Host): boolean {
		if (!this.hasRetried) return false;
		return this.#state.policy.hostPredicates.some((predicate) => {
			switch (predicate.kind) {
				case "previous-hosts":
					return this.#tried.includes(host);
				case "omit-canary-hosts":
					return host.canary;
				default:
					return meetsCriteria(predicate.criteria, host);
			}
		});
	}

	/** Whether a response is dropped and the request tried again. */
	retriesResponse(status: number, head: PassResponseHead): boolean {
		const headers = head.mayHaveEnvoyFields || this.#state.readsHeaders ? head.headers : noHeaders;
		return this.#decide(this.#state.wantsResponse(status, headers));
	}

	/** Whether a broken attempt is tried again. */
	retriesReset(reason: AttemptFailure, requestStarted: boolean): boolean {
		return this.#decide(this.#state.wantsReset(resets[reason], requestStarted));
	}

	/** Whether an attempt that took too long is tried again. */
	retriesTimeout(): boolean {
		return this.#decide(this.#state.wantsReset("reset", true));
	}

	/** Runs `again` after the back-off. `head` is the response that is retried. */
	schedule(head: PassResponseHead | undefined, again: () => void): void {
		const { clock, random } = this.#filter.context;
		const { stats } = this.#upstream.cluster;
		const { delayMs, rateLimited } = this.#state.nextBackOff(random, clock.wall(), head?.headers);
		if (rateLimited) stats.upstream_rq_retry_backoff_ratelimited.value++;
		else stats.upstream_rq_retry_backoff_exponential.value++;
		this.#timer = clock.setTimer(delayMs, () => {
			this.#timer = undefined;
			again();
		});
	}

	close(): void {
		this.#timer?.cancel();
		this.#timer = undefined;
		this.#release();
	}

	#decide(wanted: boolean): boolean {
		if (!wanted && this.hasRetried) this.#count("upstream_rq_retry_success");
		this.#release();
		if (!wanted) return false;
		const { runtime, random } = this.#filter.context;
		if (
			runtime.get("upstream.use_retry") !== undefined &&
			!isFeatureEnabled(runtime, "upstream.use_retry", 100, random.next())
		)
			return false;
		if (!this.#state.take()) {
			this.#count("upstream_rq_retry_limit_exceeded");
			this.#record.addEarlyFlag(ResponseFlag.upstreamRetryLimitExceeded);
			return false;
		}
		const resources = this.#upstream.cluster.resources(this.#priority);
		if (!resources.tryAcquireRetry()) {
			this.#count("upstream_rq_retry_overflow");
			this.#record.mergeDynamicMetadata("amime", { limit: resources.describeReached("retries") });
			this.#record.addEarlyFlag(ResponseFlag.upstreamOverflow);
			return false;
		}
		this.#holdsResource = true;
		this.hasRetried = true;
		this.#count("upstream_rq_retry");
		return true;
	}

	#count(name: RetryCounter): void {
		this.#upstream.cluster.stats[name].value++;
		for (const route of this.#routes) route[name].value++;
	}

	#release(): void {
		if (!this.#holdsResource) return;
		this.#holdsResource = false;
		this.#upstream.cluster.resources(this.#priority).releaseRetry();
	}
}

/** Whether a host's `envoy.lb` metadata has every value of the criteria. */
function meetsCriteria(criteria: MetadataCriteria, host: Host): boolean {
	const metadata = host.metadata["envoy.lb"];
	return Object.entries(criteria).every(([key, value]) => isDeepStrictEqual(metadata?.[key], value));
}
