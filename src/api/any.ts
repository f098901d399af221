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

/** The message in an `Any`, not to be changed; undefined when its type is not among the generated ones, or its bytes are no message of
 *  it. A `TypedStruct` is the message that it describes, where that is a generated one and can be read. */
export function unpackAny(any: Any): Message | undefined {
	const opened = open(any);
	if (opened.kind !== "message" || !isTypedStruct(opened.message)) {
		return opened.kind === "message" ? opened.message : undefined;
	}
	const described = readStruct(opened.message);
	return described.kind === "message" ? described.message : opened.message;
}

/** Why an `Any` is not the message that it says it is: its bytes, or the fields of its `TypedStruct`; undefined when it is, or nobody
 *  knows. */
export function findAnyProblem(any: Any): string | undefined {
	const opened = open(any);
	if (opened.kind !== "message") return opened.kind === "broken" ? opened.problem : undefined;
	if (!isTypedStruct(opened.message)) return undefined;
	const described = readStruct(opened.message);
	return described.kind === "broken" ? described.problem : undefined;
}

function open(any: Any): Described {
	const known = packed.get(any);
	if (known !== undefined) return { kind: "message", message: known };
	try {
		const message = anyUnpack(any, apiRegistry);
		return message === undefined ? { kind: "unknown" } : { kind: "message", message };
	} catch (error) {
		const reason = error instanceof Error ? error.message : String(error);
		return { kind: "broken", problem: `is no ${any.typeUrl.slice(any.typeUrl.lastIndexOf("/") + 1)}: ${reason}` };
	}
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
