import {
	type Config,
	type Config_KeyValuePair,
	type Config_Rule,
	Config_ValueEncode,
	Config_ValueType,
} from "../../api/gen/envoy/extensions/filters/http/header_to_metadata/v3/header_to_metadata_pb.js";
import type { RegexSubstitution } from "../../engine/matcher/index.ts";
import { readRegexSubstitution } from "./matchers.ts";
import { type Scope, toWireText } from "./scope.ts";

/** `envoy.extensions.filters.http.header_to_metadata.v3.Config`. */
export interface HeaderToMetadataConfig {
	readonly request: readonly HeaderRule[];
	readonly response: readonly HeaderRule[];
	/** Empty keeps no statistics. */
	readonly statPrefix: string;
}

export interface HeaderRule {
	readonly source: { readonly kind: "header" | "cookie"; readonly name: string };
	readonly onPresent: MetadataEntryRule | undefined;
	readonly onMissing: MetadataEntryRule | undefined;
	readonly removes: boolean;
}

/** What is written where. */
export interface MetadataEntryRule {
	readonly namespace: string;
	readonly key: string;
	/** Empty: the value that was found, rewritten. */
	readonly value: string;
	readonly rewrite: RegexSubstitution | undefined;
	readonly type: "string" | "number" | "protobuf";
	readonly isBase64: boolean;
}

export function readHeaderToMetadata(message: Config, scope: Scope, onRoute: boolean): HeaderToMetadataConfig {
	const request = message.requestRules.map((rule, index) => readRule(rule, scope.at("request_rules", index)));
	const response = message.responseRules.map((rule, index) => readRule(rule, scope.at("response_rules", index)));
	if (onRoute && request.length === 0 && response.length === 0) {
		scope.report("per filter configs must at least specify either request or response rules");
	}
	return { request, response, statPrefix: message.statPrefix };
}

function readRule(message: Config_Rule, scope: Scope): HeaderRule {
	const { header, cookie } = message;
	if (header !== "" && cookie !== "") scope.report("cannot specify both header and cookie in the same rule");
	if (header === "" && cookie === "") scope.report("one of cookie or header needs to be specified");
	if (message.onHeaderPresent === undefined && message.onHeaderMissing === undefined) {
		scope.report("has neither on_header_present nor on_header_missing set");
	}
	if (cookie !== "" && message.remove) scope.at("remove").report("cannot be specified for a cookie");
	if (message.onHeaderPresent?.value && message.onHeaderPresent.regexValueRewrite !== undefined) {
		scope.at("on_header_present").report("cannot specify both value and regex_value_rewrite");
	}
	if (message.onHeaderMissing !== undefined && message.onHeaderMissing.value === "") {
		scope.at("on_header_missing").at("value").report("must not be empty");
	}
	return {
		source: header !== "" ? { kind: "header", name: header.toLowerCase() } : { kind: "cookie", name: cookie },
		onPresent: readEntry(message.onHeaderPresent, scope.at("on_header_present")),
		onMissing: readEntry(message.onHeaderMissing, scope.at("on_header_missing")),
		removes: message.remove,
	};
}

const types: Readonly<Record<number, MetadataEntryRule["type"]>> = {
	[Config_ValueType.STRING]: "string",
	[Config_ValueType.NUMBER]: "number",
	[Config_ValueType.PROTOBUF_VALUE]: "protobuf",
};

function readEntry(message: Config_KeyValuePair | undefined, scope: Scope): MetadataEntryRule | undefined {
	if (message === undefined) return undefined;
	const rewrite = message.regexValueRewrite;
	return {
		namespace: message.metadataNamespace || "envoy.filters.http.header_to_metadata",
		key: message.key,
		value: toWireText(message.value),
		rewrite: rewrite && readRegexSubstitution(rewrite, scope.at("regex_value_rewrite")),
		type: types[message.type] ?? "string",
		isBase64: message.encode === Config_ValueEncode.BASE64,
	};
}
