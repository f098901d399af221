import type { HeaderMutation as StepMessage } from "../../api/gen/envoy/config/common/mutation_rules/v3/mutation_rules_pb.js";
import type { KeyValueMutation } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import { KeyValueAppend_KeyValueAppendAction } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import type {
	HeaderMutation,
	Mutations,
} from "../../api/gen/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.js";
import type { Formatter } from "../../engine/format/index.ts";
import type { HeaderAddition, HeaderMutationStep } from "../../engine/router/index.ts";
import { readStringMatcher } from "./matchers.ts";
import { type Scope, toWireText } from "./scope.ts";
import { checkModifiable, readFormat, readHeaderAddition } from "./values.ts";

/** One change of the query. */
export type QueryMutationStep =
	| {
			readonly kind: "append";
			readonly key: string;
			readonly value: Formatter;
			readonly action: HeaderAddition["action"];
	  }
	| { readonly kind: "remove"; readonly key: string };

/** `envoy.extensions.filters.http.header_mutation.v3.Mutations`: steps that run in their order. */
export interface MutationsConfig {
	readonly request: readonly HeaderMutationStep[];
	readonly query: readonly QueryMutationStep[];
	readonly requestTrailers: readonly HeaderMutationStep[];
	readonly response: readonly HeaderMutationStep[];
	readonly responseTrailers: readonly HeaderMutationStep[];
}

export interface HeaderMutationConfig {
	readonly mutations: MutationsConfig;
	readonly mostSpecificWins: boolean;
}

export function readHeaderMutation(message: HeaderMutation, scope: Scope): HeaderMutationConfig {
	return {
		mutations: readMutations(message.mutations, scope.at("mutations")),
		mostSpecificWins: message.mostSpecificHeaderMutationsWins,
	};
}

export function readMutations(message: Mutations | undefined, scope: Scope): MutationsConfig {
	return {
		request: readSteps(message?.requestMutations ?? [], scope, "request_mutations"),
		query: (message?.queryParameterMutations ?? []).flatMap((step, index) => {
			const read = readQueryStep(step, scope.at("query_parameter_mutations", index));
			return read === undefined ? [] : [read];
		}),
		requestTrailers: readSteps(message?.requestTrailersMutations ?? [], scope, "request_trailers_mutations"),
		response: readSteps(message?.responseMutations ?? [], scope, "response_mutations"),
		responseTrailers: readSteps(message?.responseTrailersMutations ?? [], scope, "response_trailers_mutations"),
	};
}

/** Translates `envoy.config.common.mutation_rules.v3.HeaderMutation`, wherever a list of them stands. */
export function readSteps(messages: readonly StepMessage[], scope: Scope, field: string): HeaderMutationStep[] {
	return messages.flatMap((message, index): HeaderMutationStep[] => {
		const { action } = message;
		const at = scope.at(field, index);
		switch (action.case) {
			case "append":
				checkModifiable(action.value.header?.key.toLowerCase() ?? "", at.at("append").at("header").at("key"));
				return [{ kind: "append", addition: readHeaderAddition(action.value, at.at("append")) }];
			case "remove":
				return [{ kind: "remove", name: action.value.toLowerCase() }];
			case "removeOnMatch": {
				const matcher = readStringMatcher(action.value.keyMatcher, at.at("remove_on_match").at("key_matcher"));
				return [{ kind: "remove-on-match", matcher }];
			}
			default:
				return [];
		}
	});
}

const actions: Readonly<Record<number, HeaderAddition["action"]>> = {
	[KeyValueAppend_KeyValueAppendAction.APPEND_IF_EXISTS_OR_ADD]: "append",
	[KeyValueAppend_KeyValueAppendAction.ADD_IF_ABSENT]: "add-if-absent",
	[KeyValueAppend_KeyValueAppendAction.OVERWRITE_IF_EXISTS_OR_ADD]: "overwrite-or-add",
	[KeyValueAppend_KeyValueAppendAction.OVERWRITE_IF_EXISTS]: "overwrite-if-exists",
};

function readQueryStep(message: KeyValueMutation, scope: Scope): QueryMutationStep | undefined {
	const { append, remove } = message;
	if (append === undefined) {
		if (remove !== "") return { kind: "remove", key: toWireText(remove) };
		scope.report("no mutation specified");
		return undefined;
	}
	const at = scope.at("append").at("record");
	if (append.record === undefined) {
		at.report("no record specified for the mutation of a query parameter");
		return undefined;
	}
	const kind = append.record.value?.kind;
	if (kind?.case !== "stringValue") {
		at.at("value").report("only a text is allowed for a query parameter");
		return undefined;
	}
	return {
		kind: "append",
		key: toWireText(append.record.key),
		value: readFormat(kind.value, at.at("value"), ""),
		action: actions[append.action] ?? "append",
	};
}
