import type { FilterStateValue } from "../../api/gen/envoy/extensions/filters/common/set_filter_state/v3/value_pb.js";
import type { Formatter } from "../../engine/format/index.ts";
import type { Scope } from "./scope.ts";
import { readFormat } from "./values.ts";

/** One object of the filter state, a text. */
export interface FilterStateEntry {
	readonly key: string;
	readonly value: Formatter;
	readonly skipIfEmpty: boolean;
}

/** Keys whose objects are more than a text in Envoy, and that something here reads. */
const knownTexts: ReadonlySet<string> = new Set(["envoy.string", "envoy.tcp_proxy.cluster", "envoy.hashable_string"]);

/** Translates values of `envoy.extensions.filters.common.set_filter_state.v3`, of the HTTP and of the network filter. */
export function readFilterStateValues(
	messages: readonly FilterStateValue[],
	scope: Scope,
	field: string,
): FilterStateEntry[] {
	return messages.map((message, index) => {
		const at = scope.at(field, index);
		const key = message.key.case === "objectKey" ? message.key.value : "";
		const factory = message.factoryKey || key;
		if (!knownTexts.has(factory)) {
			const where = message.factoryKey === "" ? "object_key" : "factory_key";
			at.at(where).report(`'${factory}' does not have an object factory`);
		}
		const source = message.value.case === "formatString" ? message.value.value : undefined;
		const format = source?.format;
		const place = at.at("format_string");
		if (format?.case === "jsonFormat") place.at("json_format").report("only text formats are supported here");
		const text =
			format?.case === "textFormatSource" && format.value.specifier.case === "inlineString"
				? format.value.specifier.value
				: format?.case === "textFormat"
					? format.value
					: "";
		return {
			key,
			value: readFormat(text, place, source?.omitEmptyValues === true ? "" : "-"),
			skipIfEmpty: message.skipIfEmpty,
		};
	});
}
