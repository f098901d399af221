import { evaluateTree } from "../../../../engine/authorization/index.ts";
import { createHeaderOperations, type HeaderOperations } from "../../../../engine/router/index.ts";
import type { CustomResponseConfig, ResponsePolicy } from "../../../runtime-config/index.ts";
import type { FilterStream, HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";
import type { PassResponseHead } from "../pass-head.ts";
import { routeConfigsOf } from "../route-configs.ts";

/** Answers in place of responses, of upstreams and of the proxy itself, that a matcher chooses. The most specific matcher that says
 *  something counts. Spec: `envoy.extensions.filters.http.custom_response.v3`. */
export function createCustomResponseFilter(
	{ name, disabled, index }: FilterParts,
	config: CustomResponseConfig,
): HttpFilter {
	/** Made when a policy is used first: routes come and go with theirs. */
	const operations = new WeakMap<ResponsePolicy, HeaderOperations>();
	const operationsOf = (policy: ResponsePolicy): HeaderOperations => {
		let known = operations.get(policy);
		if (known === undefined) {
			known = createHeaderOperations([{ add: policy.headers, remove: [] }]);
			operations.set(policy, known);
		}
		return known;
	};
	return {
		name,
		disabled,
		index,
		onResponseHead(stream, head) {
			const configs = [config, ...routeConfigsOf(stream, name, "custom-response").map((route) => route.config)];
			const policy = configs.reduceRight<ResponsePolicy | undefined>(
				(found, one) => found ?? choose(one, stream),
				undefined,
			);
			if (policy === undefined) return "continue";
			answer(stream, head, policy, operationsOf(policy));
			return "stop";
		},
	};
}

function choose({ tree, policies }: CustomResponseConfig, stream: FilterStream): ResponsePolicy | undefined {
	const action = tree && evaluateTree(tree, stream.record);
	return action && policies[Number(action.name)];
}

function answer(
	stream: FilterStream,
	head: PassResponseHead,
	policy: ResponsePolicy,
	operations: HeaderOperations,
): void {
	const { record } = stream;
	record.localReplyBody = policy.body;
	const body = policy.format === undefined ? policy.body : policy.format.format(record);
	const headers: string[] = [];
	operations.apply(headers, record);
	stream.sendLocalReply({
		status: policy.status ?? head.status,
		body,
		details: policy.details ?? record.responseCodeDetails,
		flags: 0,
		headers,
	});
}
