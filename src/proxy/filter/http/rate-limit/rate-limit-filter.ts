import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { HeaderValue } from "../../../../api/gen/envoy/config/core/v3/base_pb.js";
import {
	RateLimitRequestSchema,
	type RateLimitResponse,
	RateLimitResponse_Code,
	RateLimitResponseSchema,
} from "../../../../api/gen/envoy/service/ratelimit/v3/rls_pb.js";
import { RateLimitUnit } from "../../../../api/gen/envoy/type/v3/ratelimit_unit_pb.js";
import { getHeader, type HeaderList, setHeader } from "../../../../core/index.ts";
import { ResponseFlag } from "../../../../engine/format/index.ts";
import { createDescriptors, type Descriptor, type RateLimitPolicy } from "../../../../engine/rate-limit/index.ts";
import { createHeaderOperations, type HeaderOperations } from "../../../../engine/router/index.ts";
import { isInFraction, type RuntimeFraction } from "../../../../engine/runtime/index.ts";
import type { UpstreamCluster } from "../../../connection-pool/index.ts";
import type { GrpcClient, GrpcResponse } from "../../../grpc-client/index.ts";
import type { RateLimitFilterConfig, RateLimitRouteConfig } from "../../../runtime-config/index.ts";
import { countForCluster } from "../../../stats/index.ts";
import { destinationOf } from "../destination.ts";
import type { FilterStream, HeadVerdict, HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";
import { changeRequest, isForAnswers } from "../request-fields.ts";
import { changeResponse, refuseWithoutStatus } from "../response-fields.ts";
import { routeConfigOf } from "../route-configs.ts";
import { createRateLimitHeaders, formatRetryAfter } from "./rate-limit-headers.ts";

const limitPath = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit";
const resourceExhausted = 8;

/** A request that is being asked about, or was. */
interface Inquiry {
	call: { cancel(): void } | undefined;
	/** What the service adds to the answer, and what the filter does. */
	headers: HeaderList;
}

/** Asks a service whether requests are too many. Spec: `envoy.extensions.filters.http.ratelimit.v3`. */
export function createRateLimitFilter(parts: FilterParts, config: RateLimitFilterConfig): HttpFilter {
	const { name, disabled, index } = parts;
	const limiter = new RemoteLimiter(parts, config);
	const inquiryOf = (stream: FilterStream): Inquiry | undefined => stream.getState(index) as Inquiry | undefined;
	return {
		name,
		disabled,
		index,
		onRequestHead: (stream) => limiter.onHead(stream),
		onResponseHead: (stream, head) => {
			const added = inquiryOf(stream)?.headers ?? [];
			let hasStatus = true;
			for (let index = 0; index < added.length; index += 2) {
				const change = { action: "add", name: added[index]!, value: added[index + 1]! } as const;
				hasStatus = changeResponse(head, change) && hasStatus;
			}
			if (hasStatus) return "continue";
			refuseWithoutStatus(stream);
			return "stop";
		},
		onEnd: (stream) => {
			inquiryOf(stream)?.call?.cancel();
			limiter.onDone(stream);
		},
	};
}

class RemoteLimiter {
	readonly #parts: FilterParts;
	readonly #config: RateLimitFilterConfig;
	readonly #client: GrpcClient;
	readonly #responseHeaders: HeaderOperations;

	constructor(parts: FilterParts, config: RateLimitFilterConfig) {
		this.#parts = parts;
		this.#config = config;
		this.#client = parts.context.grpc.client(config.service);
		this.#responseHeaders = createHeaderOperations([{ add: config.responseHeaders, remove: [] }]);
	}

	onHead(stream: FilterStream): HeadVerdict {
		const { enabled, requests } = this.#config;
		if (enabled !== undefined && !this.#draws(enabled)) return "continue";
		if (requests !== "both") {
			const isInternal = stream.request.get("x-envoy-internal") === "true";
			if (isInternal !== (requests === "internal")) return "continue";
		}
		const upstream = this.#upstreamOf(stream);
		if (upstream === undefined) return "continue";
		const descriptors = this.#describe(stream, false);
		if (descriptors.length === 0) return "continue";
		const inquiry: Inquiry = { call: undefined, headers: [] };
		stream.setState(this.#parts.index, inquiry);
		inquiry.call = this.#ask(stream, descriptors, (response) => {
			inquiry.call = undefined;
			if (!stream.isOver && !stream.responseStarted) this.#conclude(stream, inquiry, upstream, response);
		});
		return "stop";
	}

	/** Counts what counts at the end of a request. */
	onDone(stream: FilterStream): void {
		if (this.#upstreamOf(stream) === undefined) return;
		const descriptors = this.#describe(stream, true);
		if (descriptors.length > 0) this.#ask(stream, descriptors, () => undefined);
	}

	#draws(fraction: RuntimeFraction): boolean {
		const { random, runtime } = this.#parts.context;
		return isInFraction(fraction, random.next(), runtime);
	}

	#ask(stream: FilterStream, descriptors: readonly Descriptor[], done: (response: GrpcResponse) => void) {
		const ofRoute = routeConfigOf(stream, this.#parts.name, "rate-limit")?.config;
		const request = create(RateLimitRequestSchema, {
			domain: ofRoute === undefined || ofRoute.domain === "" ? this.#config.domain : ofRoute.domain,
			descriptors: descriptors.map(({ entries, hits, limit }) => ({
				entries: entries.map(({ key, value }) => ({ key: toUtf8(key), value: toUtf8(value) })),
				...(hits === undefined ? {} : { hitsAddend: BigInt(hits) }),
				...(limit === undefined
					? {}
					: {
							limit: {
								requestsPerUnit: limit.requestsPerUnit,
								unit: RateLimitUnit[limit.unit as keyof typeof RateLimitUnit] ?? RateLimitUnit.UNKNOWN,
							},
						}),
			})),
		});
		const message = toBinary(RateLimitRequestSchema, request);
		return this.#client.unary(limitPath, message, { timeoutMs: this.#config.timeoutMs, stream: stream.record }, done);
	}

	#describe(stream: FilterStream, atEnd: boolean): Descriptor[] {
		const { context, name } = this.#parts;
		const destinationCluster = destinationOf(stream);
		const ofRoute = routeConfigOf(stream, name, "rate-limit")?.config;
		const policies = this.#choosePolicies(stream, ofRoute).filter(
			(policy) => policy.onStreamDone === atEnd && this.#isPolicyOn(policy),
		);
		const { record, request } = stream;
		return createDescriptors(policies, {
			stream: record,
			request,
			localCluster: context.nodeCluster,
			destinationCluster,
		});
	}

	#isPolicyOn({ disableKey }: RateLimitPolicy): boolean {
		if (disableKey === "") return true;
		const runtimeKey = `ratelimit.${disableKey}.http_filter_enabled`;
		return this.#draws({ numerator: 100, denominator: 100, runtimeKey });
	}

	#choosePolicies({ route }: FilterStream, ofRoute: RateLimitRouteConfig | undefined): readonly RateLimitPolicy[] {
		if (ofRoute !== undefined && ofRoute.policies.length > 0) return ofRoute.policies;
		if (this.#config.policies.length > 0) return this.#config.policies;
		if (route?.action.kind !== "forward") return [];
		const own = route.action.rateLimits;
		const mode = route.action.includesVirtualHostRateLimits ? "include" : (ofRoute?.virtualHostPolicies ?? "override");
		const takesHost = mode === "include" || (mode === "override" && own.length === 0);
		const all = takesHost ? [...own, ...route.virtualHostRateLimits] : own;
		return all.filter(({ stage }) => stage === this.#config.stage);
	}

	#conclude(stream: FilterStream, inquiry: Inquiry, upstream: UpstreamCluster, response: GrpcResponse): void {
		const answer = response.code === 0 && response.body !== undefined ? decode(response.body) : undefined;
		if (answer === undefined) {
			this.#count(upstream, "error");
			this.#fail(stream, upstream);
			return;
		}
		const metadata = answer.dynamicMetadata as Readonly<Record<string, unknown>> | undefined;
		if (metadata !== undefined && Object.keys(metadata).length > 0) {
			stream.setDynamicMetadata(this.#config.metadataNamespace, metadata);
		}
		inquiry.headers = answer.responseHeadersToAdd.map(readField).flatMap(({ name, value }) => [name, value]);
		const isOver = answer.overallCode === RateLimitResponse_Code.OVER_LIMIT;
		this.#count(upstream, isOver ? "over_limit" : "ok");
		if (isOver) {
			upstream.cluster.responses.all.count(429);
			upstream.cluster.responses.external.count(429);
			if (this.#config.sendsRateLimitedHeader) setHeader(inquiry.headers, "x-envoy-ratelimited", "true");
		}
		if (this.#config.sendsRateLimitHeaders) inquiry.headers.push(...createRateLimitHeaders(answer.statuses));
		const { enforced } = this.#config;
		if (isOver && (enforced === undefined || this.#draws(enforced))) {
			this.#refuse(stream, inquiry, answer);
			return;
		}
		for (const field of answer.requestHeadersToAdd)
			changeRequest(stream.request, { action: "add", ...readField(field) });
		stream.continueRequest(this.#parts.index);
	}

	#refuse(stream: FilterStream, inquiry: Inquiry, answer: RateLimitResponse): void {
		const { limitedStatus, limitedAsResourceExhausted, sendsRetryAfter } = this.#config;
		const headers = keepAnswerable(inquiry.headers);
		inquiry.headers = [];
		const retryAfter = sendsRetryAfter && limitedStatus === 429 ? formatRetryAfter(answer.statuses) : undefined;
		if (retryAfter !== undefined && getHeader(headers, "retry-after") === undefined) {
			headers.push("retry-after", retryAfter);
		}
		this.#responseHeaders.apply(headers, stream.record);
		stream.sendLocalReply({
			status: limitedStatus,
			body: Buffer.from(answer.rawBody).toString("latin1"),
			isBinary: true,
			details: "request_rate_limited",
			flags: ResponseFlag.rateLimited,
			headers,
			...(limitedAsResourceExhausted ? { grpcStatus: resourceExhausted } : {}),
		});
	}

	#fail(stream: FilterStream, upstream: UpstreamCluster): void {
		const { deniesFailure, deniedFailures, statusOnError } = this.#config;
		if (deniedFailures === undefined ? !deniesFailure : !this.#draws(deniedFailures)) {
			this.#count(upstream, "failure_mode_allowed");
			stream.continueRequest(this.#parts.index);
			return;
		}
		stream.sendLocalReply({
			status: statusOnError,
			body: "",
			details: "rate_limiter_error",
			flags: ResponseFlag.rateLimitServiceError,
		});
	}

	#upstreamOf(stream: FilterStream): UpstreamCluster | undefined {
		return this.#parts.context.getCluster(destinationOf(stream) ?? "");
	}

	/** Counts for the cluster that the request would go to. */
	#count({ cluster }: UpstreamCluster, event: "ok" | "error" | "over_limit" | "failure_mode_allowed"): void {
		const prefix = this.#config.statPrefix.replace(/\.$/, "");
		countForCluster(cluster.statsScope, prefix === "" ? "ratelimit" : `ratelimit.${prefix}`, event);
	}
}

function decode(body: Buffer): RateLimitResponse | undefined {
	try {
		return fromBinary(RateLimitResponseSchema, body);
	} catch (_badMessage) {
		return undefined;
	}
}

function keepAnswerable(headers: HeaderList): HeaderList {
	return headers.flatMap((name, index) => {
		const value = headers[index + 1];
		return index % 2 === 0 && isForAnswers({ name, value: value! }) ? [name, value!] : [];
	});
}

/** As in Envoy, `raw_value` is not read. */
function readField({ key, value }: HeaderValue): { readonly name: string; readonly value: string } {
	return { name: Buffer.from(key.toLowerCase()).toString("latin1"), value: Buffer.from(value).toString("latin1") };
}

function toUtf8(text: string): string {
	return /^[\0-\x7f]*$/.test(text) ? text : Buffer.from(text, "latin1").toString("utf8");
}
