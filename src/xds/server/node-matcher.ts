import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { Node } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import type { NodeMatcher } from "../../api/gen/envoy/type/matcher/v3/node_pb.js";
import type { DoubleMatcher } from "../../api/gen/envoy/type/matcher/v3/number_pb.js";
import type { StringMatcher } from "../../api/gen/envoy/type/matcher/v3/string_pb.js";
import type { ValueMatcher } from "../../api/gen/envoy/type/matcher/v3/value_pb.js";

/** A matcher that cannot be used. */
export class UnusableMatcher extends Error {}

/** Whether a node is one of those that a request is about: by any matcher, with all that it says. No matcher is about every node.
 *  @throws UnusableMatcher for regular expressions, which anybody could make run for ever */
export function matchesNode(node: Node, matchers: readonly NodeMatcher[]): boolean {
	if (matchers.length === 0) return true;
	return matchers.some(
		({ nodeId, nodeMetadatas }) =>
			(nodeId === undefined || matchesText(node.id, nodeId)) &&
			nodeMetadatas.every(({ path, value }) => {
				const keys = path.map(({ segment }) => segment.value ?? "");
				return value !== undefined && matchesValue(lookUp(node.metadata, keys), value);
			}),
	);
}

function lookUp(metadata: JsonObject | undefined, keys: readonly string[]): JsonValue | undefined {
	let found: JsonValue | undefined = metadata;
	for (const key of keys) {
		if (found === undefined || found === null || typeof found !== "object" || Array.isArray(found)) return undefined;
		found = Object.hasOwn(found, key) ? found[key] : undefined;
	}
	return found;
}

function matchesValue(value: JsonValue | undefined, { matchPattern: pattern }: ValueMatcher): boolean {
	switch (pattern.case) {
		case "nullMatch":
			return value === null;
		case "doubleMatch":
			return typeof value === "number" && matchesNumber(value, pattern.value);
		case "stringMatch":
			return typeof value === "string" && matchesText(value, pattern.value);
		case "boolMatch":
			return value === pattern.value;
		case "presentMatch":
			return (value !== undefined) === pattern.value;
		case "listMatch": {
			const { matchPattern: item } = pattern.value;
			return item.case === "oneOf" && Array.isArray(value) && value.some((one) => matchesValue(one, item.value));
		}
		case "orMatch":
			return pattern.value.valueMatchers.some((matcher) => matchesValue(value, matcher));
		default:
			return false;
	}
}

function matchesNumber(value: number, { matchPattern: pattern }: DoubleMatcher): boolean {
	if (pattern.case === "range") return pattern.value.start <= value && value < pattern.value.end;
	return pattern.case === "exact" && value === pattern.value;
}

function matchesText(value: string, { matchPattern: pattern, ignoreCase }: StringMatcher): boolean {
	if (pattern.case === "safeRegex" || pattern.case === "custom" || pattern.case === undefined)
		throw new UnusableMatcher("matchers of nodes take exact, prefix, suffix and contains");
	const fold = (text: string): string => (ignoreCase ? text.toLowerCase() : text);
	const [text, wanted] = [fold(value), fold(pattern.value)];
	switch (pattern.case) {
		case "exact":
			return text === wanted;
		case "prefix":
			return text.startsWith(wanted);
		case "suffix":
			return text.endsWith(wanted);
		case "contains":
			return text.includes(wanted);
	}
}
