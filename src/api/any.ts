import { create, type DescMessage, type Message, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { type Any, AnySchema, anyUnpack } from "@bufbuild/protobuf/wkt";
import { apiRegistry, typeUrlOf } from "./registry.ts";

/** Messages that were packed here: to read them, their bytes are not needed. */
const packed = new WeakMap<Any, Message>();

/** Packs a message whose bytes are made when somebody asks for them; it must not change any more. */
export function packAny<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): Any {
	const any = create(AnySchema, { typeUrl: typeUrlOf(schema) });
	let bytes: Uint8Array | undefined;
	Object.defineProperty(any, "value", {
		enumerable: true,
		get() {
			bytes ??= toBinary(schema, message);
			return bytes;
		},
	});
	packed.set(any, message);
	return any;
}

/** The message in an `Any`, not to be changed; undefined when its type is not among the generated ones. */
export function unpackAny(any: Any): Message | undefined {
	return packed.get(any) ?? anyUnpack(any, apiRegistry);
}
