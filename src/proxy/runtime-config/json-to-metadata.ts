import { type JsonObject as ProtobufJson, toJson } from "@bufbuild/protobuf";
import { type Value, ValueSchema } from "@bufbuild/protobuf/wkt";
import {
	type JsonToMetadata,
	type JsonToMetadata_KeyValuePair,
	type JsonToMetadata_MatchRules,
	type JsonToMetadata_Rule,
	JsonToMetadata_ValueType,
} from "../../api/gen/envoy/extensions/filters/http/json_to_metadata/v3/json_to_metadata_pb.js";
import type { JsonValue } from "../../engine/matcher/index.ts";
import { readRegex } from "./matchers.ts";
import type { Scope } from "./scope.ts";

/** `envoy.extensions.filters.http.json_to_metadata.v3.JsonToMetadata`. */
export interface JsonToMetadataConfig {
	readonly request: JsonRules | undefined;
	readonly response: JsonRules | undefined;
}

/** What is done with the bodies of one direction. */
export interface JsonRules {
	readonly rules: readonly JsonRule[];
	/** Bodies of other content types are left alone. */
	readonly contentTypes: ReadonlySet<string>;
	readonly contentTypePattern: RegExp | undefined;
	readonly allowsNoContentType: boolean;
}

export interface JsonRule {
	/** Keys from the outermost object on. */
	readonly path: readonly string[];
	readonly onPresent: JsonEntryRule | undefined;
	readonly onMissing: JsonEntryRule | undefined;
	readonly onError: JsonEntryRule | undefined;
}

/** What is written where. */
export interface JsonEntryRule {
	readonly namespace: string;
	readonly key: string;
	/** Undefined: the value that was found. */
	readonly value: JsonValue | undefined;
	readonly type: "value" | "string" | "number";
	readonly keepsExisting: boolean;
}

export function readJsonToMetadata(message: JsonToMetadata, scope: Scope): JsonToMetadataConfig {
	const { requestRules, responseRules } = message;
	return {
		request: requestRules && readRules(requestRules, scope.at("request_rules")),
		response: responseRules && readRules(responseRules, scope.at("response_rules")),
	};
}

function readRules(message: JsonToMetadata_MatchRules, scope: Scope): JsonRules {
	const { allowContentTypes, allowContentTypesRegex, allowEmptyContentType } = message;
	const isOpen = allowContentTypes.length === 0 && allowContentTypesRegex === undefined;
	return {
		rules: message.rules.map((rule, index) => readRule(rule, scope.at("rules", index))),
		contentTypes: new Set(isOpen ? ["application/json"] : allowContentTypes),
		contentTypePattern:
			allowContentTypesRegex && readRegex(allowContentTypesRegex, scope.at("allow_content_types_regex")),
		allowsNoContentType: allowEmptyContentType,
	};
}

function readRule(message: JsonToMetadata_Rule, scope: Scope): JsonRule {
	const { onPresent, onMissing, onError, selectors } = message;
	if (onPresent === undefined && onMissing === undefined) {
		scope.report("json to metadata filter: neither `on_present` nor `on_missing` set");
	}
	for (const [field, entry] of [
		["on_missing", onMissing],
		["on_error", onError],
	] as const) {
		if (entry !== undefined && entry.valueType.case === undefined) {
			scope.at(field).report(`json to metadata filter: cannot specify ${field} rule without non-empty value`);
		}
	}
	return {
		path: selectors.map(({ selector }) => (selector.case === "key" ? selector.value : "")),
		onPresent: onPresent && readEntry(onPresent),
		onMissing: onMissing && readEntry(onMissing),
		onError: onError && readEntry(onError),
	};
}

const types: Readonly<Record<number, JsonEntryRule["type"]>> = {
	[JsonToMetadata_ValueType.PROTOBUF_VALUE]: "value",
	[JsonToMetadata_ValueType.STRING]: "string",
	[JsonToMetadata_ValueType.NUMBER]: "number",
};

function readEntry(message: JsonToMetadata_KeyValuePair): JsonEntryRule {
	const { valueType } = message;
	return {
		namespace: message.metadataNamespace || "envoy.filters.http.json_to_metadata",
		key: message.key,
		value: valueType.case === "value" ? toPlain(valueType.value) : undefined,
		type: types[message.type] ?? "value",
		keepsExisting: message.preserveExistingMetadataValue,
	};
}

function toPlain(value: Value): JsonValue {
	return toJson(ValueSchema, value) as ProtobufJson[string] as JsonValue;
}
