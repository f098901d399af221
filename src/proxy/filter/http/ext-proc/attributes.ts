import { evaluate, isFailure, toJson } from "../../../../engine/expression/index.ts";
import type { StreamInfo } from "../../../../engine/format/index.ts";
import type { JsonValue } from "../../../../engine/matcher/index.ts";
import type { ProcessorAttribute } from "../../../runtime-config/index.ts";

/** The values of attributes by their names; those without a value are left out. */
export function readAttributes(
	attributes: readonly ProcessorAttribute[],
	stream: StreamInfo,
): Record<string, JsonValue> {
	const values: Record<string, JsonValue> = {};
	for (const { name, expression } of attributes) {
		const value = evaluate(expression, stream);
		const json = isFailure(value) ? undefined : toJson(value);
		if (json !== undefined) values[name] = json;
	}
	return values;
}
