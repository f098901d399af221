import { create, type DescMessage, fromJson, type Message, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { type Any, AnySchema, anyUnpack } from "@bufbuild/protobuf/wkt";
import type { TypedStruct } from "./gen/xds/type/v3/typed_struct_pb.js";
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

/** The message in an `Any`, not to be changed; undefined when its type is not among the generated ones. A `TypedStruct` is the message
 *  that it describes, where that is a generated one and can be read. */
export function unpackAny(any: Any): Message | undefined {
	const message = packed.get(any) ?? anyUnpack(any, apiRegistry);
	if (message === undefined || !isTypedStruct(message)) return message;
	const described = readStruct(message);
	return described.kind === "message" ? described.message : message;
}

/** Why the `TypedStruct` in an `Any` is not the message that it says it is; undefined for everything else. */
export function findStructProblem(any: Any): string | undefined {
	const message = packed.get(any) ?? anyUnpack(any, apiRegistry);
	if (message === undefined || !isTypedStruct(message)) return undefined;
	const described = readStruct(message);
	return described.kind === "broken" ? described.problem : undefined;
}

function isTypedStruct(message: Message): message is TypedStruct {
	return (
		message.$typeName === "xds.type.v3.TypedStruct" || (message.$typeName as string) === "udpa.type.v1.TypedStruct"
	);
}

type Described =
	| { readonly kind: "message"; readonly message: Message }
	| { readonly kind: "unknown" }
	| { readonly kind: "broken"; readonly problem: string };

function readStruct({ typeUrl, value }: TypedStruct): Described {
	const schema = apiRegistry.getMessage(typeUrl.slice(typeUrl.lastIndexOf("/") + 1));
	if (schema === undefined) return { kind: "unknown" };
	try {
		return { kind: "message", message: fromJson(schema, value ?? {}, { registry: apiRegistry }) };
	} catch (error) {
		return { kind: "broken", problem: error instanceof Error ? error.message : String(error) };
	}
}
