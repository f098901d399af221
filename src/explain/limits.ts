import type { Provenance } from "../control/provenance/index.ts";
import { readLimitFilterName } from "../control/translate/index.ts";
import { evaluateTree } from "../engine/authorization/index.ts";
import type { StreamInfo } from "../engine/format/index.ts";
import { createDescriptors } from "../engine/rate-limit/index.ts";
import type { HttpFilterConfig } from "../proxy/runtime-config/index.ts";
import type { PreparedRequest } from "./http-request.ts";

type LimitFilter = Extract<HttpFilterConfig, { readonly kind: "local-rate-limit" | "rate-limit-quota" }>;

/** What a limit means for a request: the policy with its place, and how much may pass; undefined when it does not count the request. */
export function explainLimit(
	filter: LimitFilter,
	prepared: PreparedRequest,
	provenance: Provenance,
): string | undefined {
	if (!isCounted(filter, withIdentity(prepared))) return undefined;
	const [namespace, name, limit, part] = (readLimitFilterName(filter.name) ?? "").split("/");
	// What stands in for a lease until there is one.
	if (part !== undefined) return undefined;
	if (namespace === undefined || name === undefined || limit === undefined)
		return `requests may be limited (filter ${filter.name})`;
	const object = provenance.of("RateLimitPolicy", { namespace, name });
	const place = object === undefined ? "" : ` (${object.file}:${object.line})`;
	return `counted by RateLimitPolicy ${namespace}/${name}, limit ${limit}${place}: ${describeAmount(filter)}`;
}

function isCounted(filter: LimitFilter, { request, stream }: PreparedRequest): boolean {
	if (filter.kind === "rate-limit-quota") return evaluateTree(filter.config.tree, stream) !== undefined;
	const { policies, limiter } = filter.config;
	if (limiter.bucket !== undefined || policies.length === 0) return true;
	return createDescriptors(policies, { stream, request, localCluster: "", destinationCluster: "" }).length > 0;
}

function describeAmount(filter: LimitFilter): string {
	if (filter.kind === "rate-limit-quota") return "a budget that all proxies share";
	const bucket = filter.config.limiter.descriptors[0]?.bucket ?? filter.config.limiter.bucket;
	if (bucket === undefined) return "no budget";
	const { tokensPerFill, fillIntervalMs, maxTokens } = bucket;
	return `${tokensPerFill} in ${fillIntervalMs / 1000} s, ${maxTokens} at once, for each proxy`;
}

/** What the proxy itself would write of its caller. */
function withIdentity(prepared: PreparedRequest): PreparedRequest {
	const { request, stream } = prepared;
	const identity = stream.connection.tls?.peer?.uriSans[0];
	if (identity === undefined) return prepared;
	const named = { ...request, headers: [...request.headers, "x-forwarded-client-cert", `By=;Hash=;URI=${identity}`] };
	const seen: StreamInfo = Object.create(stream, { request: { value: named } });
	return { request: named, stream: seen };
}
