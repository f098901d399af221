import type { CustomResponse } from "../../api/gen/envoy/extensions/filters/http/custom_response/v3/custom_response_pb.js";
import type { LocalResponsePolicy } from "../../api/gen/envoy/extensions/http/custom_response/local_response_policy/v3/local_response_policy_pb.js";
import type { MatchTree } from "../../engine/authorization/index.ts";
import type { Formatter } from "../../engine/format/index.ts";
import type { HeaderAddition } from "../../engine/router/index.ts";
import { readBodyFormat } from "./body-format.ts";
import { readRequestMatcher } from "./match-tree.ts";
import { type Scope, toWireText } from "./scope.ts";
import { readDataSourceNow, readHeaderAdditions } from "./values.ts";

/** `envoy.extensions.http.custom_response.local_response_policy.v3.LocalResponsePolicy`: the answer in place of another one. */
export interface ResponsePolicy {
	readonly body: string;
	readonly format: Formatter | undefined;
	/** Undefined: that of the answer it takes the place of. */
	readonly status: number | undefined;
	readonly headers: readonly HeaderAddition[];
	/** Details for access logs; undefined: those of the answer it takes the place of. */
	readonly details: string | undefined;
}

/** `envoy.extensions.filters.http.custom_response.v3.CustomResponse`: the names of the tree's actions are places in `policies`. */
export interface CustomResponseConfig {
	/** Undefined: nothing is replaced. */
	readonly tree: MatchTree | undefined;
	readonly policies: readonly ResponsePolicy[];
}

const localPolicy = "envoy.extensions.http.custom_response.local_response_policy.v3.LocalResponsePolicy";

export function readCustomResponse({ customResponseMatcher }: CustomResponse, scope: Scope): CustomResponseConfig {
	const policies: ResponsePolicy[] = [];
	const tree =
		customResponseMatcher &&
		readRequestMatcher(customResponseMatcher, scope.at("custom_response_matcher"), (config, at) =>
			config.$typeName === localPolicy
				? String(policies.push(readPolicy(config as LocalResponsePolicy, at)) - 1)
				: undefined,
		);
	return { tree, policies };
}

function readPolicy(message: LocalResponsePolicy, scope: Scope): ResponsePolicy {
	const body = readDataSourceNow(message.body, scope.at("body"));
	const action = message.responseCodeDetailsAction;
	return {
		body: Buffer.from(body ?? []).toString("utf8"),
		format: readBodyFormat(message.bodyFormat, scope.at("body_format"))?.formatter,
		status: message.statusCode,
		headers: readHeaderAdditions(message.responseHeadersToAdd, scope, "response_headers_to_add"),
		details:
			action.case === "preserveResponseCodeDetails"
				? undefined
				: action.case === "responseCodeDetails"
					? toWireText(action.value)
					: "",
	};
}
