import {
	clone,
	create,
	type DescMessage,
	fromBinary,
	type Message,
	type MessageShape,
	toBinary,
} from "@bufbuild/protobuf";
import { type ReflectList, type ReflectMap, type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { type Any, AnySchema } from "@bufbuild/protobuf/wkt";
import { apiRegistry } from "../../api/index.ts";
import type { EnvoyPatch } from "../../model/index.ts";

/** What becomes of a list that both messages have. */
export type ListMerge = "append" | "replace";

/** How a patch treats lists. */
export function listMergeOf({ operation }: Pick<EnvoyPatch, "operation">): ListMerge {
	return operation === "MERGE_AND_REPLACE_LIST" ? "replace" : "append";
}

/** A message with another merged in, as Istio merges: single values replace, lists are added to, maps are joined, messages are merged
 *  field by field; extensions of one type are merged, of another type replaced.
 *  @param lists `replace` where the lists of the other one stand for those here (`MERGE_AND_REPLACE_LIST`); not in extensions */
export function mergeMessages<D extends DescMessage>(
	schema: D,
	target: MessageShape<D>,
	source: Message,
	lists: ListMerge = "append",
): MessageShape<D> {
	const merged = clone(schema, target);
	mergeInto(reflect(schema, merged), reflect(schema, source as MessageShape<D>), lists);
	return merged;
}

/** Messages that are one value. */
const whole: ReadonlySet<string> = new Set(["google.protobuf.Duration", "google.protobuf.Timestamp"]);

function mergeInto(target: ReflectMessage, source: ReflectMessage, lists: ListMerge): void {
	for (const field of source.fields) {
		if (!source.isSet(field)) continue;
		switch (field.fieldKind) {
			case "list": {
				const list = target.get(field) as ReflectList;
				if (lists === "replace") list.clear();
				for (const item of source.get(field) as ReflectList) list.add(item);
				break;
			}
			case "map": {
				const map = target.get(field) as ReflectMap;
				for (const [key, value] of source.get(field) as ReflectMap) map.set(key as string, value);
				break;
			}
			case "message": {
				const value = source.get(field);
				const isOne = whole.has(field.message.typeName) || /Value$/.test(field.message.typeName);
				if (!target.isSet(field) || isOne || !isReflected(value)) target.set(field, value);
				else mergeField(target, field, value, lists);
				break;
			}
			default:
				target.set(field, source.get(field));
		}
	}
}

function isReflected(value: unknown): value is ReflectMessage {
	return value !== null && typeof value === "object" && "desc" in value && "message" in value;
}

function mergeField(
	target: ReflectMessage,
	field: ReflectMessage["fields"][number] & { fieldKind: "message" },
	value: ReflectMessage,
	lists: ListMerge,
): void {
	const own = target.get(field);
	if (!isReflected(own)) target.set(field, value);
	else if (field.message.typeName === AnySchema.typeName)
		target.set(field, reflect(AnySchema, mergeAny(own.message as Any, value.message as Any)));
	else {
		mergeInto(own, value, lists);
		target.set(field, own);
	}
}

function mergeAny(target: Any, source: Any): Any {
	const schema = apiRegistry.getMessage(target.typeUrl.slice(target.typeUrl.lastIndexOf("/") + 1));
	if (schema === undefined || target.typeUrl !== source.typeUrl) return source;
	const merged = mergeMessages(schema, fromBinary(schema, target.value), fromBinary(schema, source.value));
	return create(AnySchema, { typeUrl: target.typeUrl, value: toBinary(schema, merged) });
}
